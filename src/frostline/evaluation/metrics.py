"""Figures of merit from probabilities and labels: sums and counts over rows, each row once, with intervals."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from frostline.evaluation import calibration, ranking
from frostline.evaluation.log_loss import EPSILON, losses
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.statistics import Estimate, f1, in_logits, mean, mean_of_shares, proportion

TOP = (3, 5)
_SHARES = ("precision", "recall", "f1")
CLASS_COLUMNS = (
    "class",
    "images",
    *_SHARES,
    *(f"{name}_{end}" for name in _SHARES for end in ("low", "high")),
)
DECIMALS = 6  # of what is written: keeps the last bits, which differ between processors, out of files


@dataclass(frozen=True)
class ClassMetrics:
    """One class: its images, and shares in 0..1, None where the share is of nothing."""

    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None
    images: int


@dataclass(frozen=True)
class Metrics:
    """One split: figures by name, each with its 95% interval, and each class by name.

    accuracy, balanced_accuracy, macro_f1, top_3 and top_5 (where there are more classes), loss (mean log loss in
    nats), brier, calibration_error, roc_auc and average_precision (where there are two classes).
    """

    images: int
    figures: dict[str, Estimate]
    per_class: dict[str, ClassMetrics]

    @property
    def accuracy(self) -> Estimate:
        return self.figures["accuracy"]

    @property
    def loss(self) -> Estimate:
        return self.figures["loss"]

    def as_json(self) -> dict[str, Any]:
        """Plain values as precise as the metrics file has them; classes have their own file."""
        return {
            "images": self.images,
            **{
                f"{name}{end}": round(value, DECIMALS)
                for name, figure in self.figures.items()
                for end, value in (("", figure.value), ("_low", figure.low), ("_high", figure.high))
            },
        }


def measure(predictions: Predictions) -> Metrics:
    """All figures of these rows; ValueError where there are none."""
    if not len(predictions):
        raise ValueError("no rows to measure")
    labels, probs = predictions.labels, predictions.probs
    matrix = confusion(labels, predictions.predicted, classes=len(predictions.classes))
    classes = per_class(matrix)
    shares = {
        "accuracy": proportion(int(np.trace(matrix)), len(predictions)),
        "balanced_accuracy": mean_of_shares([one.recall for one in classes if one.recall]),
        "macro_f1": macro_f1(matrix),
        **{f"top_{k}": top(labels, probs, k) for k in TOP if k < len(predictions.classes)},
    }
    return Metrics(
        images=len(predictions),
        figures={
            **{name: share for name, share in shares.items() if share},
            "loss": mean(losses(labels, probs), least=0.0, most=-math.log(EPSILON)),
            "brier": calibration.brier(labels, probs),
            "calibration_error": calibration.calibration_error(probs, predictions.right),
            **ranking.areas(labels, probs),
        },
        per_class=dict(zip(predictions.classes, classes, strict=True)),
    )


def top(labels: np.ndarray, probs: np.ndarray, k: int) -> Estimate | None:
    """Share of images whose actual class is among the k most probable; the first of equals come first."""
    among = np.argsort(-probs, axis=1, kind="stable")[:, :k]
    return proportion(int((among == labels[:, None]).any(axis=1).sum()), len(labels))


def confusion(labels: np.ndarray, predicted: np.ndarray, *, classes: int) -> np.ndarray:
    """(C, C) int64 counts: row = actual class, column = predicted class; the sum is N.

    `labels` and `predicted` are (N,) integers in 0..C-1. The layout is scikit-learn's
    `confusion_matrix`.
    """
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def macro_f1(matrix: np.ndarray) -> Estimate:
    """The mean F1 of the classes that are anywhere in a (C, C) confusion matrix with at least one image.

    F1 of class c is 2 n_cc / s_c, s_c the sum of its row and its column; so an image in cell (i, j) moves the
    mean by (2 [i = j] - F1_i) / s_i and (- F1_j) / s_j, and the squares of these sum to the variance (the delta
    method: K. Takahashi et al., "Confidence interval for micro-averaged F1 and macro-averaged F1 scores",
    Applied Intelligence 52 (2022) 4961-4972), here in logits. Where all is right or all is wrong, the
    intervals of the classes are all there is to go by.
    """
    hits, sums = np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1)
    there = sums > 0
    per_image = 1 / np.maximum(sums, 1)
    f1s = 2 * hits * per_image
    moved = np.diag(2 * per_image) - (f1s * per_image)[:, None] - (f1s * per_image)[None, :]
    variance = float((matrix * (moved / there.sum()) ** 2).sum())
    value = float(f1s[there].mean())
    if 0 < value < 1:
        return in_logits(value, variance, images=int(matrix.sum()))
    return mean_of_shares([one.f1 for one in per_class(matrix) if one.f1])


def per_class(matrix: np.ndarray) -> list[ClassMetrics]:
    """Precision, recall and F1 of each class from a (C, C) confusion matrix.

    precision = hits / predicted as it, recall = hits / images of it, F1 = 2 hits / (both sums), their
    harmonic mean: C. J. van Rijsbergen, Information Retrieval (1979), chapter 7. A class never
    predicted has no precision, a class without images no recall: None, not a zero that was never
    measured.
    """
    hits, images, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return [
        ClassMetrics(
            precision=proportion(hit, of_predicted),
            recall=proportion(hit, of_images),
            f1=f1(hit, of_images - hit, of_predicted - hit),
            images=of_images,
        )
        for hit, of_images, of_predicted in zip(
            hits.tolist(), images.tolist(), predicted.tolist(), strict=True
        )
    ]


def class_rows(measured: Mapping[str, ClassMetrics]) -> list[tuple[Any, ...]]:
    """A row per class in the order of `CLASS_COLUMNS`, as precise as the metrics file; None where undefined."""
    return [(name, one.images, *_class_row(one)) for name, one in measured.items()]


def _class_row(measured: ClassMetrics) -> list[float | None]:
    shares = [getattr(measured, name) for name in _SHARES]
    values = [share.value if share else None for share in shares]
    ends = [end for share in shares for end in ((share.low, share.high) if share else (None, None))]
    return [None if value is None else round(value, DECIMALS) for value in (*values, *ends)]
