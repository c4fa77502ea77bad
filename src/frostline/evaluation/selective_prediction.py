"""When to answer: abstaining below a confidence, and the threshold between two classes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from frostline.evaluation.statistics import Estimate, f1, proportion

STEPS = tuple(step / 20 for step in range(1, 20))  # 0.05, 0.10 … 0.95
SURE = (*STEPS[9:], 0.98, 0.99, 0.995)
TARGETS = (0.95, 0.98, 0.99, 0.995)


@dataclass(frozen=True)
class Answered:
    """Images whose most probable class has at least `threshold`: the share answered, and right of those."""

    threshold: float
    coverage: Estimate
    accuracy: Estimate | None


@dataclass(frozen=True)
class Promise:
    """A threshold that reached `target` accuracy on validation, kept on test; None where none did."""

    target: float
    kept: Answered | None


@dataclass(frozen=True)
class Threshold:
    """Two classes: the second is said from `threshold` on."""

    threshold: float
    found: int
    missed: int
    false_alarms: int
    precision: Estimate | None
    recall: Estimate | None
    specificity: Estimate | None
    f1: Estimate | None


def answered(sure: np.ndarray, right: np.ndarray, *, threshold: float) -> Answered:
    """One threshold on N > 0 images: (N,) probabilities of the answers, (N,) bool right."""
    kept = sure >= threshold
    coverage = proportion(int(kept.sum()), len(sure))
    assert coverage is not None
    return Answered(threshold, coverage, proportion(int(right[kept].sum()), int(kept.sum())))


def promises(
    validation: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]
) -> Iterator[Promise]:
    """For each target the lowest threshold that reached it on validation, and what it gives on test."""
    for target in TARGETS:
        chosen = lowest(*validation, target=target)
        yield Promise(target, None if chosen is None else answered(*test, threshold=chosen))


def lowest(sure: np.ndarray, right: np.ndarray, *, target: float) -> float | None:
    """The lowest threshold from which on answers are right in `target` of the cases; None without one."""
    order = np.argsort(-sure, kind="stable")
    values, accuracy = sure[order], right[order].cumsum() / np.arange(1, len(sure) + 1)
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


def _threshold(actual: np.ndarray, said: np.ndarray, step: float) -> Threshold:
    found, missed, alarms = (int(both.sum()) for both in (actual & said, actual & ~said, ~actual & said))
    quiet = int((~actual & ~said).sum())
    return Threshold(
        threshold=step,
        found=found,
        missed=missed,
        false_alarms=alarms,
        precision=proportion(found, found + alarms),
        recall=proportion(found, found + missed),
        specificity=proportion(quiet, quiet + alarms),
        f1=f1(found, missed, alarms),
    )
