"""Every interval that is printed holds the truth in 93 to 97 of 100 simulated test sets."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from frostline.evaluation import (
    calibration,
    metrics,
    paired_accuracy,
    paired_tests,
    ranking,
    selective_prediction,
)
from frostline.evaluation.log_loss import losses
from frostline.evaluation.statistics import Estimate, difference, mean, proportion
from helpers.simulation import Test, coverage, drawn

Figure = Callable[[np.ndarray, np.ndarray], Estimate]


def _matrix(labels: np.ndarray, probs: np.ndarray) -> np.ndarray:
    return metrics.confusion(labels, probs.argmax(axis=1), classes=probs.shape[1])


def _share(name: str, labels: np.ndarray, probs: np.ndarray) -> Estimate:
    return getattr(metrics.per_class(_matrix(labels, probs))[0], name)


def _accuracy(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    found = proportion(int(np.trace(_matrix(labels, probs))), len(labels))
    assert found
    return found


def _balanced(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    shares = [each.recall for each in metrics.per_class(_matrix(labels, probs)) if each.recall]
    return metrics.mean_of_shares(shares)


def _macro(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    return metrics.macro_f1(_matrix(labels, probs))


def _top(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    found = metrics.top(labels, probs, 3)
    assert found
    return found


def _loss(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    return mean(losses(labels, probs), least=0, most=16.2)


def _calibration(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    return calibration.calibration_error(probs, probs.argmax(axis=1) == labels)


def _area(name: str, labels: np.ndarray, probs: np.ndarray) -> Estimate:
    return ranking.areas(labels, probs)[name]


def _answered(name: str, labels: np.ndarray, probs: np.ndarray) -> Estimate:
    right = probs.argmax(axis=1) == labels
    return getattr(selective_prediction.coverage(probs.max(axis=1), right, threshold=0.8), name)


def _specificity(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    found = selective_prediction.thresholds(labels, probs[:, 1])[5].specificity
    assert found
    return found


FIGURES: dict[str, Figure] = {
    "accuracy": _accuracy,
    "balanced_accuracy": _balanced,
    "macro_f1": _macro,
    "precision": partial(_share, "precision"),
    "recall": partial(_share, "recall"),
    "f1": partial(_share, "f1"),
    "loss": _loss,
    "brier": calibration.brier,
    "calibration_error": _calibration,
    "roc_auc": partial(_area, "roc_auc"),
    "average_precision": partial(_area, "average_precision"),
    "coverage": partial(_answered, "coverage"),
    "accuracy_of_answers": partial(_answered, "accuracy"),
}
# (classes, clear, sure): accuracies of 83%, 94%, 79% and 91%; the third says too much, the rest are calibrated.
CLASSIFIERS = [(2, 2.0, 1.0), (2, 6.0, 1.0), (6, 4.0, 2.0), (6, 10.0, 1.0)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("images", [300, 1000])
@pytest.mark.parametrize("classifier", CLASSIFIERS, ids=str)
@pytest.mark.parametrize("name", FIGURES)
def test_coverage(name: str, classifier: tuple[int, float, float], images: int) -> None:
    """2,000 simulated test sets of a classifier whose figures are known."""
    classes, clear, sure = classifier
    draw = partial(drawn, classes=classes, clear=clear, sure=sure)
    assert 0.93 <= coverage(FIGURES[name], draw, images=images) <= 0.97


@pytest.mark.parametrize("name", FIGURES)
def test_coverage_quickly(name: str) -> None:
    """The same with 400 test sets of one classifier; chance alone spreads ±2 points."""
    draw = partial(drawn, classes=2, clear=3.0, sure=1.0)
    assert 0.92 <= coverage(FIGURES[name], draw, images=500, sets=400) <= 0.985


@pytest.mark.parametrize(("name", "classes"), [("top_3", 6), ("specificity", 2)])
def test_coverage_of_the_others(name: str, classes: int) -> None:
    """What needs many classes, or just two."""
    figure = {"top_3": _top, "specificity": _specificity}[name]
    draw = partial(drawn, classes=classes, clear=4.0)
    assert 0.93 <= coverage(figure, draw, images=600) <= 0.97


def _two_splits(rng: np.random.Generator, count: int) -> Test:
    """Right answers of one split with a true accuracy of 96%, and of another with 92%."""
    return rng.random(count) < 0.96, rng.random(count) < 0.92


def _gap(first: np.ndarray, second: np.ndarray) -> Estimate:
    ends = [proportion(int(each.sum()), len(each)) for each in (first, second)]
    assert ends[0]
    assert ends[1]
    return difference(ends[0], ends[1])


def _pair(rng: np.random.Generator, count: int) -> Test:
    """Two classifiers on the same images: both right 88%, only the first 5%, only the second 3%."""
    kind = rng.random(count)
    return kind < 0.93, (kind < 0.88) | (kind > 0.97)


def _losses(rng: np.random.Generator, count: int) -> Test:
    """Skewed losses of two classifiers that hang together; true means 0.25 and 0.2."""
    hard = rng.exponential(size=count)
    return 0.2 * hard + 0.05 * rng.exponential(size=count), 0.15 * hard + 0.05 * rng.exponential(size=count)


@pytest.mark.parametrize(
    ("figure", "draw", "truth"),
    [(_gap, _two_splits, 0.04), (paired_accuracy.accuracy_difference, _pair, 0.02)],
    ids=["gap", "accuracy difference"],
)
@pytest.mark.parametrize("images", [300, 1000])
def test_coverage_of_differences(
    figure: Figure, draw: Callable[..., Test], truth: float, images: int
) -> None:
    """Between splits, and between classifiers on the same images."""
    assert 0.93 <= coverage(figure, draw, images=images, truth=truth) <= 0.97


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_coverage_of_the_paired_bootstrap() -> None:
    """Difference of mean losses on the same 400 images."""
    assert 0.93 <= coverage(paired_tests.mean_difference, _losses, images=400, truth=0.05, sets=1000) <= 0.97


@pytest.mark.parametrize(("runs", "spread"), [(3, 0.02), (5, 0.01), (5, 0.0)])
def test_coverage_over_seeds(runs: int, spread: float) -> None:
    """Trainings differ by `spread`, images by themselves: a true difference of 0.03 is held."""
    rng, held = np.random.default_rng(4), []
    for _ in range(2000):
        images = rng.normal(0.03, 0.3, size=300)
        table = images + rng.normal(0, spread, (runs, 1)) + rng.normal(0, 0.2, (runs, 300))
        found = paired_tests.over_seeds(table)
        held.append(found.low <= 0.03 <= found.high)
    assert 0.93 <= np.mean(held) <= 0.985
