"""Heads that a solver finds on standardised features: one for each strength of what keeps it simple.

Each function takes rows (N, D) float32, labels (N,) in 0..C-1 of which each class has some, and strengths; it yields a
`DenseHead` without standardisation for each, in their order. Called in one thread they give the same on any machine of
the same kind; call them within `quiet`.
"""

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import memory
from frostline.models.dense_head import Dense, DenseHead, Floats
from frostline.training.logistic import fits as solve

STEPS = 1000  # of L-BFGS, at most: what is near the optimum by then is near enough
PASSES, BATCH, LEAST = 40, 32, 300  # of Adam over the rows; rows at once; steps at least

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeadOptions:
    """What decides a head beside its strength. `balanced`: rare classes weigh as much as frequent ones.

    `hidden`: units of each hidden layer; `seed` of what is drawn; `steps` and `tolerance` of L-BFGS.
    """

    balanced: bool = False
    hidden: Sequence[int] = ()
    seed: int = 0
    steps: int = STEPS
    tolerance: float = 3e-4


@functools.cache
def load() -> None:
    """Import what heads are fitted with, which is none of a head's time.

    scikit-learn would import pandas, a quarter of a second, only to know that it is there. Once: to hide it changes how
    all threads import.
    """
    import threadpoolctl  # noqa: F401

    with memory.without_pandas():
        import scipy.optimize  # noqa: F401
        import sklearn.neural_network  # noqa: F401


def logistic(
    rows: Floats, labels: Labels, strengths: Sequence[float], options: HeadOptions
) -> Iterator[DenseHead]:
    """Logistic regressions for inverse penalties C, each from where the one before ended."""
    for kernel, bias in solve(
        rows,
        labels,
        strengths,
        balanced=options.balanced,
        steps=options.steps,
        tolerance=options.tolerance,
    ):
        yield DenseHead(Dense(kernel, bias))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Nothing is said of steps that did not suffice; entered before any threads begin, for all of them share it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _dense(kernel: npt.NDArray[Any], bias: npt.NDArray[Any]) -> Dense:
    return Dense(np.asarray(kernel, np.float32), np.asarray(bias, np.float32))


def lda(
    rows: Floats, labels: Labels, strengths: Sequence[float], options: HeadOptions
) -> Iterator[DenseHead]:
    """Linear discriminant analyses whose covariance S is shrunk: (1 - a) S + a m I, with m the mean of its diagonal.

    As scikit-learn's `LinearDiscriminantAnalysis(solver="lsqr", shrinkage=a)`, which decomposes S anew for each a;
    here one singular value decomposition serves all. T. Hastie, R. Tibshirani and J. Friedman, The Elements of
    Statistical Learning (2009), section 4.3.1. With a = 1 the nearest class mean decides.
    """
    counts = np.bincount(labels)
    centre = rows.mean(0, dtype=np.float64)
    means = (
        np.stack([rows[labels == label].mean(0, dtype=np.float64) for label in range(len(counts))]) - centre
    )
    weights = 1 / (len(counts) * counts) if options.balanced else np.full(len(counts), 1 / len(rows))
    priors = weights * counts
    values, axes = _spectrum((rows - centre - means[labels]) * np.sqrt(weights[labels])[:, None])
    mean_variance = max(float(values.sum()) / rows.shape[1], np.finfo(np.float32).tiny)
    along = means @ axes
    across = means - along @ axes.T
    for shrinkage in strengths:
        floor = shrinkage * mean_variance
        kernel = (along / ((1 - shrinkage) * values + floor)) @ axes.T + across / floor
        bias = np.log(priors) - ((means / 2 + centre) * kernel).sum(1)
        if len(counts) == 2:  # the logit of the second class
            kernel, bias = kernel[1:] - kernel[:1], bias[1:] - bias[:1]
        yield DenseHead(_dense(kernel.T, bias))


def _spectrum(centred: npt.NDArray[np.float64]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Eigenvalues (R,) and eigenvectors (D, R) of X'X for X (N, D), by the smaller of X'X and XX'."""
    tall = len(centred) > centred.shape[1]
    values, vectors = np.linalg.eigh(centred.T @ centred if tall else centred @ centred.T)
    kept = values > len(values) * np.finfo(np.float64).eps * max(values[-1], 0)
    values, vectors = values[kept], vectors[:, kept]
    return values, vectors if tall else centred.T @ (vectors / np.sqrt(values))


def mlp(
    rows: Floats, labels: Labels, strengths: Sequence[float], options: HeadOptions
) -> Iterator[DenseHead]:
    """Hidden layers with a ReLU each, for penalties alpha on the squared weights, by `passes` of Adam."""
    load()
    from sklearn.neural_network import MLPClassifier

    count = passes(len(rows))
    for strength in strengths:
        model = MLPClassifier(
            tuple(options.hidden),
            alpha=strength,
            batch_size=min(BATCH, len(rows)),
            max_iter=count,
            n_iter_no_change=count,
            random_state=options.seed,
        )
        model.fit(rows, labels)
        *hidden, logits = (_dense(*pair) for pair in zip(model.coefs_, model.intercepts_, strict=True))
        yield DenseHead(logits, tuple(hidden))


def passes(count: int) -> int:
    """Of Adam over so many rows: more where they are few."""
    return max(PASSES, -(-LEAST * BATCH // count))


FITS: dict[str, Callable[[Floats, Labels, Sequence[float], HeadOptions], Iterator[DenseHead]]] = {
    "logistic": logistic,
    "lda": lda,
    "mlp": mlp,
}
