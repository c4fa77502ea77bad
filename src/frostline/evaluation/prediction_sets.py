"""Prediction sets: for each image the classes that cover the actual one with a promised probability.

Split conformal prediction: V. Vovk, A. Gammerman and G. Shafer, Algorithmic Learning in a Random World (2005), with
the score of M. Sadinle, J. Lei and L. Wasserman, "Least ambiguous set-valued classifiers with bounded error levels",
Journal of the American Statistical Association 114 (2019) 223-234.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from frostline.evaluation.predictions import Predictions
from frostline.evaluation.statistics import Estimate, proportion
from frostline.runtime import answers

# 0.5 to 0.99 in hundredths, then in thousandths; what lies between takes the next higher.
LEVELS = (*(step / 100 for step in range(50, 100)), *(step / 1000 for step in range(991, 1000)))
SHOWN = (0.8, 0.9, 0.95, 0.99)
_SLACK = 1e-6  # relative: what engines may differ in


@dataclass(frozen=True)
class SetCoverage:
    """Sets of one promised coverage on N images: the share that holds the actual class, and how large they are.

    `name` is the class that the images are of, "" for all of them; `size` is the mean number of classes, `single` the
    share of sets of one class.
    """

    promised: float
    name: str
    images: int
    coverage: Estimate
    size: float
    single: Estimate


def thresholds(labels: np.ndarray, probs: np.ndarray) -> dict[str, float]:
    """Probabilities by coverage, as text: the classes from that one on are a set of that coverage.

    Of n held-out images, (n,) labels and (n, C) probabilities, the k-th lowest probability of the actual class,
    k = floor((1 - coverage) (n + 1)): on images drawn like them sets hold the actual class with at least the promised
    probability, and with at most 1 / (n + 1) more where no two probabilities are equal. Coverages for which n is too
    small (k = 0) are left out.
    """
    actual = np.sort(probs[np.arange(len(labels)), labels].astype(np.float64))
    ranks = {level: int(np.floor((1 - level) * (len(actual) + 1) + 1e-9)) for level in LEVELS}
    return {
        f"{level:g}": float(f"{actual[rank - 1] * (1 - _SLACK):.8g}")
        for level, rank in ranks.items()
        if rank >= 1
    }


def measured(rows: Predictions, found: dict[str, float]) -> Iterator[SetCoverage]:
    """What sets do on rows that their thresholds were not taken from: for each coverage of SHOWN all, then by class."""
    for level in SHOWN:
        if (threshold := found.get(f"{level:g}")) is None or not len(rows):
            continue
        members = answers.members(rows.probs, threshold)
        yield _measured(level, "", rows.labels, members)
        for label, name in enumerate(rows.classes):
            if (here := rows.labels == label).any():
                yield _measured(level, name, rows.labels[here], members[here])


def _measured(level: float, name: str, labels: np.ndarray, members: np.ndarray) -> SetCoverage:
    sizes = members.sum(axis=1)
    held = proportion(int(members[np.arange(len(labels)), labels].sum()), len(labels))
    single = proportion(int((sizes == 1).sum()), len(labels))
    assert held is not None
    assert single is not None
    return SetCoverage(level, name, len(labels), held, float(sizes.mean()), single)
