"""Figures of merit from probabilities and labels: sums and counts over rows, each row once.

Plain NumPy, so that evaluating needs no scikit-learn; the tests hold every figure against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from frostline.records.predictions import Predictions
from frostline.results.statistics import Interval, wilson

EPSILON = 1e-7  # Keras's own clip: a certain mistake costs ln(1e7) = 16.1, not infinity
CLASS_COLUMNS = ("class", "images", "precision", "recall", "f1")
DECIMALS = 6  # of what is written: keeps the last bits, which differ between processors, out of files


@dataclass(frozen=True)
class ClassMetrics:
    """One class: its images, and shares in 0..1, None where the share is of nothing."""

    precision: float | None
    recall: float | None
    f1: float | None
    images: int


@dataclass(frozen=True)
class Metrics:
    """One split: accuracy with its 95% interval, mean log loss in nats, and each class by name."""

    images: int
    accuracy: float
    interval: Interval
    loss: float
    per_class: dict[str, ClassMetrics]

    def as_json(self) -> dict[str, Any]:
        """Plain values in the order and precision that the metrics file has; classes have their own file."""
        return {
            "images": self.images,
            "accuracy": round(self.accuracy, DECIMALS),
            "accuracy_low": round(self.interval.low, DECIMALS),
            "accuracy_high": round(self.interval.high, DECIMALS),
            "loss": round(self.loss, DECIMALS),
        }


def measure(predictions: Predictions) -> Metrics:
    """All figures of these rows; ValueError where there are none."""
    if not len(predictions):
        raise ValueError("no rows to measure")
    matrix = confusion(predictions.labels, predictions.predicted, classes=len(predictions.classes))
    right = int(np.trace(matrix))
    return Metrics(
        images=len(predictions),
        accuracy=accuracy(matrix),
        interval=wilson(right, len(predictions)),
        loss=log_loss(predictions.labels, predictions.probs),
        per_class=dict(zip(predictions.classes, per_class(matrix), strict=True)),
    )


def confusion(labels: np.ndarray, predicted: np.ndarray, *, classes: int) -> np.ndarray:
    """(C, C) int64 counts: row = actual class, column = predicted class; the sum is N.

    `labels` and `predicted` are (N,) integers in 0..C-1. The layout is scikit-learn's
    `confusion_matrix`.
    """
    cells = labels.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def accuracy(matrix: np.ndarray) -> float:
    """Share of images whose predicted class is the actual one: trace / sum of the confusion matrix."""
    return float(np.trace(matrix) / matrix.sum())


def log_loss(labels: np.ndarray, probs: np.ndarray) -> float:
    """Mean of -ln p(actual class), in nats; `labels` (N,) int, `probs` (N, C) in 0..1.

    Also known as categorical cross-entropy: C. M. Bishop, Pattern Recognition and Machine Learning
    (2006), eq. 4.108. Probabilities are clipped to 1e-7..1-1e-7 as `keras.losses` does, so that the
    figure stands beside the training curve's.
    """
    actual = probs[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(actual, EPSILON, 1 - EPSILON)).mean())


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
            precision=_share(hit, of_predicted),
            recall=_share(hit, of_images),
            f1=_share(2 * hit, of_images + of_predicted),
            images=int(of_images),
        )
        for hit, of_images, of_predicted in zip(hits, images, predicted, strict=True)
    ]


def class_rows(
    measured: Mapping[str, ClassMetrics],
) -> list[tuple[str, int, float | None, float | None, float | None]]:
    """A row a class in the order of `CLASS_COLUMNS`, as precise as the metrics file."""
    return [
        (name, each.images, _rounded(each.precision), _rounded(each.recall), _rounded(each.f1))
        for name, each in measured.items()
    ]


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, DECIMALS)
