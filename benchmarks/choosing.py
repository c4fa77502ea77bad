"""Other ways to choose which photos to label next, beside that of `--next`: what 300 labels do beside 600 random ones.

    python benchmarks/choosing.py PROJECT DATASET CLASSIFIER [--first 1000] [--seeds 5] [--rules next badge]

As `benchmarks/review.py --saved` does it. `typical`: clusters without a label, the largest first, and of each the photo
with the nearest neighbours (G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget", ICML 2022). `badge`:
k-means++ on gradients of the last layer (J. Ash et al., ICLR 2020). `dense`: as `next`, uncertainty times density.
`cover`: photos that cover most others not covered yet, one in a hundred pairs being neighbours or more (O. Yehuda et
al., "Active learning through a covering lens", NeurIPS 2022). `half`: 10 typical ones, then 10 by `next`. `later`:
typical ones up to 160 labels, then `next`.
"""

import argparse
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from frostline.models.neighbours import unit
from frostline.training import next_to_label
from review import MOST, RANDOM, STEP, Labels, Photos, curve, interval
from review import chosen as by_next

NEIGHBOURS, COMPONENTS, CLUSTERS = 20, 48, 500
COVERED = 0.97  # of all pairs are further apart than neighbours
Pick = Callable[["Rules", list[int], int], Labels]


class Rules:
    """The photos, and what rules know of them before anything is labelled."""

    def __init__(self, photos: Photos) -> None:
        self.photos, self.count = photos, len(photos.labels)
        self.rows = unit(photos.train)
        deviations = photos.train.std(axis=0) + 1e-6
        self.standard = (photos.train - photos.train.mean(axis=0)) / deviations

    @cached_property
    def cosines(self) -> npt.NDArray[np.float32]:
        """(N, N)."""
        return np.asarray(self.rows @ self.rows.T)

    @cached_property
    def density(self) -> npt.NDArray[np.float64]:
        """(N,) one over the mean distance to the nearest."""
        nearest = np.sort(self.cosines, axis=1)[:, ::-1][:, 1 : NEIGHBOURS + 1]
        return np.asarray(1 / (np.sqrt(np.maximum(2 - 2 * nearest, 0)).mean(axis=1) + 1e-9))

    @cached_property
    def components(self) -> npt.NDArray[np.float32]:
        """(N, COMPONENTS), in which clusters are found."""
        return np.asarray(PCA(COMPONENTS, random_state=0).fit_transform(self.rows))

    def others(self, rows: list[int]) -> Labels:
        """Photos without a label."""
        return np.setdiff1d(np.arange(self.count), rows)

    def probs(self, rows: list[int], others: Labels) -> npt.NDArray[np.float32]:
        """(M, C) of the others, by a classifier on what is labelled."""
        known = np.unique(self.photos.labels[rows])
        labels = np.searchsorted(known, self.photos.labels[rows])
        probs = np.zeros((len(others), len(self.photos.classes)), np.float32)
        probs[:, known] = next_to_label.fitted(self.photos.train[rows], labels, self.photos.train[others])
        return probs


def nexts(rules: Rules, rows: list[int], seed: int) -> Labels:
    return by_next(rules.photos, rows, seed)


def typical(rules: Rules, rows: list[int], seed: int, count: int = STEP) -> Labels:
    groups = min(len(rows) + count, CLUSTERS)
    found = KMeans(groups, n_init=1, max_iter=30, random_state=seed).fit_predict(rules.components)
    size, done = (np.bincount(some, minlength=groups) for some in (found, found[rows]))
    free = np.isin(np.arange(rules.count), rows, invert=True)
    taken: list[int] = []
    for group in sorted(range(groups), key=lambda one: (done[one], -size[one])):
        inside = np.flatnonzero((found == group) & free)
        if len(inside) and len(taken) < count:
            taken.append(int(inside[rules.density[inside].argmax()]))
    return np.array(taken)


def badge(rules: Rules, rows: list[int], seed: int) -> Labels:
    others = rules.others(rows)
    errors, standard = rules.probs(rows, others), rules.standard[others]
    errors[np.arange(len(others)), errors.argmax(axis=1)] -= 1
    lengths = (errors**2).sum(axis=1) * (standard**2).sum(axis=1)

    def distances(one: int) -> npt.NDArray[np.float64]:
        products = (errors @ errors[one]) * (standard @ standard[one])
        return np.maximum(lengths + lengths[one] - 2 * products, 0).astype(np.float64)

    draws, taken = np.random.default_rng([seed, len(rows)]), [int(lengths.argmax())]
    nearest = distances(taken[0])
    while len(taken) < STEP:
        taken.append(int(draws.choice(len(others), p=nearest / nearest.sum())))
        nearest = np.minimum(nearest, distances(taken[-1]))
    return others[taken]


def dense(rules: Rules, rows: list[int], seed: int) -> Labels:
    others = rules.others(rows)
    weights = next_to_label.uncertainty(rules.probs(rows, others)) * rules.density[others]
    pool = np.argsort(-weights, kind="stable")[: next_to_label.POOL * STEP]
    places = rules.rows[others[pool]]
    groups = KMeans(STEP, n_init=1, random_state=seed).fit(places, sample_weight=weights[pool] + 1e-6)
    return others[pool[np.sort(next_to_label._nearest(groups.transform(places)))]]


def cover(rules: Rules, rows: list[int], _: int) -> Labels:
    pairs = rules.cosines[np.triu_indices(rules.count, 1)]
    near = rules.cosines >= np.quantile(pairs, COVERED)
    covered, taken = near[rows].any(axis=0), list[int]()
    for _ in range(STEP):
        gain = (near & ~covered).sum(axis=1)
        gain[[*rows, *taken]] = -1
        taken.append(int(gain.argmax()))
        covered |= near[taken[-1]]
    return np.array(taken)


def half(rules: Rules, rows: list[int], seed: int) -> Labels:
    first = typical(rules, rows, seed, STEP // 2)
    return np.concatenate([first, nexts(rules, [*rows, *first.tolist()], seed)[: STEP - len(first)]])


def later(rules: Rules, rows: list[int], seed: int) -> Labels:
    return (typical if len(rows) < 160 else nexts)(rules, rows, seed)


RULES: dict[str, Pick] = {
    "next": nexts, "typical": typical, "badge": badge, "dense": dense, "cover": cover, "half": half, "later": later,
}  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("project", type=Path)
    parser.add_argument("dataset")
    parser.add_argument("classifier")
    parser.add_argument("--first", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rules", nargs="+", choices=RULES, default=list(RULES))
    given = parser.parse_args()
    photos, seeds = (
        Photos(given.project, given.dataset, given.classifier),
        range(given.first, given.first + given.seeds),
    )
    rules, count = Rules(photos), len(photos.labels)
    whole = np.array(
        [photos.accuracy(np.random.default_rng([seed, 1]).permutation(count)[:RANDOM]) for seed in seeds]
    )
    print(f"{RANDOM} random: {interval(whole)}")
    with threadpool_limits(1):
        for name in given.rules:
            pick = RULES[name]
            found = [
                curve(photos, seed, lambda _, rows, seed, pick=pick: pick(rules, rows, seed))[-1]
                for seed in seeds
            ]
            ends = np.array(found)
            print(f"{name}: {MOST} labels {interval(ends)}, less {RANDOM} random {interval(ends - whole)}")


if __name__ == "__main__":
    main()
