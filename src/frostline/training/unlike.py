"""Fitting how unlike the training images an image is, on cached features: a bank of rows, and held-out similarities."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from frostline.features.cut_model import CutModel
from frostline.models.neighbours import Floats, Neighbours, kth, unit, vectors
from frostline.training.recipe import Recipe
from frostline.training.steps import RowsLike

BANK = 500  # training images that the model holds: 1,000 more change the AUROC by less than 0.001
PLACE = 5  # the fifth nearest counts
WIDEST, NARROWEST = 2048, 256  # numbers of a row in the bank; wider ones are summed in groups
SOME = 200  # held-out images: with fewer the training images are taken too, each compared with the others
MOST = 2000  # held-out similarities kept, evenly by rank
_PIECE = 512


def of(inputs: Recipe, kept: CutModel) -> Neighbours | None:
    """What tells images unlike a recipe's training images, of the features that training kept at the cut of `kept`;
    None where nothing is frozen.
    """
    if kept.trunk is None:
        return None
    train, validation = (inputs.rows(kept, split) for split in ("train", "validation"))
    return fit(train, inputs.images("train").ids, validation, seed=inputs.seed)


def values(neighbours: Neighbours, rows: RowsLike) -> Floats:
    """(N,) how unlike the training images N rows of features (N, …) are, read piece by piece."""
    pieces = [
        neighbours(np.asarray(rows[at : at + _PIECE], np.float32)) for at in range(0, len(rows), _PIECE)
    ]
    return np.concatenate([np.zeros(0, np.float32), *pieces])


def fit(train: RowsLike, ids: Sequence[str], held_out: RowsLike, *, seed: int) -> Neighbours | None:
    """The nearest-neighbour rule of J. Sun et al., "Out-of-distribution detection with deep nearest neighbors",
    ICML (2022), with the similarities of held-out images, which make a calibrated chance of it.

    `train` and `held_out` are features (N, …), `ids` the training images' contents, which decide who is in the bank.
    None where there are fewer than PLACE + 1 training images, or rows so wide that no groups of them fit.
    """
    width = _width(int(np.shape(train[:1])[-1]))
    if len(train) <= PLACE or width is None:
        return None
    signs = _signs(int(np.shape(train[:1])[-1]), seed=seed) if width != np.shape(train[:1])[-1] else None
    chosen = np.argsort(np.array(ids), kind="stable")[:BANK]
    bank = unit(_read(train, np.sort(chosen), signs, width))
    found = [_similarities(held_out, bank, signs)]
    if len(held_out) < SOME:
        found.append(_without_themselves(train, np.sort(chosen), bank, signs))
    ranked = np.sort(np.concatenate(found))
    kept = ranked[np.unique(np.linspace(0, len(ranked) - 1, min(MOST, len(ranked))).round().astype(int))]
    return Neighbours(bank, PLACE, kept, signs)


def _width(width: int) -> int | None:
    """How many numbers a row of the bank has: all, or as many groups of equal size as fit."""
    if width <= WIDEST:
        return width
    return next((groups for groups in range(WIDEST, NARROWEST - 1, -1) if width % groups == 0), None)


def _signs(width: int, *, seed: int) -> Floats:
    """A count sketch keeps angles: M. Charikar, K. Chen and M. Farach-Colton, ICALP (2002), 693-703."""
    return np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), width)


def _read(rows: RowsLike, chosen: npt.NDArray[np.int64], signs: Floats | None, width: int) -> Floats:
    """Rows at some places, piece by piece: wide features never lie in memory at once."""
    pieces = [chosen[at : at + _PIECE] for at in range(0, len(chosen), _PIECE)]
    made = [vectors(np.asarray(rows[piece], np.float32), signs, width) for piece in pieces]
    return np.concatenate([np.zeros((0, width), np.float32), *made])


def _similarities(rows: RowsLike, bank: Floats, signs: Floats | None) -> Floats:
    every = _read(rows, np.arange(len(rows)), signs, bank.shape[1])
    return kth(unit(every) @ bank.T, PLACE)


def _without_themselves(
    train: RowsLike, chosen: npt.NDArray[np.int64], bank: Floats, signs: Floats | None
) -> Floats:
    """Similarities of the training images to those of the bank that they are not."""
    every = unit(_read(train, np.arange(len(train)), signs, bank.shape[1])) @ bank.T
    every[chosen, np.arange(len(chosen))] = -1
    return kth(every, PLACE)
