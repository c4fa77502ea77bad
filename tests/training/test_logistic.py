"""Logistic regressions: the optimum that scikit-learn finds, for any shape of the problem, in far fewer steps."""

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from frostline.training import logistic


def blobs(classes: int, *, count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Standardised rows (count, width) float32 of overlapping classes of unequal sizes, features correlated; labels."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, classes, count) ** 2 % classes)
    labels[:classes] = np.arange(classes)
    rows = rng.normal(size=(classes, width))[labels] + rng.normal(size=(count, width)) @ (
        np.eye(width) + rng.normal(size=(width, 1)) * 2
    )
    return ((rows - rows.mean(0)) / rows.std(0)).astype(np.float32), labels


def objective(
    rows: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    strength: float,
    logits: np.ndarray,
    kernel: np.ndarray,
) -> float:
    """The penalised mean loss, in float64."""
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    losses = np.logaddexp.reduce(logits, axis=1) - logits[np.arange(len(labels)), labels]
    return float((losses * weights).mean() + (kernel**2).sum() / 2 / strength / len(rows))


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([2, 3, 6]),
    st.sampled_from([(200, 7), (40, 60), (300, 40)]),
    st.booleans(),
    st.sampled_from([1e-4, 1e-2, 1.0, 100.0]),
    st.booleans(),
    st.integers(0, 99),
)
def test_as_good_as_scikit_learn(
    classes: int, shape: tuple[int, int], balanced: bool, strength: float, wide: bool, seed: int
) -> None:
    """No worse than a solver of other make that goes on to its end; wide rows have no factor."""
    rows, labels = blobs(classes, count=shape[0], width=shape[1], seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logistic, "LEAST", 0)
        if wide:
            patch.setattr(logistic, "WIDEST", 1)
        ((kernel, bias),) = logistic.fits(
            rows, labels, [strength], balanced=balanced, steps=2000, tolerance=1e-4
        )
    assert (kernel.dtype, kernel.shape) == (np.float32, (shape[1], 1 if classes == 2 else classes))
    like = LogisticRegression(
        C=strength, solver="newton-cg", tol=1e-6, max_iter=1000, class_weight="balanced" if balanced else None
    ).fit(rows.astype(np.float64), labels)
    counts = np.bincount(labels)
    weights = (len(labels) / (len(counts) * counts) if balanced else np.ones(len(counts)))[labels]
    found = objective(rows, labels, weights, strength, rows @ kernel + bias, kernel)
    best = objective(rows, labels, weights, strength, rows @ like.coef_.T + like.intercept_, like.coef_)
    assert found <= best + 1e-4


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are read in pieces of any size, the last one shorter; each strength goes on from the one before."""
    rows, labels = blobs(3, count=150, width=12)
    arguments = {"balanced": True, "steps": 1000, "tolerance": 1e-5}
    whole = list(logistic.fits(rows, labels, [0.01, 1.0], **arguments))  # type: ignore[arg-type]
    monkeypatch.setattr(logistic, "_PIECE", 1)
    monkeypatch.setattr(logistic, "_ROWS", 7)
    for (kernel, bias), (other, moved) in zip(
        whole,
        logistic.fits(rows, labels, [0.01, 1.0], **arguments),  # type: ignore[arg-type]
        strict=True,
    ):
        np.testing.assert_allclose(kernel, other, atol=2e-3)
        np.testing.assert_allclose(bias, moved, atol=2e-3)


def test_correlated_features_take_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """In coordinates in which the loss curves alike; in those of the features it takes several times as many."""
    rng = np.random.default_rng(0)
    rows = (rng.normal(size=(400, 60)) * np.logspace(0, -2, 60)) @ rng.normal(size=(60, 60))
    rows, labels = ((rows - rows.mean(0)) / rows.std(0)).astype(np.float32), np.arange(400) % 2
    counts: list[int] = []
    minimize = scipy.optimize.minimize

    def counted(*args: object, **kwargs: object) -> object:
        found = minimize(*args, **kwargs)  # type: ignore[call-overload]
        counts.append(found.nfev)
        return found

    monkeypatch.setattr(scipy.optimize, "minimize", counted)
    for widest in (60, 1):
        monkeypatch.setattr(logistic, "WIDEST", widest)
        list(logistic.fits(rows, labels, [1.0], balanced=False, steps=1000, tolerance=1e-4))
    assert 3 * counts[0] < counts[1]


def test_features_that_never_vary() -> None:
    """Nothing is divided by zero: the shares of the classes are all that is known."""
    labels = np.array([0, 0, 0, 1])
    ((kernel, bias),) = logistic.fits(
        np.zeros((4, 3), np.float32), labels, [1e6], balanced=False, steps=100, tolerance=1e-5
    )
    assert not kernel.any()
    assert 1 / (1 + np.exp(-bias[0])) == pytest.approx(0.25, abs=1e-3)


def test_features_that_repeat_each_other() -> None:
    """Many columns made of a few: their correlations have no inverse, and the optimum is found all the same."""
    rng = np.random.default_rng(0)
    rows = np.tile(rng.normal(size=(200, 2)) @ rng.normal(size=(2, 25)), 4)
    rows, labels = ((rows - rows.mean(0)) / rows.std(0)).astype(np.float32), rng.integers(0, 3, 200)
    for kernel, bias in logistic.fits(rows, labels, [0.1, 1e6], balanced=False, steps=1000, tolerance=1e-5):
        targets = np.eye(3)[labels]
        powers = np.exp(rows.astype(np.float64) @ kernel + bias)
        wrong = powers / powers.sum(1, keepdims=True) - targets
        assert np.abs(rows.T @ wrong / 200).max() < 1e-2
        assert np.abs(wrong.mean(0)).max() < 1e-3
