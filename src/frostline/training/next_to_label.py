"""Which unlabelled photos to label next: those that a classifier is unsure of, spread over all there are."""

import warnings

import numpy as np
import numpy.typing as npt

from frostline.models.neighbours import unit

Floats = npt.NDArray[np.floating]

POOL = 3  # groups are made of so many times the number wanted: the most uncertain
_STRENGTH = 0.01  # inverse of the penalty of the classifier that judges: features are many and labels few
MOST = 20_000  # unlabelled photos that are judged at most


def fitted(features: Floats, labels: npt.NDArray[np.int64], unlabelled: Floats) -> npt.NDArray[np.float32]:
    """(M, C) probabilities of unlabelled photos by a logistic regression on the labelled.

    features: (N, D), labels: (N,) from 0 without gaps, unlabelled: (M, D). Features are standardised over all N + M:
    what a feature usually is needs no labels, and few labelled photos do not tell it.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same sums on any number of cores
        scaler = StandardScaler().fit(features).partial_fit(unlabelled)
        model = LogisticRegression(C=_STRENGTH, max_iter=300).fit(scaler.transform(features), labels)
        return np.asarray(model.predict_proba(scaler.transform(unlabelled)), np.float32)


def uncertainty(probs: Floats) -> npt.NDArray[np.float64]:
    """(M,) 0 to 1: one less the distance between the two most probable classes."""
    two = np.sort(np.asarray(probs, np.float64), axis=1)[:, -2:]
    return np.asarray(1.0 - (two[:, 1] - two[:, 0]))


def order(features: Floats, probs: Floats, *, count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """(count,) places of the photos to label next, the most uncertain first.

    The most uncertain `POOL` times `count` photos are clustered into `count` groups, each photo weighted by its
    uncertainty, and of each group the photo nearest to its middle is taken that no other group has.

    F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954 (2019).
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    unsure = uncertainty(probs)
    pool = np.argsort(-unsure, kind="stable")[: POOL * count]
    if len(pool) <= count:
        return np.asarray(pool, np.int64)
    rows, weights = unit(np.asarray(features[pool], np.float32)), unsure[pool] + 1e-6
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer different photos than groups: the rest is taken as it comes
        distances = (
            KMeans(count, n_init=1, random_state=seed).fit(rows, sample_weight=weights).transform(rows)
        )
    taken = np.sort(_nearest(distances))
    return np.asarray(pool[taken], np.int64)


def _nearest(distances: Floats) -> npt.NDArray[np.int64]:
    """(G,) of (N, G) distances, for each group its nearest place that is not taken yet."""
    free = np.array(distances, np.float64)
    taken = np.empty(free.shape[1], np.int64)
    for group in range(free.shape[1]):
        taken[group] = free[:, group].argmin()
        free[taken[group]] = np.inf
    return taken
