"""Heads of each kind: what scikit-learn finds, as arrays that can be exported."""

from collections.abc import Iterator

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neural_network import MLPClassifier

from frostline.training import head_fits
from frostline.training.head_fits import HeadOptions


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """As those who call them have it."""
    with head_fits.quiet():
        yield


def blobs(classes: int, *, count: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Rows (count, width) float32 of classes that overlap, of unequal sizes; labels."""
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, classes, count) % classes)
    labels[: 3 * classes] = np.repeat(np.arange(classes), 3)
    centres = np.random.default_rng(classes).normal(size=(classes, width))
    return (centres[labels] + rng.normal(size=(count, width))).astype(np.float32), labels


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(("count", "width"), [(90, 7), (30, 50)])
@pytest.mark.parametrize("balanced", [False, True])
def test_lda_is_that_of_scikit_learn(classes: int, count: int, width: int, balanced: bool) -> None:
    """For more images than features and for fewer; the shrinkages of one call are those of many."""
    rows, labels = blobs(classes, count=count, width=width)
    asked, _ = blobs(classes, count=20, width=width, seed=1)
    shrinkages = [0.05, 0.5, 1.0]
    found = list(head_fits.lda(rows, labels, shrinkages, HeadOptions(balanced=balanced)))
    priors = np.full(classes, 1 / classes) if balanced else None
    for shrinkage, head in zip(shrinkages, found, strict=True):
        like = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage, priors=priors)
        expected = like.fit(rows.astype(np.float64), labels).predict_proba(asked.astype(np.float64))
        assert head.logits.kernel.shape == (width, 1 if classes == 2 else classes)
        np.testing.assert_allclose(head(asked), expected, atol=2e-4)


def test_lda_shrunk_to_the_end_is_the_nearest_mean() -> None:
    """Of classes of one size."""
    rows, labels = blobs(3, count=60, width=5)
    keep = np.concatenate([np.flatnonzero(labels == label)[:9] for label in range(3)])
    rows, labels = rows[keep], labels[keep]
    (head,) = head_fits.lda(rows, labels, [1.0], HeadOptions())
    means = np.stack([rows[labels == label].mean(0) for label in range(3)])
    nearest = ((rows[:, None] - means) ** 2).sum(2).argmin(1)
    np.testing.assert_array_equal(head(rows).argmax(1), nearest)


def test_lda_of_features_that_never_vary() -> None:
    """Nothing is divided by zero: nothing is known of the classes but how frequent they are."""
    labels = np.array([0, 0, 0, 1])
    (head,) = head_fits.lda(np.ones((4, 3), np.float32), labels, [0.5], HeadOptions())
    np.testing.assert_allclose(head(np.ones((1, 3), np.float32)), [[0.75, 0.25]], atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_mlp_is_that_of_scikit_learn(classes: int) -> None:
    """Two hidden layers, the same probabilities; another seed, others."""
    rows, labels = blobs(classes, count=80, width=6)
    options = HeadOptions(hidden=(5, 4), seed=3)
    (head,) = head_fits.mlp(rows, labels, [0.1], options)
    assert [layer.kernel.shape for layer in head.hidden] == [(6, 5), (5, 4)]
    like = MLPClassifier(
        (5, 4),
        alpha=0.1,
        batch_size=32,
        max_iter=head_fits.passes(80),
        n_iter_no_change=head_fits.passes(80),
        random_state=3,
    )
    like.fit(rows, labels)
    np.testing.assert_allclose(head(rows), like.predict_proba(rows), atol=1e-5)
    (other,) = head_fits.mlp(rows, labels, [0.1], HeadOptions(hidden=(5, 4), seed=4))
    assert np.abs(other(rows) - head(rows)).max() > 0.01
