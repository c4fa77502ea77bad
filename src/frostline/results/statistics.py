"""How sure a figure is: an interval for one accuracy, a paired test for two."""

import math
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054  # the 97.5% point of the standard normal: 95% lies within ±Z95


@dataclass(frozen=True)
class Interval:
    """Two ends of a confidence interval, 0 ≤ low ≤ high ≤ 1."""

    low: float
    high: float


@dataclass(frozen=True)
class Paired:
    """Two classifiers on the same images: how many only one of them got right, and the p-value.

    `p` is the probability, were the two equally good, of a split at least as uneven as this one.
    """

    only_first: int
    only_second: int
    p: float


def wilson(right: int, total: int, *, z: float = Z95) -> Interval:
    """Wilson's score interval for a proportion of `right` in `total` > 0; 95% unless told otherwise.

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
    from scipy.special import bdtr

    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    tail = float(bdtr(min(only_first, only_second), only_first + only_second, 0.5))
    return Paired(only_first=only_first, only_second=only_second, p=min(1.0, 2 * tail))
