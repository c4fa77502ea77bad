"""Whether a probability means what it says: reliability by bins, the expected calibration error, Brier."""

import math
from dataclasses import dataclass

import numpy as np

from frostline.evaluation.statistics import Z95, Estimate, mean, proportion

BINS = 10  # of equal width over 0..1
_DRAWS = 2000


@dataclass(frozen=True)
class Bin:
    """Images whose confidence (probability of the predicted class) lies in low..high: its mean, and their accuracy."""

    low: float
    high: float
    images: int
    confidence: float
    accuracy: Estimate


def reliability(probs: np.ndarray, right: np.ndarray) -> list[Bin]:
    """The bins that hold images, the lowest first; (N, C) probabilities and (N,) bool."""
    confidence, place = _binned(probs)
    bins = []
    for index in np.unique(place).tolist():
        here = place == index
        share = proportion(int(right[here].sum()), int(here.sum()))
        assert share is not None
        bins.append(
            Bin(index / BINS, (index + 1) / BINS, int(here.sum()), float(confidence[here].mean()), share)
        )
    return bins


def calibration_error(probs: np.ndarray, right: np.ndarray) -> Estimate:
    """Expected calibration error: the mean gap between confidence and accuracy over the bins, by their images.

    M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI (2015). Chance alone opens gaps, so the value is too high on average; the
    interval is about what is left when the expected excess is taken off, and reaches down to 0 where
    a perfectly calibrated classifier would show as much in more than 1 of 20 test sets.
    """
    confidence, place = _binned(probs)
    count, off = len(confidence), right - confidence
    gaps = np.bincount(place, off, BINS) / count
    variances = (np.bincount(place, off**2, BINS) / count - gaps**2) / count
    value = float(np.abs(gaps).sum())
    excess = float(_folded(np.abs(gaps), np.sqrt(np.maximum(variances, 0))).sum()) - value
    middle, half = max(value - excess, 0.0), Z95 * float(np.sqrt(max(variances.sum(), 0)))
    by_chance = value <= _chance(confidence, place)
    low = 0.0 if by_chance else max(middle - half, 0.0)
    return Estimate(value, min(low, value), min(max(middle + half, value), 1.0))


def brier(labels: np.ndarray, probs: np.ndarray) -> Estimate:
    """Mean squared distance of the probabilities from certainty about the actual class, in 0..2.

    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review
    78 (1950) 1-3: summed over the classes, so that for two classes it is twice the one-sided form.
    """
    actual = np.eye(probs.shape[1])[labels]
    return mean(((probs.astype(np.float64) - actual) ** 2).sum(axis=1), least=0.0, most=2.0)


def overconfidence(probs: np.ndarray, right: np.ndarray) -> float:
    """Mean confidence minus accuracy, (N, C) probabilities and (N,) bool: above 0 is overconfident."""
    return float(probs.max(axis=1).astype(np.float64).mean() - right.mean())


def _binned(probs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and the number of its bin, (N,) each."""
    confidence = probs.max(axis=1).astype(np.float64)
    return confidence, np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def _chance(confidence: np.ndarray, place: np.ndarray) -> float:
    """The error that a perfectly calibrated classifier exceeds in 1 of 20 test sets like this one."""
    spread = np.sqrt(np.bincount(place, confidence * (1 - confidence), BINS)) / len(confidence)
    draws = np.abs(np.random.default_rng(0).normal(size=(_DRAWS, BINS)) * spread).sum(axis=1)
    return float(np.quantile(draws, 0.95))


def _folded(centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Mean of |X| for normal X; F. C. Leone et al., Technometrics 3 (1961) 543-550."""
    spread = np.maximum(spread, 1e-12)
    score = centre / spread
    within = np.array([math.erf(each / math.sqrt(2)) for each in score])
    return np.asarray(spread * np.sqrt(2 / np.pi) * np.exp(-(score**2) / 2) + centre * within)
