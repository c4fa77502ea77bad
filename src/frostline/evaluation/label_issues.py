"""Images whose label is likely wrong, by what a classifier that never saw them says."""

from dataclasses import dataclass

import numpy as np

from frostline.evaluation.predictions import Predictions

COLUMNS = ("path", "split", "label", "looks_like", "probability", "probability_of_label")


@dataclass(frozen=True)
class Doubt:
    """One image: its class by its folder, the class it looks like, and the probability (0..1) of each."""

    path: str
    split: str
    label: str
    looks_like: str
    probability: float
    probability_of_label: float


def doubts(out_of_fold: Predictions) -> list[Doubt]:
    """Likely label errors, the likeliest first, by confident learning.

    C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating uncertainty in dataset
    labels", Journal of Artificial Intelligence Research 70 (2021) 1373-1411, as cleanlab does it.
    """
    from cleanlab.filter import find_label_issues

    ranked = find_label_issues(
        labels=out_of_fold.labels,
        pred_probs=out_of_fold.probs.astype(np.float64),
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return [_doubt(out_of_fold, int(row)) for row in ranked]


def _doubt(rows: Predictions, row: int) -> Doubt:
    label, other = int(rows.labels[row]), int(rows.predicted[row])
    return Doubt(
        path=rows.paths[row],
        split=rows.splits[row],
        label=rows.classes[label],
        looks_like=rows.classes[other],
        probability=float(rows.probs[row, other]),
        probability_of_label=float(rows.probs[row, label]),
    )
