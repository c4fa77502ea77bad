"""Out-of-fold probabilities of a plain classifier on frozen features: what label issues are found by."""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files, known_arrays
from frostline.training.steps import RowsLike

FOLDS = 5
WIDEST = 512  # features beyond this are projected: distances stay, the cost does not grow
MOST = 100_000  # images; a check of more would cost more than it is worth
_STRENGTH = 0.1  # inverse of the penalty: standardised features are many and the images few
_PIECE = 512


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
    if not _possible(labels, classes):
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


def _possible(labels: npt.NDArray[np.int64], classes: int) -> bool:
    return len(labels) <= MOST and int(np.bincount(labels, minlength=classes).min()) >= FOLDS


def out_of_fold(
    rows: Sequence[RowsLike], labels: npt.NDArray[np.int64], ids: Sequence[str], *, classes: int, seed: int
) -> npt.NDArray[np.float32] | None:
    """(N, C) probabilities of every image by a logistic regression that was fitted without it.

    `rows` are vectors of features, one part after the other; `ids` the images' contents, which decide
    the folds. None where there are none: too many images, or a class with fewer images than folds.
    """
    if not _possible(labels, classes):
        return None
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    order = np.argsort(np.array(ids), kind="stable")
    model = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=200))
    probs = np.empty((len(labels), classes), np.float32)
    # One thread: the same sums on any number of cores. Where 200 steps do not suffice, near is good enough.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        features = _narrow(rows, seed=seed)[order]
        probs[order] = cross_val_predict(
            model, features, labels[order], cv=StratifiedKFold(FOLDS), method="predict_proba"
        )
    return probs


def _narrow(rows: Sequence[RowsLike], *, seed: int) -> npt.NDArray[np.float32]:
    """(N, D) float32 with D ≤ WIDEST, piece by piece: wide features never lie in memory at once."""
    first = rows[0]
    width = first[:1].reshape(1, -1).shape[1]
    project = None
    if width > WIDEST:
        draw = np.random.default_rng(seed).standard_normal((width, WIDEST), dtype=np.float32)
        project = draw / np.float32(np.sqrt(WIDEST))
    out = np.empty((sum(map(len, rows)), min(width, WIDEST)), np.float32)
    done = 0
    for part in rows:
        for start in range(0, len(part), _PIECE):
            piece = part[start : start + _PIECE].reshape(-1, width)
            out[done : done + len(piece)] = piece if project is None else piece @ project
            done += len(piece)
    return out
