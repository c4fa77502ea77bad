"""Metrics: every figure against scikit-learn, and the edges that it leaves open."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from frostline.evaluation import metrics
from frostline.evaluation.log_loss import losses
from frostline.evaluation.metrics import measure
from frostline.evaluation.statistics import Estimate, wilson
from helpers.results import rows


def drawn(seed: int, *, count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels (N,) and probabilities (N, C) that are right more often than not."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    scores = rng.normal(size=(count, classes)) + 1.5 * np.eye(classes)[labels]
    shares = np.exp(scores)
    return labels, (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(("seed", "count", "classes"), [(0, 200, 2), (1, 350, 10), (2, 999, 100), (3, 1, 2)])
def test_against_scikit_learn(seed: int, count: int, classes: int) -> None:
    """Loss, confusion, precision, recall and F1 are scikit-learn's."""
    labels, probs = drawn(seed, count=count, classes=classes)
    predicted, every = probs.argmax(axis=1), np.arange(classes)
    matrix = metrics.confusion(labels, predicted, classes=classes)
    np.testing.assert_array_equal(matrix, reference.confusion_matrix(labels, predicted, labels=every))
    exact = probs.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    assert losses(labels, probs).mean() == pytest.approx(
        reference.log_loss(labels, exact, labels=every), rel=1e-5
    )
    figures = metrics.per_class(matrix)
    expected = reference.precision_recall_fscore_support(
        labels, predicted, labels=every, zero_division=np.nan
    )
    for own, theirs in zip(("precision", "recall", "f1", "images"), expected, strict=True):
        found = [getattr(each, own) for each in figures]
        found = [each.value if isinstance(each, Estimate) else each for each in found]
        np.testing.assert_allclose([np.nan if f is None else f for f in found], theirs)


@pytest.mark.parametrize(("seed", "classes"), [(0, 2), (1, 10)])
def test_measured_against_scikit_learn(seed: int, classes: int) -> None:
    """Every figure of a split is scikit-learn's, and lies within its interval."""
    labels, probs = drawn(seed, count=400, classes=classes)
    exact = probs.astype(np.float64) / probs.sum(axis=1, keepdims=True, dtype=np.float64)
    figures = measure(rows(labels.tolist(), probs=probs)).figures
    one_hot, predicted = np.eye(classes)[labels], probs.argmax(axis=1)
    expected = {
        "accuracy": reference.accuracy_score(labels, predicted),
        "balanced_accuracy": reference.balanced_accuracy_score(labels, predicted),
        "macro_f1": reference.f1_score(labels, predicted, average="macro"),
        "loss": reference.log_loss(labels, exact),
        "brier": ((exact - one_hot) ** 2).sum(axis=1).mean(),
        "roc_auc": reference.roc_auc_score(one_hot, exact, average="macro"),
        "average_precision": reference.average_precision_score(one_hot, exact, average="macro"),
        **{f"top_{k}": reference.top_k_accuracy_score(labels, exact, k=k) for k in (3, 5) if k < classes},
    }
    assert {name: figures[name].value for name in expected} == pytest.approx(expected, abs=1e-6)
    assert figures.keys() - expected.keys() == {"calibration_error"}
    assert all(0 <= each.low <= each.value <= each.high for each in figures.values())


def test_by_hand() -> None:
    """Four images, worked out on paper: 3 of 4 right."""
    measured = measure(rows([0, 1, 2, 1], [0, 1, 1, 1]))
    dog, moose = measured.per_class["dog"], measured.per_class["élan"]
    assert measured.accuracy == Estimate(0.75, wilson(3, 4).low, wilson(3, 4).high)
    assert measured.figures["balanced_accuracy"].value == pytest.approx(2 / 3)
    assert measured.figures["macro_f1"].value == pytest.approx((1 + 0.8 + 0) / 3)
    assert [each and each.value for each in (dog.precision, dog.recall, dog.f1)] == [2 / 3, 1.0, 0.8]
    assert (dog.images, moose.images, moose.precision) == (2, 1, None)
    assert [each and each.value for each in (moose.recall, moose.f1)] == [0.0, 0.0]


