"""Classifiers beside each other: ranked by test accuracy, and how far the ranking can be trusted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from frostline.errors import FrostlineError
from frostline.evaluation.metrics import DECIMALS
from frostline.evaluation.paired import accuracy_difference, mcnemar
from frostline.evaluation.predictions import Predictions

SIGNIFICANT = 0.05


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
    told = "worse than" if paired["p"] < SIGNIFICANT else "not distinguishable from"
    return f"{told} {paired['best']} at n={images:,} ({spoken_p(paired['p'])})"


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
    paired, apart = mcnemar(own, best.test.right), accuracy_difference(own, best.test.right)
    return {
        "best": best.name,
        "difference": round(apart.value, DECIMALS),
        "difference_low": round(apart.low, DECIMALS),
        "difference_high": round(apart.high, DECIMALS),
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


def spoken_p(p: float) -> str:
    """A p-value as precise as it matters."""
    return "p<0.001" if p < 0.001 else f"p={p:.3f}" if p < 0.1 else f"p={p:.2f}"
