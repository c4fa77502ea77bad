"""Heads on cached rows, judged by cross-validation: how well each kind and strength classifies unseen images."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frostline.evaluation.search_report import NEIGHBOURS
from frostline.training import head_fits
from frostline.training.cross_validation import FitPredict, Floats, Numbers, by_folds
from frostline.training.head_fits import HeadOptions

LINEAR, HYPERPARAMETERS = "logistic", {"logistic": "C", "lda": "shrinkage", "mlp": "alpha"}
HIDDEN = 64  # units of the one hidden layer of an mlp
STRENGTHS = {
    LINEAR: (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3),
    "lda": (0.1, 0.3, 0.5, 0.7, 0.9, 1.0),
    "mlp": (1.0, 10.0, 30.0),
}
STEPS, TOLERANCE = 200, 1e-3  # of L-BFGS: near the optimum is good enough to compare
_LEAST = float(np.finfo(np.float32).tiny)


class TimeUpError(Exception):
    """The time given is over."""


@dataclass(frozen=True)
class HeadResult:
    """One strength of one kind of head on N images, each classified by a head that was fitted without it.

    `right` (N,): whether correctly; `loss`: mean log loss in nats.
    """

    kind: str
    strength: float
    right: npt.NDArray[np.bool_]
    loss: float


def load() -> None:
    """Import what heads are fitted with, which is none of a head's time."""
    head_fits.load()


def judge(  # noqa: PLR0913  # images, folds, and which heads
    rows: Floats,
    labels: Numbers,
    folds: Numbers,
    *,
    kind: str = LINEAR,
    strengths: Sequence[float] = (),
    seed: int = 0,
    until: float = np.inf,
) -> list[HeadResult]:
    """A result for each strength (none: the usual ones) of a kind of head on (N, D) features, which are standardised.

    Images of a class that is in one fold alone are never classified correctly: nothing of it was seen. TimeUpError
    where not all is done `until` then (of `time.monotonic`).
    """
    tried = strengths or STRENGTHS[kind]
    options = HeadOptions(
        hidden=(HIDDEN,) if kind == "mlp" else (), seed=seed, steps=STEPS, tolerance=TOLERANCE
    )

    fit_predict = _by_heads(kind, tried, options, until)
    probs = by_folds(rows, labels, folds, fit_predict, count=len(tried))
    own = np.take_along_axis(probs, labels[None, :, None], axis=2)[..., 0].astype(np.float64)
    losses = np.abs(np.log(np.clip(own, _LEAST, 1)).mean(1))  # rounding may bring a probability above 1
    right = probs.argmax(2) == labels
    return [
        HeadResult(kind, strength, right[number], float(losses[number]))
        for number, strength in enumerate(tried)
    ]


def _by_heads(kind: str, strengths: Sequence[float], options: HeadOptions, until: float) -> FitPredict:
    """Probabilities by a head of each strength; TimeUpError after one that ended too late."""

    def fit_predict(known: Floats, of: Numbers, asked: Floats) -> Floats:
        found = []
        for head in head_fits.FITS[kind](known, of, strengths, options):
            found.append(head(asked))
            if time.monotonic() > until:
                raise TimeUpError
        return np.stack(found)

    return fit_predict


def right_by_fewer(  # noqa: PLR0913  # images, folds, one head, and what it may see
    rows: Floats,
    labels: Numbers,
    folds: Numbers,
    *,
    kind: str,
    strength: float,
    order: Numbers,
    most: int,
    until: float = np.inf,
) -> npt.NDArray[np.bool_]:
    """(N,) whether each image is classified correctly by one head that was fitted on the first `most` images of other
    folds in an `order` (N,) of rows.
    """
    options = HeadOptions(hidden=(HIDDEN,) if kind == "mlp" else (), steps=STEPS, tolerance=TOLERANCE)

    fit_predict = _by_heads(kind, [strength], options, until)
    return np.asarray(
        by_folds(rows, labels, folds, fit_predict, count=1, order=order, most=most)[0].argmax(1) == labels
    )


def neighbours(rows: Floats, labels: Numbers, folds: Numbers) -> npt.NDArray[np.bool_]:
    """(N,) whether the nearest few images of other folds, by the angle of standardised features, give its class."""
    from sklearn.neighbors import KNeighborsClassifier

    def fit_predict(known: Floats, of: Numbers, asked: Floats) -> Floats:
        model = KNeighborsClassifier(min(NEIGHBOURS, len(known)), weights="distance", metric="cosine")
        return np.asarray(model.fit(known, of).predict_proba(asked)[None], np.float32)

    return np.asarray(by_folds(rows, labels, folds, fit_predict, count=1)[0].argmax(1) == labels)
