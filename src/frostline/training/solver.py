"""A head by a solver: one for each strength on standardised features, chosen on validation.

The penalised likelihood of a logistic regression has one optimum, which L-BFGS finds; a head trained by gradient steps
stops somewhere on the way. The strengths are tried from the first on, until validation gets worse and worse: the weaker
a penalty, the longer its head takes, and beyond the best one they only learn the training images by heart.
"""

import operator
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from frostline import paths
from frostline.errors import InputError
from frostline.models.dense_head import DenseHead, Floats
from frostline.training import head_fits
from frostline.training.head_fits import HeadOptions, Labels
from frostline.training.loop import Epoch, moments
from frostline.training.steps import RowsLike

PLAIN = HeadOptions()
PATIENCE = (
    2  # strengths in a row, each with a higher loss on validation than the one before: then no more are tried
)
IN_MEMORY = 2**30  # bytes of standardised features; more of them lie in a file
_PIECE = 1024


@dataclass(frozen=True)
class SolvedCandidate:
    """The head of one strength, and what it does: losses in nats and accuracies of training and validation."""

    strength: float
    head: DenseHead
    epoch: Epoch


def candidates(  # noqa: PLR0913  # rows and labels of two splits, and how
    train: Sequence[RowsLike],
    labels: Labels,
    validation: RowsLike,
    validation_labels: Labels,
    *,
    strengths: Sequence[float],
    classes: int,
    kind: str = "logistic",
    options: HeadOptions = PLAIN,
) -> Iterator[SolvedCandidate]:
    """A head of a kind (of `head_fits.FITS`) for each strength, rising, until validation loss has risen PATIENCE times
    in a row. `train` are the views of the training images (n, D) each, the first of them the images as they are, by
    which features are standardised. InputError for a class without training images, and for features that are no
    numbers. Features of more than IN_MEMORY bytes take as much of the cache's disk while it runs; memory does not grow
    with them, except for `lda`.
    """
    from threadpoolctl import threadpool_limits

    if missing := set(range(classes)) - set(labels.tolist()):
        raise InputError(
            f"class number {min(missing) + 1} has no training images; a solver needs some of each"
        )
    with np.errstate(invalid="ignore"):
        mean, scale = moments(train[0])
    rows, held = _standardized(train, mean, scale), _standardized([validation], mean, scale)
    known = np.tile(labels, len(train))
    heads = head_fits.FITS[kind](rows, known, strengths, options)
    losses = list[float]()
    for strength in strengths:
        with threadpool_limits(1), head_fits.quiet():  # one thread: the same sums on any number of cores
            plain = next(heads)
        epoch = Epoch(*_figures(plain, rows, known), *_figures(plain, held, validation_labels))
        yield SolvedCandidate(strength, replace(plain, mean=mean, scale=scale), epoch)
        losses.append(epoch.val_loss)
        if len(losses) > PATIENCE and all(map(operator.lt, losses[-PATIENCE - 1 :], losses[-PATIENCE:])):
            return


def best(found: Sequence[SolvedCandidate]) -> SolvedCandidate:
    """The one with the lowest loss on validation; of equals the strongest penalty."""
    return min(found, key=lambda candidate: candidate.epoch.val_loss)


def _standardized(parts: Sequence[RowsLike], mean: Floats, scale: Floats) -> Floats:
    """(n, D) float32, one part after the other, read piece by piece. InputError where a number is NaN or infinite."""
    out, done, total = _room(sum(map(len, parts)), len(mean)), 0, 0.0
    for rows in parts:
        for start in range(0, len(rows), _PIECE):
            piece = rows[start : start + _PIECE]
            with np.errstate(invalid="ignore"):
                out[done : done + len(piece)] = (piece - mean) * scale
            total += float(out[done : done + len(piece)].sum(dtype=np.float64))
            done += len(piece)
    if not np.isfinite(total):
        raise InputError(
            "the network's features of some images are not finite numbers; compare its input (scale, mean, std) with "
            "how it was trained, or use precision float32"
        )
    return out


def _room(count: int, width: int) -> Floats:
    """(count, width) float32 to be filled: a large one in a file without a name, whose pages the system can write out
    and read again. OSError where the disk has no room for it.
    """
    if 4 * count * width <= IN_MEMORY:
        return np.empty((count, width), np.float32)
    folder = paths.cache()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        os.posix_fallocate(file.fileno(), 0, 4 * count * width)
        return np.asarray(np.memmap(file, np.float32, "r+", shape=(count, width)))


def _figures(head: DenseHead, rows: Floats, labels: Labels) -> tuple[float, float]:
    """Mean loss in nats and accuracy (0-1)."""
    losses, right = 0.0, 0
    for start in range(0, len(rows), _PIECE):
        probs, of = head(rows[start : start + _PIECE]), labels[start : start + _PIECE]
        chosen: Any = probs[np.arange(len(of)), of].astype(np.float64)
        losses += float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).sum())
        right += int((probs.argmax(1) == of).sum())
    return losses / len(rows), right / len(rows)