def test_perfect() -> None:
    """All right: every share is 1, the interval ends on 1, the loss is above 0."""
    measured = measure(rows([0, 1, 2], [0, 1, 2]))
    assert measured.accuracy.value == measured.accuracy.high == 1.0
    assert 0.4 < measured.figures["macro_f1"].low < measured.figures["macro_f1"].value == 1.0
    shares = [getattr(c, key) for c in measured.per_class.values() for key in ("precision", "recall", "f1")]
    assert all(share.value == 1 for share in shares)
    assert 0 < measured.loss.value < 0.4


def test_class_without_images_has_no_recall() -> None:
    """A share of nothing is None, never NaN, and stays None in its row; balance is that of the others."""
    measured = measure(rows([0, 0], [0, 1]))
    absent = measured.per_class["élan"]
    assert (absent.precision, absent.recall, absent.f1, absent.images) == (None, None, None, 0)
    assert metrics.class_rows(measured.per_class)[2] == ("élan", 0, *[None] * 9)
    assert measured.figures["balanced_accuracy"].value == 0.5
    assert measured.figures["macro_f1"].value == pytest.approx(1 / 3)  # of two classes: one is nowhere
    assert "roc_auc" not in measured.figures


def test_certain_mistake_costs_as_in_keras() -> None:
    """Probability 0 for the actual class is clipped at 1e-7: 16.1 nats, not infinity."""
    assert losses(np.array([1]), np.array([[1, 0]], np.float32))[0] == pytest.approx(-np.log(1e-7))


def test_nothing_to_measure() -> None:
    """No rows are an error, not a division by zero."""
    with pytest.raises(ValueError, match="no rows"):
        measure(rows([], []))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40), st.randoms())
def test_order_of_rows_does_not_count(pairs: list[tuple[int, int]], random) -> None:
    """Each row counts once and alike: shuffled rows measure the same, and the counts sum to N."""
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    matrix = metrics.confusion(labels, predicted, classes=3)
    assert matrix.sum() == len(pairs)
    order = list(range(len(pairs)))
    random.shuffle(order)
    np.testing.assert_array_equal(matrix, metrics.confusion(labels[order], predicted[order], classes=3))


def test_many_classes_do_not_overflow() -> None:
    """int8 labels of another writer would overflow the cell number; they are widened first."""
    labels = np.array([99, 100], np.int8)
    matrix = metrics.confusion(labels, labels, classes=101)
    assert matrix[99, 99] == matrix[100, 100] == 1


def test_json_keys_and_precision() -> None:
    """The metrics file's own keys, each figure with its ends, six decimals; top k below the number of classes."""
    written = measure(rows([0, 1, 2], [0, 1, 1])).as_json()
    names = (
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "loss",
        "brier",
        "calibration_error",
        "roc_auc",
        "average_precision",
    )
    assert list(written) == ["images", *(f"{name}{end}" for name in names for end in ("", "_low", "_high"))]
    assert written["accuracy"] == 0.666667


def test_class_rows() -> None:
    """A row a class in the dataset's order, six decimals, as its head says."""
    measured = measure(rows([0, 1, 2, 1], [0, 1, 1, 1]))
    assert metrics.CLASS_COLUMNS == (
        "class", "images", "precision", "recall", "f1",
        "precision_low", "precision_high", "recall_low", "recall_high", "f1_low", "f1_high",
    )  # fmt: skip
    found = metrics.class_rows(measured.per_class)
    assert [row[:5] for row in found] == [
        ("cat", 1, 1.0, 1.0, 1.0),
        ("dog", 2, 0.666667, 1.0, 0.8),
        ("élan", 1, None, 0.0, 0.0),
    ]
    assert found[2][5:9] == (None, None, 0.0, round(wilson(0, 1).high, 6))
