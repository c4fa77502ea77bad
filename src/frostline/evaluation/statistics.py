"""How sure a figure is: 95% intervals for shares, means and differences, each from the images behind it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054  # the 97.5% point of the standard normal: 95% lies within ±Z95
_MANY = 30  # degrees of freedom


@dataclass(frozen=True)
class Interval:
    """Two ends of a confidence interval, low ≤ high."""

    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval."""

    value: float
    low: float
    high: float


def wilson(right: int, total: int, *, z: float = Z95) -> Interval:
    """Wilson's score interval for a proportion of `right` in `total` > 0; 95% by default.

    centre ± half-width = (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), with p = right/total.
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927) 209-212; recommended for small n and p near 0 or 1
    by Brown, Cai and DasGupta, Statistical Science 16 (2001) 101-133. ValueError unless
    0 ≤ right ≤ total and total > 0.
    """
    if not 0 <= right <= total or total == 0:
        raise ValueError(f"{right} right of {total} is no proportion")
    share, scale = right / total, 1 + z * z / total
    centre = (share + z * z / (2 * total)) / scale
    half = z * math.sqrt(share * (1 - share) / total + (z / (2 * total)) ** 2) / scale
    # At 0 and at n the formula ends exactly on 0 and 1; rounding would leave it 1e-17 outside.
    low = 0.0 if right == 0 else max(0.0, centre - half)
    high = 1.0 if right == total else min(1.0, centre + half)
    return Interval(low=low, high=high)


def proportion(right: int, total: int) -> Estimate | None:
    """A share with Wilson's interval; None where it is a share of nothing."""
    if not total:
        return None
    ends = wilson(int(right), int(total))
    return Estimate(float(right / total), ends.low, ends.high)


def f1(hits: int, misses: int, false_alarms: int) -> Estimate | None:
    """F1 = 2 hits / (2 hits + misses + false alarms); None where all three are 0.

    Of the images that are not true negatives, hits are a binomial share j, and F1 = 2j / (1 + j)
    rises with it: Wilson's ends for j become those of F1.
    """
    share = proportion(hits, hits + misses + false_alarms)
    if share is None:
        return None
    value, low, high = (2 * j / (1 + j) for j in (share.value, share.low, share.high))
    return Estimate(value, low, high)


def mean(values: np.ndarray, *, least: float, most: float) -> Estimate:
    """The mean of (N,) figures that lie in least..most, for skewed ones such as losses.

    Student's t with the skewness taken out by a monotone cubic: P. Hall, "On the removal of skewness by
    transformation", Journal of the Royal Statistical Society B 54 (1992) 221-228. One value alone
    says nothing of its spread: its interval is all that is possible.
    """
    count, centre = len(values), float(values.mean())
    if count < 2:
        return Estimate(centre, least, most)
    spread = float(values.std(ddof=1))
    if spread == 0:
        return Estimate(centre, centre, centre)
    skew = float(((values - centre) ** 3).mean()) / spread**3
    slope, shift = skew / (3 * math.sqrt(count)), skew / (6 * math.sqrt(count))
    quantile = t975(count - 1)

    def untransformed(point: float) -> float:
        return point if abs(slope) < 1e-9 else (math.cbrt(1 + 3 * slope * (point - shift)) - 1) / slope

    low, high = (centre - untransformed(end) * spread / math.sqrt(count) for end in (quantile, -quantile))
    return Estimate(centre, max(least, min(low, centre)), min(most, max(high, centre)))


def t975(freedom: float) -> float:
    """The 97.5% point of Student's t: 95% lies within ± it.

    From 30 degrees of freedom on by 26.7.5 in M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions
    (1964), an expansion in powers of 1/freedom that is less than 1e-7 off there, for scipy takes long to import.
    """
    if freedom < _MANY:
        from scipy.special import stdtrit

        return float(stdtrit(freedom, 0.975))
    x = Z95
    terms = (
        x,
        (x**3 + x) / 4,
        (5 * x**5 + 16 * x**3 + 3 * x) / 96,
        (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384,
        (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160,
    )
    return sum(term / freedom**power for power, term in enumerate(terms))


def log_factorials(most: int) -> np.ndarray:
    """The logarithms of 0! to most!, (most + 1,)."""
    return np.array([math.lgamma(number) for number in range(1, most + 2)])


def mean_of_shares(shares: Sequence[Estimate]) -> Estimate:
    """The mean of at least one independent share, each with its interval; so balanced accuracy.

    The distances to the ends add as variances do: G. Y. Zou and A. Donner, "Construction of confidence
    limits about effect measures", Statistics in Medicine 27 (2008) 1693-1702.
    """
    count = len(shares)
    value = sum(share.value for share in shares) / count
    below = math.sqrt(sum((share.value - share.low) ** 2 for share in shares)) / count
    above = math.sqrt(sum((share.high - share.value) ** 2 for share in shares)) / count
    return Estimate(value, max(0.0, value - below), min(1.0, value + above))


def difference(first: Estimate, second: Estimate) -> Estimate:
    """first - second, two shares of different images.

    Method 10 of R. G. Newcombe, "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 17 (1998) 873-890.
    """
    value = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value, value - below, value + above)


def in_logits(value: float, variance: float, *, images: int) -> Estimate:
    """An area in 0..1 with an interval that is symmetric in logits.

    Without variance (nothing out of order) only the number of images, of the smallest class, says how
    far from 1 or 0 the truth may be.
    """
    if variance <= 0 or not 0 < value < 1:
        ends = wilson(round(value * images), images)
        return Estimate(value, min(ends.low, value), max(ends.high, value))
    logit, half = math.log(value / (1 - value)), Z95 * math.sqrt(variance) / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-(logit + side))) for side in (-half, half))
    return Estimate(value, low, high)
