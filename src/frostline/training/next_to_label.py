"""Which unlabelled photos to label next: those that a classifier is unsure of, spread over all there are."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

POOL = 10  # the most uncertain of so many times the number wanted are spread over
_STRENGTH = 0.01  # inverse of the penalty of the classifier that judges: features are many and labels few
MOST = 20_000  # unlabelled photos that are judged at most


def fitted(features: Floats, labels: npt.NDArray[np.int64], unlabelled: Floats) -> npt.NDArray[np.float32]:
    """(M, C) probabilities of unlabelled photos by a logistic regression on the labelled.

    features: (N, D), labels: (N,) from 0 without gaps, unlabelled: (M, D).
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the same sums on any number of cores
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=300))
        model.fit(features, labels)
        return np.asarray(model.predict_proba(unlabelled), np.float32)


def uncertainty(probs: Floats) -> npt.NDArray[np.float64]:
    """(M,) 0 to 1: one less the distance between the two most probable classes."""
    two = np.sort(np.asarray(probs, np.float64), axis=1)[:, -2:]
    return np.asarray(1.0 - (two[:, 1] - two[:, 0]))


def order(features: Floats, probs: Floats, *, count: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """(count,) places of the photos to label next, in the order in which they should be.

    The most uncertain `POOL` times `count` photos are clustered into `count` groups, each photo weighted by its
    uncertainty, and the photo nearest to the middle of each group is taken; groups of much uncertainty come first.

    F. Zhdanov, "Diverse mini-batch Active Learning", arXiv:1901.05954 (2019).
    """
    from sklearn.cluster import MiniBatchKMeans
    from sklearn.metrics import pairwise_distances_argmin
    from threadpoolctl import threadpool_limits

    unsure = uncertainty(probs)
    pool = np.argsort(-unsure, kind="stable")[: POOL * count]
    if len(pool) <= count:
        return np.asarray(pool, np.int64)
    rows, weights = _unit(features[pool]), unsure[pool] + 1e-6
    with threadpool_limits(1):
        groups = MiniBatchKMeans(count, n_init=1, random_state=seed, batch_size=4096).fit(
            rows, sample_weight=weights
        )
        taken = np.unique(pairwise_distances_argmin(groups.cluster_centers_, rows))
    chosen = list(taken[np.argsort(-weights[taken], kind="stable")])
    rest = [place for place in range(len(pool)) if place not in set(taken.tolist())]
    return np.asarray(pool[[*chosen, *rest][:count]], np.int64)


def _unit(rows: Floats) -> npt.NDArray[np.float32]:
    """Rows of length 1: angles between features tell more of what is shown than lengths do."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), np.float32)
