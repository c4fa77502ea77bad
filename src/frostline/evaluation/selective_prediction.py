"""When to answer: abstaining below a confidence, and the threshold between two classes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from frostline.evaluation.statistics import Estimate, f1, proportion

STEPS = tuple(step / 20 for step in range(1, 20))  # 0.05, 0.10 … 0.95
STEEP = (*STEPS[9:], 0.98, 0.99, 0.995)
TARGETS = (0.95, 0.98, 0.99, 0.995)


@dataclass(frozen=True)
class Coverage:
    """Answering only from a confidence of `threshold` on: the share of images answered, and accuracy on those."""

    threshold: float
    coverage: Estimate
    accuracy: Estimate | None


@dataclass(frozen=True)
class Target:
    """A wanted accuracy, and what the threshold that reached it on validation gives on test; None where none did."""

    accuracy: float
    on_test: Coverage | None


@dataclass(frozen=True)
class Threshold:
    """Two classes: the second (the positive one) is predicted from `threshold` on."""

    threshold: float
    true_positives: int
    false_negatives: int
    false_positives: int
    precision: Estimate | None
    recall: Estimate | None
    specificity: Estimate | None
    f1: Estimate | None


def coverage(confidence: np.ndarray, right: np.ndarray, *, threshold: float) -> Coverage:
    """One threshold on N > 0 images: (N,) probabilities of the predicted classes, (N,) bool right."""
    answered = confidence >= threshold
    share = proportion(int(answered.sum()), len(confidence))
    assert share is not None
    return Coverage(threshold, share, proportion(int(right[answered].sum()), int(answered.sum())))


def curve(confidence: np.ndarray, right: np.ndarray, *, thresholds: Sequence[float]) -> list[Coverage]:
    """`coverage` at each threshold."""
    return [coverage(confidence, right, threshold=threshold) for threshold in thresholds]


def targets(
    validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
) -> Iterator[Target]:
    """For each target the lowest threshold that reached it on validation, and what it gives on test."""
    for target in TARGETS:
        chosen = lowest(*validation, target=target)
        yield Target(target, None if chosen is None else coverage(*test, threshold=chosen))


def lowest(confidence: np.ndarray, right: np.ndarray, *, target: float) -> float | None:
    """The lowest threshold from which on answers are right in `target` of the cases; None without one."""
    order = np.argsort(-confidence, kind="stable")
    values, accuracy = confidence[order], right[order].cumsum() / np.arange(1, len(confidence) + 1)
    last_of_equals = np.append(values[1:] != values[:-1], True)
    good = np.flatnonzero(last_of_equals & (accuracy >= target))
    return float(values[good[-1]]) if len(good) else None


def thresholds(labels: np.ndarray, second: np.ndarray) -> list[Threshold]:
    """The table over STEPS; (N,) labels 0 or 1 and (N,) probabilities of class 1."""
    return [_threshold(labels == 1, second >= step, step) for step in STEPS]


def best_f1(labels: np.ndarray, second: np.ndarray) -> float:
    """The step whose F1 is highest, the nearest to one half of equals."""

    def rank(row: Threshold) -> tuple[float, float]:
        return (row.f1.value if row.f1 else 0.0, -abs(row.threshold - 0.5))

    return max(thresholds(labels, second), key=rank).threshold


def _threshold(actual: np.ndarray, predicted: np.ndarray, step: float) -> Threshold:
    true_positives, false_negatives, false_positives = (
        int(both.sum()) for both in (actual & predicted, actual & ~predicted, ~actual & predicted)
    )
    true_negatives = int((~actual & ~predicted).sum())
    return Threshold(
        threshold=step,
        true_positives=true_positives,
        false_negatives=false_negatives,
        false_positives=false_positives,
        precision=proportion(true_positives, true_positives + false_positives),
        recall=proportion(true_positives, true_positives + false_negatives),
        specificity=proportion(true_negatives, true_negatives + false_positives),
        f1=f1(true_positives, false_negatives, false_positives),
    )
