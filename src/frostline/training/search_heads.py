"""Linear heads on cached rows, judged by cross-validation: what each strength of the penalty tells of unseen images."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frostline import system

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

STRENGTHS = (0.0003, 0.003, 0.03, 0.3)
STEPS = 200  # of L-BFGS, at most: near the optimum is good enough to compare
_LEAST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class HeadResult:
    """One strength `C` on N images, each told by a head that was fitted without it.

    `right` (N,): whether rightly; `loss`: mean log loss in nats.
    """

    strength: float
    right: npt.NDArray[np.bool_]
    loss: float


def load() -> None:
    """Import what heads are fitted with, which is none of a head's time."""
    import sklearn.linear_model  # noqa: F401
    import threadpoolctl  # noqa: F401


def judge(
    rows: Floats, labels: Numbers, folds: Numbers, *, strengths: Sequence[float] = STRENGTHS
) -> list[HeadResult]:
    """A result for each strength of a logistic regression on (N, D) standardised features.

    A class that is in one fold alone is never told right there: nothing of it was seen.
    """
    from threadpoolctl import threadpool_limits

    classes = int(labels.max()) + 1
    probs = np.zeros((len(strengths), len(rows), classes), np.float32)

    def fit(fold: int) -> None:
        held = folds == fold
        probs[:, held] = _fitted(rows[~held], labels[~held], rows[held], classes, strengths)

    # One thread for a fold: the same sums on any number of cores.
    with threadpool_limits(1), ThreadPoolExecutor(system.processors()) as threads:
        list(threads.map(fit, np.unique(folds).tolist()))
    own = np.take_along_axis(probs, labels[None, :, None], axis=2)[..., 0].astype(np.float64)
    losses = -np.log(np.maximum(own, _LEAST)).mean(1)
    return [
        HeadResult(strength, probs[number].argmax(1) == labels, float(losses[number]))
        for number, strength in enumerate(strengths)
    ]


def _fitted(
    rows: Floats, labels: Numbers, others: Floats, classes: int, strengths: Sequence[float]
) -> npt.NDArray[np.float32]:
    """(S, M, C) probabilities of the others by heads that were fitted on the rows, the strongest penalty first."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = rows.mean(0), rows.std(0)
    scale = 1 / np.where(scale > 0, scale, 1)
    known, asked = (rows - mean) * scale, (others - mean) * scale
    present = np.unique(labels)
    probs = np.zeros((len(strengths), len(others), classes), np.float32)
    if len(present) == 1:
        probs[:, :, present[0]] = 1
        return probs
    model = LogisticRegression(max_iter=STEPS, tol=1e-3, warm_start=True)
    for number, strength in enumerate(strengths):
        model.set_params(C=strength)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the steps did not suffice
            model.fit(known, labels)
        probs[number][:, present] = model.predict_proba(asked)
    return probs
