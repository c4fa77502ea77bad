"""How unlike the training images a row is: the angle to its nearest neighbours, as a share of held-out images."""

import numpy as np
import pytest

from frostline.models.neighbours import Neighbours, kth, unit, vectors

BANK = unit(np.array([[1, 0], [0, 1], [1, 1], [-1, 0]], np.float32))


def test_similarity_is_the_cosine_to_the_neighbour_that_counts() -> None:
    """The second nearest; the length of a row does not matter."""
    found = Neighbours(BANK, 2, np.zeros(1, np.float32))
    assert found.similarity(np.array([[5, 0], [0, 0.1]], np.float32)) == pytest.approx([np.sqrt(0.5)] * 2)


def test_share_of_held_out_images_that_are_nearer() -> None:
    """k of n + 1, k counting the strictly nearer: never 1, for no number of images proves that."""
    held_out = np.array([0.2, 0.5, 0.5, 0.9], np.float32)
    found = Neighbours(BANK, 1, held_out)
    angles = np.arccos([0.95, 0.91, 0.4])
    rows = np.stack([np.cos(angles), -np.sin(angles)], axis=1).astype(np.float32)
    assert found(rows) == pytest.approx([0, 0, 3 / 5])
    assert found(np.array([[0, -1]], np.float32)) == pytest.approx([4 / 5])


def test_rows_of_zeros_have_no_angle() -> None:
    """And are as far as anything."""
    found = Neighbours(BANK, 1, np.array([0.5], np.float32))
    assert found(np.zeros((1, 2), np.float32)) == pytest.approx([0.5])


def test_maps_are_averaged_and_wide_rows_summed() -> None:
    """(N, h, w, D) over h and w; groups of neighbours with their signs."""
    maps = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
    assert (vectors(maps, None, 3) == maps.mean(axis=(1, 2))).all()
    wide = np.array([[1, 2, 3, 4]], np.float32)
    assert vectors(wide, np.array([1, -1, 1, 1], np.float32), 2).tolist() == [[-1, 7]]


def test_kth_counts_equals() -> None:
    """Two of the largest are two places."""
    assert kth(np.array([[3, 1, 3, 2]], np.float32), 2).tolist() == [3]
