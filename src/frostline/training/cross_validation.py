"""Probabilities of images by heads that never saw them: how well a head does, and which labels are likely wrong."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files, known_arrays, system
from frostline.training import folds, head_fits
from frostline.training.head_fits import HeadOptions
from frostline.training.loop import moments
from frostline.training.steps import RowsLike

FOLDS = 5
WIDEST = 512  # features beyond this are projected: distances stay, the cost does not grow
MOST = 100_000  # images; a check of more would cost more than it is worth
_STRENGTH = 0.1  # inverse of the penalty: standardised features are many and the images few
_STEPS, _TOLERANCE = 200, 1e-3  # of L-BFGS: near the optimum is good enough
_PIECE = 512

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
FitPredict = Callable[[Floats, Numbers, Floats], Floats]  # rows, labels, others → (S, M, C) probabilities


def known_out_of_fold(  # noqa: PLR0913  # what decides them, and who computed
    rows: Sequence[RowsLike],
    labels: npt.NDArray[np.int64],
    ids: Sequence[str],
    *,
    classes: int,
    seed: int,
    made_by: Mapping[str, Any],
) -> npt.NDArray[np.float32] | None:
    """What `out_of_fold` gives, computed once for the same arguments; `made_by` are code and packages.

    The head that trains beside it is none of them: a changed learning rate changes nothing here.
    """
    if not _possible(labels, ids, classes):
        return None
    said = {"labels": labels.tolist(), "ids": list(ids), "classes": classes, "seed": seed}
    key = {"rows": _digest(rows), "of": files.digest(said), "made_by": dict(made_by)}
    with known_arrays.kept("out_of_fold", key) as known:
        if "probs" not in known:
            found = out_of_fold(rows, labels, ids, classes=classes, seed=seed)
            assert found is not None
            known["probs"] = found
    return known["probs"]


def _digest(rows: Sequence[RowsLike]) -> str:
    """SHA-256 of all rows, read piece by piece."""
    content = hashlib.sha256()
    for part in rows:
        for start in range(0, len(part), _PIECE):
            piece = part[start : start + _PIECE]
            content.update(f"{piece.dtype} {piece.shape}".encode() + piece.tobytes())
    return content.hexdigest()


def _possible(labels: npt.NDArray[np.int64], ids: Sequence[str], classes: int) -> bool:
    """Each content counts once: it lies in one fold, however many images have it."""
    if len(labels) > MOST:
        return False
    _, once = np.unique(np.array(ids), return_index=True)
    return int(np.bincount(labels[once], minlength=classes).min()) >= FOLDS


def out_of_fold(
    rows: Sequence[RowsLike], labels: npt.NDArray[np.int64], ids: Sequence[str], *, classes: int, seed: int
) -> npt.NDArray[np.float32] | None:
    """(N, C) probabilities of every image by a logistic regression that was fitted without it.

    `rows` are vectors of features, one part after the other; `ids` the images' contents, which decide
    the folds. None where there are none: too many images, or a class with fewer images that differ than folds.
    """
    if not _possible(labels, ids, classes):
        return None
    order = np.argsort(np.array(ids), kind="stable")
    ordered, of = [ids[row] for row in order], labels[order]
    drawn = folds.draw(ordered, of, folds.clusters(ordered), folds=FOLDS, seed=seed)

    def fit_predict(known: Floats, of: Numbers, asked: Floats) -> Floats:
        (head,) = head_fits.logistic(known, of, [_STRENGTH], HeadOptions(steps=_STEPS, tolerance=_TOLERANCE))
        return head(asked)[None]

    narrow = _narrow(rows, seed=seed)
    probs = np.empty((len(labels), classes), np.float32)
    probs[order] = by_folds(narrow[order], of, drawn, fit_predict, count=1)[0]
    return probs


def by_folds(  # noqa: PLR0913  # images, folds, and how
    rows: Floats,
    labels: Numbers,
    drawn: Numbers,
    fit_predict: FitPredict,
    *,
    count: int,
    order: Numbers | None = None,
    most: int | None = None,
) -> Floats:
    """(S, N, C) probabilities of each image by `count` heads that were fitted on standardised images of other folds.

    With `most`, on the first so many of them in an `order` (N,) of rows.
    """
    from threadpoolctl import threadpool_limits

    probs = np.zeros((count, len(rows), int(labels.max()) + 1), np.float32)
    places = np.arange(len(rows)) if order is None else order

    def fit(fold: int) -> None:
        held, seen = drawn == fold, places[drawn[places] != fold][:most]
        present, of = np.unique(labels[seen], return_inverse=True)
        if len(present) == 1:
            probs[:, held, present[0]] = 1
        if len(present) < 2:
            return
        known, asked = rows[seen], rows[held]
        mean, scale = moments(known)
        for copied in (known, asked):  # in place: together they are as large as all
            np.multiply(np.subtract(copied, mean, out=copied), scale, out=copied)
        found = fit_predict(known, of, asked)
        for number in range(count):
            probs[number][np.ix_(held, present)] = found[number]

    # One thread for a fold: the same sums on any number of cores.
    with threadpool_limits(1), head_fits.quiet(), ThreadPoolExecutor(system.processors()) as threads:
        list(threads.map(fit, np.unique(drawn).tolist()))
    return probs


def _narrow(rows: Sequence[RowsLike], *, seed: int) -> npt.NDArray[np.float32]:
    """(N, D) float32 with D ≤ WIDEST, piece by piece: wide features never lie in memory at once.

    In one thread, for the same sums on any number of cores.
    """
    from threadpoolctl import threadpool_limits

    first = rows[0]
    width = first[:1].reshape(1, -1).shape[1]
    project = None
    if width > WIDEST:
        draw = np.random.default_rng(seed).standard_normal((width, WIDEST), dtype=np.float32)
        project = draw / np.float32(np.sqrt(WIDEST))
    out = np.empty((sum(map(len, rows)), min(width, WIDEST)), np.float32)
    done = 0
    with threadpool_limits(1):
        for part in rows:
            for start in range(0, len(part), _PIECE):
                piece = part[start : start + _PIECE].reshape(-1, width)
                out[done : done + len(piece)] = piece if project is None else piece @ project
                done += len(piece)
    return out
