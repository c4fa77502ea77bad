"""Two classifiers on the same images: which is better, by how much, and how sure that is."""

from dataclasses import dataclass

import numpy as np

from frostline.evaluation.statistics import Z95, Estimate

RESAMPLES = 2000


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
    from scipy.special import bdtr

    only_first = int((first_right & ~second_right).sum())
    only_second = int((second_right & ~first_right).sum())
    tail = float(bdtr(min(only_first, only_second), only_first + only_second, 0.5))
    return Paired(only_first=only_first, only_second=only_second, p=min(1.0, 2 * tail))


def accuracy_difference(first_right: np.ndarray, second_right: np.ndarray) -> Estimate:
    """Accuracy of the first minus that of the second on the same images, two (N,) bool arrays.

    The interval adds one image to each side before it takes the normal's: D. G. Bonett and R. M. Price,
    "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data",
    Journal of Educational and Behavioral Statistics 37 (2012) 479-488.
    """
    pair, count = mcnemar(first_right, second_right), len(first_right)
    ahead, behind = (pair.only_first + 1) / (count + 2), (pair.only_second + 1) / (count + 2)
    half = Z95 * np.sqrt((ahead + behind - (ahead - behind) ** 2) / (count + 2))
    middle = ahead - behind
    value = (pair.only_first - pair.only_second) / count
    return Estimate(value, max(-1.0, float(middle - half)), min(1.0, float(middle + half)))


def mean_difference(first: np.ndarray, second: np.ndarray) -> Estimate:
    """Mean of first - second, two (N,) figures of the same images, by a paired bootstrap.

    Images are drawn again with replacement, the same for both (B. Efron and R. J. Tibshirani, An
    Introduction to the Bootstrap (1993), chapter 13); the draws are the same on every call.
    """
    rng, apart = np.random.default_rng(0), first - second
    means = [apart[rng.integers(len(apart), size=len(apart))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return Estimate(float(apart.mean()), float(low), float(high))


def over_seeds(differences: np.ndarray) -> Estimate:
    """Mean of (S, N) differences: S ≥ 2 trainings of both classifiers on the same N ≥ 2 images.

    Trainings and images both vary: the variance of the mean is (images + trainings - rest) / SN by the
    mean squares of a two-way layout, its degrees of freedom are F. E. Satterthwaite's ("An approximate
    distribution of estimates of variance components", Biometrics Bulletin 2 (1946) 110-114).
    """
    from scipy.special import stdtrit

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
    half = float(stdtrit(freedom, 0.975)) * (total / (runs * count)) ** 0.5
    return Estimate(centre, centre - half, centre + half)
