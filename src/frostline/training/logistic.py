"""Logistic regressions by L-BFGS: one for each strength, each from where the one before ended.

The features of a network are correlated, so that the loss is steep along some directions and flat along others: in
their own coordinates L-BFGS takes hundreds of steps, and for many classes most of the time of a training. Here it steps
in coordinates u with W = L'⁻¹ u, where L L' = h X'X / n + λ I is the curvature of the loss where all predictions are
alike: D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44
(1992) 197-200, has such a fixed matrix in place of each step's own; J. Nocedal and S. Wright, Numerical
Optimization (2006), section 5.1 on preconditioning. The optimum is the same.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# The factor of a wider matrix, or for fewer rows than so many times its columns, costs more than the steps it saves.
WIDEST, LEAST = 2048, 2
ENOUGH = 16  # rows for each column: with 4 it takes nearly twice the steps, and more than 16 save none
_PIECE = 2**19  # numbers of some rows, which a processor's cache holds until they have been multiplied twice
_ROWS = 64  # of a piece, at least
_FLOORS = (1e-6, 1e-4, 1e-2)  # of λ beside h in the factor: the first that float32 can tell from nothing


def fits(  # noqa: PLR0913  # rows, labels, and what decides a head
    rows: Floats,
    labels: npt.NDArray[np.int64],
    strengths: Sequence[float],
    *,
    balanced: bool,
    steps: int,
    tolerance: float,
) -> Iterator[tuple[Floats, Floats]]:
    """Kernel (D, C) and bias (C,) for each inverse penalty; for two classes (D, 1) and (1,), the logit of the second.

    They minimise Σᵢ lossᵢ + |kernel|² / 2 strength, the loss in nats, of a sum over all classes weighted alike with
    `balanced`. `rows` (N, D) are standardised, and read piece by piece. It ends after so many steps, or where no
    component of the gradient of the mean loss is above `tolerance`, in coordinates in which its curvature is about 1.
    """
    from scipy.optimize import minimize

    problem = _problem(rows, labels, balanced=balanced)
    width, columns = rows.shape[1], problem.targets.shape[1]
    curvature = _curvature(rows)
    kernel, bias = np.zeros((width, columns), np.float32), np.zeros(columns, np.float32)
    for strength in strengths:
        penalty = 1 / (strength * len(rows))
        spread = problem.value(kernel, bias, penalty).spread
        space = _space(curvature, spread=spread, penalty=penalty)

        def value(point: Doubles, space: "_Space" = space, penalty: float = penalty) -> tuple[float, Doubles]:
            u, of = _split(point, width)
            found = problem.value(space.kernel(u), of, penalty)
            return found.loss, _joined(space.gradient(found.kernel), found.bias)

        options = {"maxiter": steps, "gtol": tolerance, "ftol": 64 * np.finfo(np.float64).eps, "maxls": 50}
        start = _joined(space.point(kernel), bias)
        u, bias = _split(minimize(value, start, jac=True, method="L-BFGS-B", options=options).x, width)
        kernel = space.kernel(u)
        yield kernel, bias


def _joined(kernel: Floats, bias: Floats) -> Doubles:
    return np.concatenate([kernel.ravel(), bias]).astype(np.float64)


def _split(point: Doubles, width: int) -> tuple[Floats, Floats]:
    values = point.astype(np.float32).reshape(width + 1, -1)
    return values[:width], values[width]


@dataclass(frozen=True)
class _Value:
    """The penalised mean loss of a head in nats, its gradient, and the mean of p (1 - p) over images and classes."""

    loss: float
    kernel: Floats
    bias: Floats
    spread: float


@dataclass(frozen=True)
class _Problem:
    """Rows (N, D), which class each is (N, C) or, of two, whether it is the second (N, 1); weights of mean 1 (N, 1)."""

    rows: Floats
    targets: Floats
    weights: Floats

    def value(self, kernel: Floats, bias: Floats, penalty: float) -> _Value:
        """Of a head, rows read piece by piece, once."""
        loss, spread = 0.0, 0.0
        by_kernel, by_bias = np.zeros_like(kernel), np.zeros_like(bias)
        for start, stop in _pieces(self.rows):
            rows, targets, weights = (part[start:stop] for part in (self.rows, self.targets, self.weights))
            probs, losses = _probs(rows @ kernel + bias, targets)
            loss += float((losses * weights).sum(dtype=np.float64))
            spread += float((probs * (1 - probs)).sum(dtype=np.float64))
            wrong = (probs - targets) * weights
            by_kernel += rows.T @ wrong
            by_bias += wrong.sum(0)
        count = np.float32(len(self.rows))
        return _Value(
            loss / len(self.rows) + penalty / 2 * float((kernel.astype(np.float64) ** 2).sum()),
            by_kernel / count + np.float32(penalty) * kernel,
            by_bias / count,
            spread / probs.shape[1] / len(self.rows),
        )


def _probs(logits: Floats, targets: Floats) -> tuple[Floats, Floats]:
    """Probabilities of the columns of `targets`, and losses (n, 1) in nats."""
    one = np.float32(1)
    if targets.shape[1] == 1:
        return one / (one + np.exp(-logits)), np.logaddexp(0, logits) - targets * logits
    logits = logits - logits.max(1, keepdims=True)
    powers = np.exp(logits)
    total = powers.sum(1, keepdims=True)
    return powers / total, np.log(total) - (targets * logits).sum(1, keepdims=True)


def _problem(rows: Floats, labels: npt.NDArray[np.int64], *, balanced: bool) -> _Problem:
    counts = np.bincount(labels)
    targets = np.eye(len(counts), dtype=np.float32)[labels]
    each = len(labels) / (len(counts) * counts) if balanced else np.ones(len(counts))
    weights = np.asarray(each[labels, None], np.float32)
    return _Problem(rows, targets[:, 1:] if len(counts) == 2 else targets, weights)


def _pieces(rows: Floats) -> Iterator[tuple[int, int]]:
    size = max(_ROWS, _PIECE // rows.shape[1])
    return ((start, min(start + size, len(rows))) for start in range(0, len(rows), size))


def _curvature(rows: Floats) -> Floats | None:
    """X'X / n; None where its factor would cost too much."""
    if rows.shape[1] > WIDEST or len(rows) < LEAST * rows.shape[1]:
        return None
    some = rows[:: max(1, len(rows) // (ENOUGH * rows.shape[1]))]
    return np.asarray(some.T @ some / np.float32(len(some)), np.float32)


@dataclass(frozen=True)
class _Space:
    """Coordinates in which the loss curves about alike: `factor` (D, D) is L, or its only number."""

    factor: Any

    def _solved(self, values: Floats, *, transposed: bool) -> Floats:
        from scipy.linalg import solve_triangular

        if self.factor.ndim == 0:
            return np.asarray(values / self.factor)
        return np.asarray(
            solve_triangular(self.factor, values, lower=True, trans=int(transposed), check_finite=False)
        )

    def kernel(self, point: Floats) -> Floats:
        """Of coordinates u (D, C)."""
        return self._solved(point, transposed=True)

    def gradient(self, by_kernel: Floats) -> Floats:
        """By the coordinates."""
        return self._solved(by_kernel, transposed=False)

    def point(self, kernel: Floats) -> Floats:
        """The coordinates of a kernel."""
        return np.asarray(self.factor.T @ kernel if self.factor.ndim else kernel * self.factor)


def _space(curvature: Floats | None, *, spread: float, penalty: float) -> _Space:
    if curvature is not None:
        whole = curvature * np.float32(spread)
        diagonal = whole.diagonal().copy()
        for floor in _FLOORS:  # a higher one where columns repeat each other
            np.fill_diagonal(whole, diagonal + np.float32(max(penalty, floor * max(spread, _FLOORS[0]))))
            with contextlib.suppress(np.linalg.LinAlgError):
                return _Space(np.linalg.cholesky(whole))
    return _Space(np.float32(np.sqrt(spread + penalty)))  # standardised rows: each column curves as `spread`
