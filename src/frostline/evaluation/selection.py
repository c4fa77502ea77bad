"""Choosing one of many candidates that were judged on the same images, and what the choice itself promises.

The candidate that did best on some images did best partly by luck. The one-standard-error rule (L. Breiman et al.,
Classification and Regression Trees (1984), section 3.4.3) takes the cheapest of those that these images cannot tell
from it; the bootstrap says what may be expected of the one that was taken.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frostline.evaluation.statistics import Estimate, wilson

DRAWS = 200  # of the bootstrap

Right = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """K candidates on the same N images.

    `right` (N, K): whether each image was classified correctly by a classifier that was fitted without it. `loss` (K,):
    mean log loss in nats, which decides between equals. `cost` (K,): what an image costs, in any unit. `groups` (N,):
    equal numbers for images that are no independent evidence, such as copies of each other.
    """

    right: Right
    loss: Floats
    cost: Floats
    groups: npt.NDArray[np.int64]

    @property
    def accuracy(self) -> Floats:
        """(K,) shares of the images."""
        return np.asarray(self.right.mean(0), np.float64)

    @property
    def best(self) -> int:
        """The candidate with the highest accuracy; of equals the cheapest, then the one of lowest loss."""
        return _best(self.accuracy, self)

    @property
    def close(self) -> Right:
        """(K,): whether each is within one standard error of the best, by its differences from it image by image."""
        sums, sizes = self._sums()
        return _close(sums, sizes, np.ones(len(sizes)), self.best)

    @property
    def chosen(self) -> int:
        """The cheapest within one standard error of the best; of equally cheap ones that of lowest loss,
        which tells more than accuracy between those that are alike."""
        return _cheapest(self.close, self.accuracy, self)

    def _sums(self) -> tuple[Floats, Floats]:
        """(G, K) how many of each group's images every candidate has right, and (G,) how many images they have."""
        sizes = np.bincount(self.groups)
        sums = np.zeros((len(sizes), self.right.shape[1]))
        np.add.at(sums, self.groups, self.right)
        return sums, sizes.astype(np.float64)


def _best(accuracy: Floats, judged: Judged) -> int:
    return int(np.lexsort((judged.loss, judged.cost, -accuracy))[0])


def _cheapest(close: Right, accuracy: Floats, judged: Judged) -> int:
    order = np.lexsort((-accuracy, judged.loss, judged.cost))
    return int(order[close[order]][0])


def _close(sums: Floats, sizes: Floats, weight: Floats, best: int) -> Right:
    """Mean difference from the best ≤ its standard error; groups, whose images go together, weigh as often as drawn."""
    behind = sums[:, [best]] - sums
    images = float(weight @ sizes)
    mean = weight @ behind / images
    squares = weight @ behind**2 - 2 * mean * ((weight * sizes) @ behind) + mean**2 * float(weight @ sizes**2)
    near: Right = mean <= np.sqrt(np.maximum(squares, 0)) / images + 1e-12
    return near


def expected(judged: Judged, *, draws: int = DRAWS, seed: int = 0) -> Estimate:
    """The accuracy to expect of what `chosen` chooses, with its 95% interval: the luck of having looked is taken out.

    Groups of images are drawn with replacement; the rule chooses on those that were drawn and is judged on those that
    were not. I. Tsamardinos, E. Greasidou and G. Borboudakis, "Bootstrapping the out-of-sample predictions for
    efficient and accurate cross-validation", Machine Learning 107 (2018) 1895-1922. Its interval is that of the draws'
    quantiles, which is wide for few images. With one candidate, Wilson's.
    """
    count, candidates = judged.right.shape
    if candidates == 1:
        ends = wilson(int(judged.right.sum()), count)
        return Estimate(float(judged.right.mean()), ends.low, ends.high)
    rng, (sums, sizes) = np.random.default_rng(seed), judged._sums()
    values = []
    for _ in range(draws):
        drawn = np.bincount(rng.integers(len(sizes), size=len(sizes)), minlength=len(sizes)).astype(
            np.float64
        )
        accuracy = drawn @ sums / (drawn @ sizes)
        chosen = _cheapest(_close(sums, sizes, drawn, _best(accuracy, judged)), accuracy, judged)
        if left := float(sizes[drawn == 0].sum()):
            values.append(float(sums[drawn == 0, chosen].sum()) / left)
    if not values:  # a single group of images, in every draw
        return Estimate(float(judged.accuracy[judged.chosen]), 0.0, 1.0)
    low, high = np.quantile(values, (0.025, 0.975))
    return Estimate(float(np.mean(values)), float(low), float(high))


def front(accuracy: Floats, cost: Floats) -> Right:
    """(K,): whether no other candidate is both at least as accurate and at most as costly, and better in one."""
    order = np.lexsort((-accuracy, cost))
    best, on_front = -np.inf, np.zeros(len(cost), bool)
    for place in order:
        if accuracy[place] > best:
            best, on_front[place] = accuracy[place], True
    return on_front
