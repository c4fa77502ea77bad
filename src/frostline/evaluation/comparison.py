"""Classifiers compared: all of a dataset ranked by test accuracy, or two of them in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from frostline.errors import FrostlineError
from frostline.evaluation.log_loss import losses
from frostline.evaluation.metrics import DECIMALS
from frostline.evaluation.paired_accuracy import accuracy_difference
from frostline.evaluation.paired_tests import mcnemar, mean_difference, over_seeds
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.statistics import Estimate, proportion

SIGNIFICANT = 0.05
_DETECTED = 2.8016  # standard errors: two-sided 5% level, 80% power (1.9600 + 0.8416)


@dataclass(frozen=True, eq=False)
class Candidate:
    """One classifier: its metrics file, its record's parameter counts, its rows of the test split.

    `model` is the SHA-256 of the exported file that these figures describe, "" before export.
    """

    name: str
    metrics: Mapping[str, Any]
    parameters: Mapping[str, int]
    test: Predictions
    model: str = ""

    @property
    def order(self) -> tuple[float, float, str]:
        """Sorts the better first: accuracy, then loss, then name."""
        return (-self.metrics["test"]["accuracy"], self.metrics["test"]["loss"], self.name)


def compare(candidates: Iterable[Candidate]) -> dict[str, Any]:
    """What comparison.json holds: for each dataset its classifiers, best first.

    Classifiers of equal accuracy share a rank. Each but the best is tested against the best on the
    same images. FrostlineError if two of one dataset were not evaluated on the same images.
    """

    def dataset(candidate: Candidate) -> str:
        return str(candidate.metrics["dataset"])

    groups = groupby(sorted(candidates, key=dataset), key=dataset)
    return {"datasets": {name: _dataset(sorted(group, key=lambda c: c.order)) for name, group in groups}}


def verdict(row: Mapping[str, Any], images: int) -> str:
    """The paired test of one classifier against the best, in words; "" for the best itself."""
    paired = row["against_best"]
    if paired is None:
        return ""
    words = "significantly worse than" if paired["p"] < SIGNIFICANT else "not significantly different from"
    return f"{words} {paired['best']} at n={images:,} ({p_value(paired['p'])})"


def _dataset(ranked: Sequence[Candidate]) -> dict[str, Any]:
    best = ranked[0]
    for other in ranked[1:]:
        _check_paired(best, other)
    accuracies = [candidate.metrics["test"]["accuracy"] for candidate in ranked]
    return {
        "digest": best.metrics["dataset_digest"],
        "images": best.metrics["test"]["images"],
        "classifiers": [
            {"rank": accuracies.index(accuracy) + 1, **_row(candidate, best)}
            for candidate, accuracy in zip(ranked, accuracies, strict=True)
        ],
    }


def _row(candidate: Candidate, best: Candidate) -> dict[str, Any]:
    test = candidate.metrics["test"]
    return {
        "classifier": candidate.name,
        **{key: test[key] for key in ("accuracy", "accuracy_low", "accuracy_high", "loss")},
        "validation_accuracy": candidate.metrics["validation"]["accuracy"],
        "parameters": {key: candidate.parameters[key] for key in ("trainable", "frozen")},
        "note": candidate.metrics["note"],
        "key": candidate.metrics.get("key", ""),
        "model": candidate.model,
        "against_best": None if candidate is best else _paired(candidate, best),
    }


def _paired(candidate: Candidate, best: Candidate) -> dict[str, Any]:
    rows = {path: row for row, path in enumerate(candidate.test.paths)}
    own = candidate.test.right[[rows[path] for path in best.test.paths]]
    paired, difference = mcnemar(own, best.test.right), accuracy_difference(own, best.test.right)
    return {
        "best": best.name,
        "difference": round(difference.value, DECIMALS),
        "difference_low": round(difference.low, DECIMALS),
        "difference_high": round(difference.high, DECIMALS),
        "only_this_right": paired.only_first,
        "only_best_right": paired.only_second,
        "p": round(paired.p, DECIMALS),
    }


def _check_paired(first: Candidate, second: Candidate) -> None:
    """FrostlineError unless both were evaluated on the same images of the same dataset version."""
    same = first.metrics["dataset_digest"] == second.metrics["dataset_digest"]
    if not same or _content(first.test) != _content(second.test):
        raise FrostlineError(
            f"{first.name} and {second.name} were evaluated on different versions of dataset "
            f"{first.metrics['dataset']}; run `dvc repro evaluate@{first.name} evaluate@{second.name}`"
        )


def _content(test: Predictions) -> set[tuple[str, str, str]]:
    actual = (test.classes[label] for label in test.labels)
    return set(zip(test.paths, test.ids, actual, strict=True))


def p_value(p: float) -> str:
    """A p-value as precise as it matters."""
    return "p<0.001" if p < 0.001 else f"p={p:.3f}" if p < 0.1 else f"p={p:.2f}"


@dataclass(frozen=True, eq=False)
class Side:
    """One of two: what it is called, and its rows of the test split."""

    name: str
    test: Predictions


def pairwise(pairs: Sequence[tuple[Side, Side]]) -> str:
    """Two classifiers compared, in several lines; one pair is one training of each, more are several seeds."""
    common = [_common(*pair) for pair in pairs]
    return _one(*common[0], pairs[0]) if len(common) == 1 else _several(common, pairs)


def _common(first: Side, second: Side) -> tuple[Predictions, Predictions]:
    """The rows of images that both were tested on, in one order; by content, whatever their names."""
    if first.test.classes != second.test.classes:
        raise FrostlineError(
            f"{first.name} and {second.name} have different classes; they cannot be compared"
        )
    rows = [{id_: row for row, id_ in reversed(list(enumerate(side.test.ids)))} for side in (first, second)]
    both = sorted(rows[0].keys() & rows[1].keys())
    if not both:
        raise FrostlineError(
            f"{first.name} and {second.name} have no test image in common; there is nothing to pair"
        )
    ours, theirs = (
        side.test.take(np.array([place[id_] for id_ in both]))
        for side, place in zip((first, second), rows, strict=True)
    )
    if not np.array_equal(ours.labels, theirs.labels):
        raise FrostlineError(
            f"{first.name} and {second.name} were tested on different labels of the same images"
        )
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
    difference = accuracy_difference(first.right, second.right)
    loss = mean_difference(losses(first.labels, first.probs), losses(second.labels, second.probs))
    discordant = (test.only_first + test.only_second) / len(first)
    return "\n".join([
        *lines, "",
        f"{_verdict(names, difference, test.p, len(first))} (McNemar {p_value(test.p)})",
        f"accuracy: {_points(difference)}; "
        f"only {names[0]} correct: {test.only_first}, only {names[1]} correct: {test.only_second}",
        f"loss: {loss.value:+.3f} (95%: {loss.low:+.3f} to {loss.high:+.3f}, paired bootstrap)",
        f"detectable at n={len(first):,} with 80% power: a difference of "
        f"{100 * _DETECTED * np.sqrt(max(discordant, 1 / len(first)) / len(first)):.1f} points",
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
    difference = over_seeds(right[:, 0] - right[:, 1])
    sure = difference.low > 0 or difference.high < 0
    count = right.shape[2]
    return "\n".join([
        f"{len(common)} trainings of each, {count:,} test images, the same for all", "", *lines, "",
        _verdict(names, difference, 0.0 if sure else 1.0, count),
        f"accuracy: {_points(difference)}, over images and trainings",
    ])  # fmt: skip


def _counted(common: Predictions, pair: tuple[Side, Side]) -> str:
    sizes = [len(side.test) for side in pair]
    if sizes == [len(common)] * 2:
        return f"{len(common):,} test images, the same for both"
    return f"{len(common):,} test images that both have (of {sizes[0]:,} and {sizes[1]:,})"


def _verdict(names: Sequence[str], difference: Estimate, p: float, count: int) -> str:
    better, worse = names if difference.value >= 0 else names[::-1]
    if p < SIGNIFICANT:
        return f"{better} is significantly better than {worse}"
    return f"{names[0]} and {names[1]} are not significantly different at n={count:,}"


def _points(difference: Estimate) -> str:
    return f"{100 * difference.value:+.1f} points (95%: {100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
