"""When to answer: thresholds counted by hand, against scikit-learn, and kept from validation to test."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from frostline.evaluation import selective_prediction
from frostline.evaluation.selective_prediction import (
    TARGETS,
    best_f1,
    coverage,
    lowest,
    targets,
    thresholds,
)

SURE = np.array([0.9, 0.8, 0.8, 0.7, 0.6])
RIGHT = np.array([True, True, False, True, False])


def test_answered_by_hand() -> None:
    """An answer exactly at the threshold is given."""
    found = coverage(SURE, RIGHT, threshold=0.8)
    assert found.accuracy
    assert (found.coverage.value, found.accuracy.value) == (3 / 5, 2 / 3)
    none = coverage(SURE, RIGHT, threshold=0.95)
    assert (none.coverage.value, none.accuracy) == (0, None)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (1.0, 0.9),  # of the two at 0.8 one is wrong: both or none are answered
        (0.75, 0.7),  # 3 of 4
        (0.7, 0.7),
        (0.6, 0.6),  # all five: 3 of 5
        (0.61, 0.7),
    ],
)
def test_lowest_by_hand(target: float, expected: float) -> None:
    """The most answers that still reach the target, though fewer of them would not."""
    assert lowest(SURE, RIGHT, target=target) == expected


def test_lowest_may_not_exist() -> None:
    """The surest answer is wrong, and so is every other."""
    assert lowest(np.array([0.9, 0.5]), np.array([False, False]), target=0.5) is None


@given(st.lists(st.tuples(st.integers(50, 100), st.booleans()), min_size=1, max_size=40), st.floats(0.05, 1))
def test_lowest_reaches_its_target_and_is_the_lowest(rows: list[tuple[int, bool]], target: float) -> None:
    """Against every possible threshold."""
    sure, right = np.array([each / 100 for each, _ in rows]), np.array([good for _, good in rows])
    kept = [value for value in np.unique(sure) if right[sure >= value].mean() >= target]
    assert lowest(sure, right, target=target) == (min(kept) if kept else None)


def test_thresholds_are_chosen_on_validation_and_measured_on_test() -> None:
    """The figures are those of test; a target that validation never reached has none."""
    sure = np.linspace(0.5, 1, 200)
    right = np.arange(200) >= 100  # right from about 0.75 on
    worse = (sure, np.arange(200) >= 150)
    found = list(targets((sure, right), worse))
    assert [each.accuracy for each in found] == list(TARGETS)
    for each in found:
        assert each.on_test
        assert each.on_test.accuracy
        assert each.on_test.accuracy.value < each.accuracy
        assert (right[sure >= each.on_test.threshold].mean()) >= each.accuracy
    assert [each.on_test for each in targets((sure, np.zeros(200, bool)), worse)] == [None] * len(TARGETS)


def test_thresholds_against_sklearn() -> None:
    """Precision, recall, specificity and F1 at every step."""
    rng = np.random.default_rng(1)
    labels = rng.integers(2, size=300)
    second = np.clip(labels * 0.3 + rng.random(300) * 0.7, 0, 1)
    for row in thresholds(labels, second):
        said = second >= row.threshold
        assert row.precision
        assert row.recall
        assert row.specificity
        assert row.f1
        assert row.precision.value == pytest.approx(precision_score(labels, said))
        assert row.recall.value == pytest.approx(recall_score(labels, said))
        assert row.specificity.value == pytest.approx(recall_score(1 - labels, ~said))
        assert row.f1.value == pytest.approx(f1_score(labels, said))
        assert row.true_positives + row.false_negatives == labels.sum()
    assert [row.threshold for row in thresholds(labels, second)] == list(selective_prediction.STEPS)


def test_best_f1_takes_the_nearest_to_one_half_of_equals() -> None:
    """A perfect gap between 0.2 and 0.8 leaves many thresholds equally good."""
    labels = np.array([0, 0, 1, 1])
    assert best_f1(labels, np.array([0.1, 0.2, 0.8, 0.9])) == 0.5
    assert best_f1(labels, np.array([0.62, 0.64, 0.8, 0.9])) == 0.65
    assert best_f1(np.zeros(3, int), np.array([0.1, 0.2, 0.3])) == 0.5  # nothing to find
