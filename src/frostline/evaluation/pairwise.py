"""Two classifiers in words: accuracy and loss on the images that both were tested on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from frostline.errors import FrostlineError
from frostline.evaluation.comparison import SIGNIFICANT, spoken_p
from frostline.evaluation.metrics import losses
from frostline.evaluation.paired import accuracy_difference, mcnemar, mean_difference, over_seeds
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.statistics import Estimate, proportion

_DETECTED = 2.8016  # standard errors: two-sided 5% level, 80% power (1.9600 + 0.8416)


@dataclass(frozen=True, eq=False)
class Side:
    """One of two: what it is called, and its rows of the test split."""

    name: str
    test: Predictions


def told(pairs: Sequence[tuple[Side, Side]]) -> str:
    """Several lines; one pair is one training of each, more are trainings with several seeds."""
    common = [_common(*pair) for pair in pairs]
    return _one(*common[0], pairs[0]) if len(common) == 1 else _several(common, pairs)


def _common(first: Side, second: Side) -> tuple[Predictions, Predictions]:
    """The rows of images that both were tested on, in one order; by content, whatever their names."""
    if first.test.classes != second.test.classes:
        raise FrostlineError(f"{first.name} and {second.name} have other classes; they cannot be compared")
    rows = [{each: row for row, each in reversed(list(enumerate(side.test.ids)))} for side in (first, second)]
    both = sorted(rows[0].keys() & rows[1].keys())
    if not both:
        raise FrostlineError(
            f"{first.name} and {second.name} were tested on other images; there is nothing to pair"
        )
    ours, theirs = (
        side.test.take(np.array([place[each] for each in both]))
        for side, place in zip((first, second), rows, strict=True)
    )
    if not np.array_equal(ours.labels, theirs.labels):
        raise FrostlineError(f"{first.name} and {second.name} were tested on other labels of the same images")
    return ours, theirs


def _one(first: Predictions, second: Predictions, pair: tuple[Side, Side]) -> str:
    names, sides = [side.name for side in pair], (first, second)
    width = max(map(len, names))
    lines = [_counted(first, pair), ""]
    for name, side in zip(names, sides, strict=True):
        share = proportion(int(side.right.sum()), len(side))
        assert share is not None
        loss = losses(side.labels, side.probs).mean()
        lines.append(
            f"{name.ljust(width)}  {share.value:.1%} ({share.low:.1%} to {share.high:.1%})  loss {loss:.3f}"
        )
    test = mcnemar(first.right, second.right)
    apart = accuracy_difference(first.right, second.right)
    loss = mean_difference(losses(first.labels, first.probs), losses(second.labels, second.probs))
    discordant = (test.only_first + test.only_second) / len(first)
    return "\n".join([
        *lines, "",
        f"{_verdict(names, apart, test.p, len(first))} (McNemar {spoken_p(test.p)})",
        f"accuracy: {_points(apart)}; right alone: {names[0]} {test.only_first}, {names[1]} {test.only_second}",
        f"loss: {loss.value:+.3f} (95%: {loss.low:+.3f} to {loss.high:+.3f}, paired bootstrap)",
        f"with so many disagreements, {len(first):,} images show a difference of "
        f"{100 * _DETECTED * np.sqrt(max(discordant, 1 / len(first)) / len(first)):.1f} points four times in five",
    ])  # fmt: skip


def _several(common: Sequence[tuple[Predictions, Predictions]], pairs: Sequence[tuple[Side, Side]]) -> str:
    """Trainings of both with several seeds, on the same images."""
    if len({first.ids for first, _ in common}) != 1:
        raise FrostlineError(
            "the test images differ between the revisions; give the splits as folders, so that the seed "
            "does not draw them"
        )
    names = [side.name for side in pairs[0]]
    right = np.array([[side.right for side in sides] for sides in common], dtype=float)  # (S, 2, N)
    lines = [
        f"training {number}: {names[0]} {ours:.1%}, {names[1]} {theirs:.1%}"
        for number, (ours, theirs) in enumerate(right.mean(axis=2).tolist(), start=1)
    ]
    apart = over_seeds(right[:, 0] - right[:, 1])
    sure = apart.low > 0 or apart.high < 0
    count = right.shape[2]
    return "\n".join([
        f"{len(common)} trainings of each, {count:,} test images, the same for all", "", *lines, "",
        _verdict(names, apart, 0.0 if sure else 1.0, count),
        f"accuracy: {_points(apart)}, over images and trainings",
    ])  # fmt: skip


def _counted(common: Predictions, pair: tuple[Side, Side]) -> str:
    sizes = [len(side.test) for side in pair]
    if sizes == [len(common)] * 2:
        return f"{len(common):,} test images, the same for both"
    return f"{len(common):,} test images that both have (of {sizes[0]:,} and {sizes[1]:,})"


def _verdict(names: Sequence[str], apart: Estimate, p: float, count: int) -> str:
    better, worse = names if apart.value >= 0 else names[::-1]
    if p < SIGNIFICANT:
        return f"{better} is better than {worse}"
    return f"{names[0]} and {names[1]} are not distinguishable at n={count:,}"


def _points(apart: Estimate) -> str:
    return f"{100 * apart.value:+.1f} points (95%: {100 * apart.low:+.1f} to {100 * apart.high:+.1f})"
