"""Images whose label is likely wrong, by the predictions of classifiers that never saw them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frostline.evaluation.predictions import Predictions

COLUMNS = ("path", "split", "label", "predicted", "probability", "probability_of_label")


@dataclass(frozen=True)
class LabelIssue:
    """One image: its label, the class predicted instead, and the probability (0..1) of each."""

    path: str
    split: str
    label: str
    predicted: str
    probability: float
    probability_of_label: float


def label_issues(out_of_fold: Predictions, rows: npt.NDArray[np.int64] | None = None) -> list[LabelIssue]:
    """Likely label errors, the likeliest first; `rows` are what `ranked` found in them before."""
    found = ranked(out_of_fold) if rows is None else rows
    return [_issue(out_of_fold, int(row)) for row in found]


def ranked(out_of_fold: Predictions) -> npt.NDArray[np.int64]:
    """The rows of likely label errors, the likeliest first, by confident learning.

    C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating uncertainty in dataset
    labels", Journal of Artificial Intelligence Research 70 (2021) 1373-1411, as cleanlab does it.
    """
    from cleanlab.filter import find_label_issues

    found = find_label_issues(
        labels=out_of_fold.labels,
        pred_probs=out_of_fold.probs.astype(np.float64),
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return np.asarray(found, np.int64)


def _issue(rows: Predictions, row: int) -> LabelIssue:
    label, other = int(rows.labels[row]), int(rows.predicted[row])
    return LabelIssue(
        path=rows.paths[row],
        split=rows.splits[row],
        label=rows.classes[label],
        predicted=rows.classes[other],
        probability=float(rows.probs[row, other]),
        probability_of_label=float(rows.probs[row, label]),
    )
