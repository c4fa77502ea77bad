"""Whether a new classifier is not worse than another on the same images, and how likely a test is to say so."""

import math
from dataclasses import dataclass

import numpy as np

# Without this correction for continuity, at level 5%, up to 6.0% of challengers at the margin pass;
# with it, at most 4.8%: counted exactly, for 100 to 1000 images.
HALF = 0.5


@dataclass(frozen=True)
class NonInferiority:
    """A paired test of "at most `margin` worse": what was seen, what was concluded.

    `gained` images only the challenger got right, `lost` only the other one; `difference` is their
    share of all `images`, `bound` its lower limit at one-sided `level`. `passed` where the bound
    lies above -margin. Shares are 0-1, of images.
    """

    images: int
    gained: int
    lost: int
    difference: float
    bound: float
    margin: float
    level: float

    @property
    def passed(self) -> bool:
        return self.bound > -self.margin


def judge(challenger: np.ndarray, other: np.ndarray, *, margin: float, level: float) -> NonInferiority:
    """Test two (N,) bool arrays, right or wrong image by image, N > 0; ValueError if they are not paired.

    T. Tango's score test for paired shares (Statistics in Medicine 17, 1998, 891-908), made a little
    stricter by HALF an image, so that the rate of wrong promotions never exceeds the level.
    """
    if challenger.shape != other.shape or challenger.ndim != 1 or not len(challenger):
        raise ValueError(f"not paired: {challenger.shape} and {other.shape}")
    images = len(challenger)
    gained = int((challenger & ~other).sum())
    lost = int((other & ~challenger).sum())
    return NonInferiority(
        images=images,
        gained=gained,
        lost=lost,
        difference=(gained - lost) / images,
        bound=_bound(gained, lost, images, level=level),
        margin=margin,
        level=level,
    )


def power(images: int, *, discordant: float, difference: float, margin: float, level: float) -> float:
    """The chance that `judge` passes a challenger whose true advantage is `difference` (0-1, of images).

    `discordant` is the share of images on which exactly one of the two is right. Every outcome that
    has any weight is tested and weighed, so the answer is exact, without random numbers.
    """
    from scipy.stats import binom

    discordant = min(1.0, max(discordant, abs(difference), 1e-9))
    share = (discordant + difference) / (2 * discordant)
    low, high = (int(end) for end in binom.ppf([1e-7, 1 - 1e-7], images, discordant))
    total = np.arange(low, high + 1)[:, None]
    gained = np.arange(high + 1)[None, :]
    weight = binom.pmf(total, images, discordant) * binom.pmf(gained, total, share)
    passes = _score(gained, total - gained, images, -margin) > _quantile(level)
    return float(min(1.0, (weight * passes * (gained <= total)).sum()))


def _quantile(level: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - level))


def _score(gained: np.ndarray, lost: np.ndarray, images: int, difference: float) -> np.ndarray:
    """How many standard errors gained - lost lies above a true difference in (-1, 0], by the likelihood."""
    lost_likely = _likely_lost(gained, lost, images, difference)
    variance = images * (2 * lost_likely + difference * (1 - difference))
    above = gained - lost - HALF - images * difference
    return np.asarray(above / np.sqrt(np.maximum(variance, 1e-12)))


def _likely_lost(gained: np.ndarray, lost: np.ndarray, images: int, difference: float) -> np.ndarray:
    """The most likely share of lost images if the true difference were `difference`: a quadratic's root."""
    b = -gained - lost + (2 * images - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    root = (np.sqrt(np.maximum(b * b - 8 * images * c, 0)) - b) / (4 * images)
    return np.asarray(np.maximum(root, max(0.0, -difference)))


def _bound(gained: int, lost: int, images: int, *, level: float) -> float:
    """The difference down to which the score test at `level` does not pass, by halving; -1 to 1."""
    one, two = np.array(gained), np.array(lost)
    wanted = _quantile(level)
    low, high = -1.0, (gained - lost) / images
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if _score(one, two, images, middle) > wanted else (low, middle)
    return low


def readable(verdict: NonInferiority) -> str:
    """The figures in one line, in points (hundredths of all images)."""
    difference, bound, margin = (100 * value for value in (verdict.difference, verdict.bound, verdict.margin))
    return (
        f"{difference:+.2f} points on {verdict.images:,} test images in common ({verdict.gained} gained, "
        f"{verdict.lost} lost); at {1 - verdict.level:.0%} not below {bound:+.2f}, allowed {-margin:+.2f}"
    )


def needed(*, margin: float, level: float) -> int:
    """With fewer images in common than this, not even a challenger that loses nothing can pass."""
    z = _quantile(level)
    images = 1
    while images * margin - HALF <= z * math.sqrt(images * margin * (1 - margin)):
        images += 1
    return images
