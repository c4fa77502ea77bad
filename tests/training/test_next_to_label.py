"""Photos to label next: unsure ones, of different things, the same each time."""

import numpy as np

from frostline.training import next_to_label


def blobs(centres: list[list[float]], each: int, *, spread: float = 0.05, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(centre, spread, (each, len(centre))) for centre in centres]).astype(
        np.float32
    )


def test_uncertainty_is_one_less_the_margin() -> None:
    """0 where one class is certain, 1 where two are equal."""
    probs = np.array([[1, 0, 0], [0.5, 0.5, 0], [0.6, 0.3, 0.1]])
    assert np.allclose(next_to_label.uncertainty(probs), [0, 1, 0.7])


def test_probabilities_of_the_unlabelled() -> None:
    """Rows sum to one and name the nearer class."""
    rows = blobs([[1, 0], [0, 1]], 10)
    labels = np.repeat([0, 1], 10)
    probs = next_to_label.fitted(rows, labels, np.array([[1, 0], [0, 1], [0.5, 0.5]], np.float32))
    assert np.allclose(probs.sum(axis=1), 1, atol=1e-6)
    assert probs.argmax(axis=1)[:2].tolist() == [0, 1]
    assert probs.dtype == np.float32


def test_the_unsure_are_spread() -> None:
    """Of four heaps of equally unsure photos each is asked about; of the certain ones none."""
    rows = blobs([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 1, 1]], 3)
    probs = np.repeat([[0.5, 0.5], [0.99, 0.01]], [12, 3], axis=0)
    chosen = next_to_label.order(rows, probs, count=4, seed=3)
    assert sorted((chosen // 3).tolist()) == [0, 1, 2, 3]
    assert np.array_equal(chosen, next_to_label.order(rows, probs, count=4, seed=3))


def test_as_many_as_wanted_and_no_more_than_there_are() -> None:
    """Each once, copies of one photo too."""
    rows = np.ones((30, 4), np.float32)
    probs = np.full((30, 2), 0.5)
    assert len(set(next_to_label.order(rows, probs, count=12).tolist())) == 12
    assert sorted(next_to_label.order(rows[:5], probs[:5], count=12).tolist()) == [0, 1, 2, 3, 4]


def test_the_first_is_the_least_sure() -> None:
    """Whoever labels only some labels the most useful."""
    rng = np.random.default_rng(1)
    probs = np.stack([p := rng.uniform(0.5, 1, 200), 1 - p], axis=1)
    chosen = next_to_label.order(rng.normal(size=(200, 8)), probs, count=10)
    unsure = next_to_label.uncertainty(probs)[chosen]
    assert np.all(np.diff(unsure) <= 0)
