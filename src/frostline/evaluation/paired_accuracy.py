"""How far two classifiers' accuracies lie apart on the same images."""

import numpy as np

from frostline.evaluation.statistics import Z95, Estimate


def accuracy_difference(first_right: np.ndarray, second_right: np.ndarray) -> Estimate:
    """Accuracy of the first minus that of the second on the same images, two (N,) bool arrays.

    The interval adds one image to each side before it takes the normal's: D. G. Bonett and R. M. Price,
    "Adjusted Wald confidence interval for a difference of binomial proportions based on paired data",
    Journal of Educational and Behavioral Statistics 37 (2012) 479-488. ValueError if the shapes differ.
    """
    if first_right.shape != second_right.shape:
        raise ValueError(f"not paired: {first_right.shape} and {second_right.shape}")
    count = len(first_right)
    only_first, only_second = (
        int((one & ~other).sum()) for one, other in ((first_right, second_right), (second_right, first_right))
    )
    ahead, behind = (only_first + 1) / (count + 2), (only_second + 1) / (count + 2)
    half = Z95 * np.sqrt((ahead + behind - (ahead - behind) ** 2) / (count + 2))
    middle = ahead - behind
    value = (only_first - only_second) / count
    return Estimate(value, max(-1.0, float(middle - half)), min(1.0, float(middle + half)))
