"""Tests of two classifiers on the same images: which is better, by how much, and whether one is not worse."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from frostline.evaluation.statistics import Estimate, log_factorials, t975

RESAMPLES = 2000

# Without this correction for continuity, at level 5%, up to 6.0% of challengers at the margin pass;
# with it, at most 4.8%: counted exactly, for 100 to 1000 images.
HALF = 0.5


@dataclass(frozen=True)
class Paired:
    """Two classifiers on the same images: how many only one of them got right, and the p-value.

    `p` is the probability, were the two equally good, of a split at least as uneven as this one.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> Paired:
    """Exact McNemar test of two classifiers on the same images; two (N,) bool arrays, row by row.

    Only images that exactly one of them got right tell the two apart. Were they equally good, each
    such image would fall to either side like a fair coin: p = min(1, 2 · P(Bin(b + c, ½) ≤ min(b, c))).
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12 (1947) 153-157, with the binomial in place of its χ²
    approximation. ValueError if the shapes differ.
    """
    if first_right.shape != second_right.shape:
        raise ValueError(f"not paired: {first_right.shape} and {second_right.shape}")
    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    discordant, logs = only_first + only_second, log_factorials(only_first + only_second)
    fewer = np.arange(min(only_first, only_second) + 1)
    tail = float(np.exp(logs[-1] - logs[fewer] - logs[discordant - fewer] - discordant * math.log(2)).sum())
    return Paired(only_first=only_first, only_second=only_second, p=min(1.0, 2 * tail))


def mean_difference(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Mean of first - second, two (N,) figures of the same images, by a paired bootstrap.

    Images are drawn again with replacement, the same for both (B. Efron and R. J. Tibshirani, An
    Introduction to the Bootstrap (1993), chapter 13); the draws are the same on every call.
    """
    rng, differences = np.random.default_rng(0), first - second
    means = [
        differences[rng.integers(len(differences), size=len(differences))].mean() for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(float(differences.mean()), float(low), float(high))


def over_seeds(differences: np.ndarray) -> Estimate:
    """Mean of (S, N) differences: S ≥ 2 trainings of both classifiers on the same N ≥ 2 images.

    Trainings and images both vary: the variance of the mean is (images + trainings - rest) / SN by the
    mean squares of a two-way layout, its degrees of freedom are F. E. Satterthwaite's ("An approximate
    distribution of estimates of variance components", Biometrics Bulletin 2 (1946) 110-114).
    """
    runs, count = differences.shape
    centre = float(differences.mean())
    by_image, by_run = differences.mean(axis=0) - centre, differences.mean(axis=1, keepdims=True) - centre
    rest = differences - centre - by_image - by_run
    images = runs * float((by_image**2).sum()) / (count - 1)
    trainings = count * float((by_run**2).sum()) / (runs - 1)
    left = float((rest**2).sum()) / ((runs - 1) * (count - 1))
    total = max(images + trainings - left, images, trainings)
    if total == 0:
        return Estimate(centre, centre, centre)
    freedom = total**2 / (images**2 / (count - 1) + trainings**2 / (runs - 1))
    half = t975(freedom) * (total / (runs * count)) ** 0.5
    return Estimate(centre, centre - half, centre + half)


@dataclass(frozen=True)
class NonInferiority:
    """A paired test of "at most `margin` worse": what was measured, what was concluded.

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
    discordant = min(1.0, max(discordant, abs(difference), 1e-9))
    share = (discordant + difference) / (2 * discordant)
    counts = np.arange(images + 1)
    chances = _binomial(counts, images, discordant)
    below = chances.cumsum()
    low, high = (int(np.searchsorted(below, end)) for end in (1e-7, 1 - 1e-7))
    total, gained = counts[low : high + 1, None], counts[None, : high + 1]
    weight = chances[total] * _binomial(np.minimum(gained, total), total, share)
    passes = _score(gained, total - gained, images, -margin) > _quantile(level)
    return float(min(1.0, (weight * passes * (gained <= total)).sum()))


def _binomial(counts: np.ndarray, trials: int | np.ndarray, chance: float) -> np.ndarray:
    """The probability of so many successes in so many trials."""
    logs, failures = log_factorials(int(np.max(trials))), trials - counts
    ways = logs[trials] - logs[counts] - logs[failures]
    never = -1e300  # what cannot be, and 0 where it did not have to
    success = math.log(chance) if chance > 0 else never
    failure = math.log1p(-chance) if chance < 1 else never
    return np.asarray(np.exp(ways + counts * success + failures * failure))


def _quantile(level: float) -> float:
    return NormalDist().inv_cdf(1 - level)


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
        f"{verdict.lost} lost); {1 - verdict.level:.0%} lower bound {bound:+.2f}, allowed {-margin:+.2f}"
    )


def needed(*, margin: float, level: float) -> int:
    """With fewer images in common than this, not even a challenger that loses nothing can pass."""
    z = _quantile(level)
    images = 1
    while images * margin - HALF <= z * math.sqrt(images * margin * (1 - margin)):
        images += 1
    return images
