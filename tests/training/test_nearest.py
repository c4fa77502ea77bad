"""The nearest training images by angle, whatever the shape of the features."""

import numpy as np
import pytest

from frostline.training.nearest import nearest

TRAIN = np.array([[1, 0], [0, 1], [2, 2], [-1, 0], [3, 0]], np.float32)
PATHS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
LABELS = ["x", "y", "x", "y", "x"]


def test_nearest_first_and_of_equals_the_first() -> None:
    """The angle counts and not the length."""
    [found] = nearest(np.array([[7, 0.1]], np.float32), TRAIN, paths=PATHS, labels=LABELS, places=3)
    assert [one.path for one in found] == ["a.jpg", "e.jpg", "c.jpg"]
    assert [one.label for one in found] == ["x", "x", "x"]
    assert [one.similarity for one in found] == pytest.approx([0.9999, 0.9999, 0.7171], abs=1e-3)


def test_pieces_and_maps_are_joined() -> None:
    """More training images than are read at once; maps are averaged over their places."""
    rng = np.random.default_rng(0)
    train = rng.random((1300, 2, 3, 8), np.float32)
    names = [f"{number}.jpg" for number in range(1300)]
    found = nearest(train[[5, 1299]], train, paths=names, labels=names, places=2)
    assert [of[0].path for of in found] == ["5.jpg", "1299.jpg"]
    assert [of[0].similarity for of in found] == pytest.approx([1, 1], abs=1e-4)


def test_fewer_than_asked_for() -> None:
    """All there are, and nothing of nothing."""
    rows = np.ones((1, 2), np.float32)
    assert len(nearest(rows, TRAIN[:2], paths=PATHS, labels=LABELS)[0]) == 2
    assert nearest(rows, TRAIN[:0], paths=[], labels=[]) == [[]]
    assert nearest(rows[:0], TRAIN, paths=PATHS, labels=LABELS) == []
