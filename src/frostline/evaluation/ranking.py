"""How well probabilities rank the images: ROC and precision-recall curves, the areas below them."""

from dataclasses import dataclass

import numpy as np

from frostline.evaluation.statistics import Estimate, in_logits


@dataclass(frozen=True, eq=False)
class Curve:
    """Points of one class's curve, (P,) each in 0..1, in the order in which it is drawn."""

    across: np.ndarray
    up: np.ndarray


def areas(labels: np.ndarray, probs: np.ndarray) -> dict[str, Estimate]:
    """`roc_auc` and `average_precision`: each class against the rest, the mean over the classes.

    (N,) int labels, (N, C) probabilities. Classes without images, or without others, have no area; {}
    where no class has one.
    """
    areas_and_parts = [
        (*_roc_area(positive, probs[:, index]), *_precision_area(positive, probs[:, index]))
        for index, positive in _ranked(labels, probs.shape[1])
    ]
    if not areas_and_parts:
        return {}
    rocs, roc_parts, precisions, precision_parts = (
        list(column) for column in zip(*areas_and_parts, strict=True)
    )
    smallest = min(
        int(min(positive.sum(), (~positive).sum())) for _, positive in _ranked(labels, probs.shape[1])
    )
    return {
        "roc_auc": _averaged(rocs, roc_parts, smallest),
        "average_precision": _averaged(precisions, precision_parts, smallest),
    }


def roc(labels: np.ndarray, probs: np.ndarray) -> dict[int, Curve]:
    """ROC curves: false positive rate against true positive rate, by class index; points within a line are left out."""
    curves = {}
    for index, positive in _ranked(labels, probs.shape[1]):
        hits, others = _counts(positive, probs[:, index])
        turns = _inner((np.diff(hits, 2) != 0) | (np.diff(others, 2) != 0), len(hits))
        up, across = (np.append(0.0, counts[turns]) for counts in (hits, others))
        curves[index] = Curve(across / across[-1], up / up[-1])
    return curves


def precision_recall(labels: np.ndarray, probs: np.ndarray) -> dict[int, Curve]:
    """Precision-recall curves, by class index; of points of one recall the first and the last are kept."""
    curves = {}
    for index, positive in _ranked(labels, probs.shape[1]):
        hits, others = _counts(positive, probs[:, index])
        kept = _inner((np.diff(hits[:-1]) != 0) | (np.diff(hits[1:]) != 0), len(hits))
        curves[index] = _precision_recall(hits[kept], others[kept])
    return curves


def _precision_recall(hits: np.ndarray, others: np.ndarray) -> Curve:
    """From the lowest score on, whose recall is 1, to the point that scikit-learn adds: recall 0, precision 1."""
    return Curve(np.append((hits / hits[-1])[::-1], 0.0), np.append((hits / (hits + others))[::-1], 1.0))


def _counts(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(T,) images of the class and (T,) others that score at least so much, for each score from the highest on.

    These curves and areas are scikit-learn's, to the bit: to load its metrics takes longer than all of a report.
    """
    order = np.argsort(scores, kind="stable")[::-1]
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = positive[order].cumsum(dtype=np.float64)[last]
    return hits, 1 + last - hits


def _inner(wanted: np.ndarray, count: int) -> np.ndarray:
    """(count,) bool: the wanted ones of the inner points, and both ends."""
    ends = np.ones(count, bool)
    ends[1:-1] = wanted[: max(count - 2, 0)]
    return ends


def ranks(values: np.ndarray) -> np.ndarray:
    """(N,) ranks from 1 on, equal values at the mean of theirs."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[places]


def _ranked(labels: np.ndarray, classes: int) -> list[tuple[int, np.ndarray]]:
    """Each class that has both images and others, with (N,) bool: is of it."""
    members = [(index, labels == index) for index in range(classes)]
    return [(index, positive) for index, positive in members if positive.any() and not positive.all()]


def _averaged(values: list[float], parts: list[np.ndarray], smallest: int) -> Estimate:
    """The classes share their images, so that an image's parts add up before they are squared."""
    value, part = float(np.mean(values)), np.mean(parts, axis=0)
    return in_logits(value, float((part**2).sum()), images=smallest)


def _roc_area(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """The area, and (N,) each image's part in its error, whose squares sum to the variance.

    E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the areas under two or more
    correlated receiver operating characteristic curves", Biometrics 44 (1988) 837-845, by ranks as in
    X. Sun and W. Xu, IEEE Signal Processing Letters 21 (2014) 1389-1393.
    """
    among_all = ranks(scores)
    beaten = np.empty(len(scores))
    for own in (positive, ~positive):
        others = len(scores) - own.sum()
        beaten[own] = (among_all[own] - ranks(scores[own])) / others
    beaten[~positive] = 1 - beaten[~positive]
    area = float(beaten[positive].mean())
    return area, _parts(beaten, area, positive)


def _precision_area(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """scikit-learn's average precision, and (N,) parts by leaving out each image once (the jackknife)."""
    order = np.argsort(-scores, kind="stable")
    hit = positive[order].astype(float)
    place, hits_so_far = np.arange(1, len(hit) + 1), hit.cumsum()
    earlier = np.maximum(place - 1, 1)
    # Of the sum over hits of hits so far / place, an image left out changes only what comes after it.
    before = (hit * hits_so_far / place).cumsum() - hit * hits_so_far / place
    after, after_ones = (
        (hit * part / earlier)[::-1].cumsum()[::-1] - hit * part / earlier for part in (hits_so_far, 1.0)
    )
    left = np.empty(len(hit))
    left[order] = (before + after - hit * after_ones) / np.maximum(hit.sum() - hit, 1)
    parts = np.zeros(len(hit))
    for own in (positive, ~positive):
        count = own.sum()
        parts[own] = np.sqrt((count - 1) / count) * (left[own].mean() - left[own])
    curve = _precision_recall(*_counts(positive, scores))
    return float(max(0.0, -np.sum(np.diff(curve.across) * curve.up[:-1]))), parts


def _parts(beaten: np.ndarray, area: float, positive: np.ndarray) -> np.ndarray:
    """Deviations scaled so that their squares sum to variance / count, for positives and others."""
    parts = np.zeros(len(beaten))
    for own in (positive, ~positive):
        count = int(own.sum())
        parts[own] = (beaten[own] - area) / np.sqrt(count * max(count - 1, 1))
    return parts
