"""Classifiers whose truth is known, to see whether 95% intervals hold it 95 times in 100."""

from collections.abc import Callable

import numpy as np

from frostline.evaluation.statistics import Estimate

Test = tuple[np.ndarray, np.ndarray]  # labels (N,), probabilities (N, C)


def drawn(rng: np.random.Generator, count: int, *, classes: int, clear: float, sure: float = 1.0) -> Test:
    """Images of a classifier: the larger `clear`, the more accurate; `sure` 1 is calibrated, above it overconfident."""
    logits = rng.normal(size=(count, classes)) * clear
    truth = _softmax(logits).cumsum(axis=1)
    labels = (truth < rng.random((count, 1))).sum(axis=1).clip(0, classes - 1)
    return labels, _softmax(logits * sure)


def coverage(
    figure: Callable[[np.ndarray, np.ndarray], Estimate],
    draw: Callable[[np.random.Generator, int], Test],
    *,
    images: int,
    truth: float | None = None,
    sets: int = 2000,
) -> float:
    """Share of simulated test sets whose interval holds the truth (by default, that of 400,000 images)."""
    rng = np.random.default_rng(20)
    known = figure(*draw(rng, 400_000)).value if truth is None else truth
    found = (figure(*draw(rng, images)) for _ in range(sets))
    return float(np.mean([each.low <= known <= each.high for each in found]))


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
