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
    """ROC curves: false positive rate against true positive rate, by class index."""
    from sklearn.metrics import roc_curve

    return {
        index: Curve(*roc_curve(positive, probs[:, index], drop_intermediate=True)[:2])
        for index, positive in _ranked(labels, probs.shape[1])
    }


def precision_recall(labels: np.ndarray, probs: np.ndarray) -> dict[int, Curve]:
    """Precision-recall curves, by class index."""
    from sklearn.metrics import precision_recall_curve

    curves = {}
    for index, positive in _ranked(labels, probs.shape[1]):
        precision, recall, _ = precision_recall_curve(positive, probs[:, index], drop_intermediate=True)
        curves[index] = Curve(across=recall, up=precision)
    return curves


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
    from scipy.stats import rankdata

    among_all = rankdata(scores)
    beaten = np.empty(len(scores))
    for own in (positive, ~positive):
        others = len(scores) - own.sum()
        beaten[own] = (among_all[own] - rankdata(scores[own])) / others
    beaten[~positive] = 1 - beaten[~positive]
    area = float(beaten[positive].mean())
    return area, _parts(beaten, area, positive)


def _precision_area(positive: np.ndarray, scores: np.ndarray) -> tuple[float, np.ndarray]:
    """scikit-learn's average precision, and (N,) parts by leaving out each image once (the jackknife)."""
    from sklearn.metrics import average_precision_score

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
    return float(average_precision_score(positive, scores)), parts


def _parts(beaten: np.ndarray, area: float, positive: np.ndarray) -> np.ndarray:
    """Deviations scaled so that their squares sum to variance / count, for positives and others."""
    parts = np.zeros(len(beaten))
    for own in (positive, ~positive):
        count = int(own.sum())
        parts[own] = (beaten[own] - area) / np.sqrt(count * max(count - 1, 1))
    return parts
