"""How far an image is from those that a classifier was trained on: its nearest training images, by angle."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
TINY = 1e-12  # beside a length, where all features are 0


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Features (N, …) → how unlike the training images each row is.

    `bank` (M, W) are rows of training images, of length 1 each; `place` is which of the nearest counts, from 1.
    `signs` (D,) of -1 and 1 or None: wide rows are first summed in W groups of their neighbours with these signs.
    `held_out` (n,), rising, are the similarities of images that are not in the bank.
    """

    bank: Floats
    place: int
    held_out: Floats
    signs: Floats | None = None

    def __call__(self, rows: npt.NDArray[np.float32]) -> Floats:
        """(N,) the share of held-out images that are nearer, k / (n + 1) with k of n: 0 near, almost 1 far."""
        count = np.searchsorted(self.held_out, self.similarity(rows), side="right")
        return np.asarray((len(self.held_out) - count) / (len(self.held_out) + 1), np.float32)

    def similarity(self, rows: npt.NDArray[np.float32]) -> Floats:
        """(N,) cosine of the angle to the nearest training image but `place` - 1."""
        flat = vectors(rows, self.signs, len(self.bank[0]))
        return kth(flat @ self.bank.T, self.place) / (_length(flat) + np.float32(TINY))


def vectors(rows: npt.NDArray[np.float32], signs: Floats | None, width: int) -> Floats:
    """(N, W) float32 of features (N, D), or of maps (N, h, w, D), which are averaged over their places."""
    flat = np.asarray(rows, np.float32)
    if flat.ndim > 2:
        flat = flat.mean(axis=tuple(range(1, flat.ndim - 1)))
    return flat if signs is None else (flat * signs).reshape(len(flat), width, -1).sum(axis=2)


def unit(rows: Floats) -> Floats:
    """Rows (N, W) brought to length 1."""
    return np.asarray(rows / (_length(rows) + np.float32(TINY))[:, None], np.float32)


def kth(values: Floats, place: int) -> Floats:
    """(N,) the largest of each row but `place` - 1."""
    return np.asarray(np.partition(values, -place, axis=1)[:, -place])


def _length(rows: Floats) -> Floats:
    return np.asarray(np.sqrt((rows * rows).mean(axis=1)) * np.float32(sqrt(rows.shape[1])), np.float32)
