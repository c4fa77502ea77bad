"""What int8 costs: a head on int8 features beside one on float32 features, on the same validation images.

The check has to pass images through the float32 trunk too, so it takes a sample; on fewer images than that int8 saves
nothing. More would cost more than it tells: 0.3 points are three of 1,000 images.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.errors import FrostlineError
from frostline.evaluation.paired_accuracy import accuracy_difference
from frostline.evaluation.statistics import Estimate
from frostline.features.cut_model import CutModel
from frostline.models.dense_head import DenseHead
from frostline.progress import say
from frostline.training import solver
from frostline.training.recipe import Recipe

SAMPLE, OF_EACH = 1000, 10  # images of train, and of validation; at least so many of each class
LIMIT = 0.3  # points of accuracy that int8 may cost
STRENGTHS = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3)  # of the heads

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Int8Cost:
    """Two heads on the same N validation images, each fitted on the same training images in its own precision.

    `lost`: accuracy in float32 minus that in int8 (0-1), paired. `moved`: the same for the int8 head on float32
    features, as the exported model has it. `only_float32` and `only_int8` count images that one alone gets right.
    """

    train: int
    images: int
    float32: float
    int8: float
    lost: Estimate
    moved: Estimate
    only_float32: int
    only_int8: int

    @property
    def points(self) -> float:
        """Hundredths of accuracy that are lost, by the worse of both ways."""
        return round(100 * max(self.lost.value, self.moved.value), 6)

    def values(self) -> dict[str, Any]:
        """As `record.json` has it; intervals of 95%, shares from 0 to 1."""
        return {
            "train": self.train,
            "validation": self.images,
            "float32_accuracy": self.float32,
            "int8_accuracy": self.int8,
            "lost": [self.lost.value, self.lost.low, self.lost.high],
            "lost_in_float32_model": [self.moved.value, self.moved.low, self.moved.high],
            "only_float32": self.only_float32,
            "only_int8": self.only_int8,
            "limit_points": LIMIT,
        }


def require(inputs: Recipe, parts: CutModel) -> Int8Cost:
    """What int8 costs a classifier's trunk; FrostlineError beyond LIMIT points, with the figure."""
    found = measure(inputs, parts)
    interval = f"95%: {100 * found.lost.low:.1f} to {100 * found.lost.high:.1f}"
    say(
        f"int8: a head on its features gets {found.int8:.1%} of {found.images:,} validation images right, on float32 "
        f"features {found.float32:.1%}: {100 * found.lost.value:+.1f} points lost ({interval})"
    )
    if found.points > LIMIT:
        one = 100 / found.images
        few = f", and one image is {one:.2f} of them" if one > LIMIT else ""
        raise FrostlineError(
            f"{inputs.name}: int8 costs {found.points:.1f} points of accuracy on {found.images:,} validation images "
            f"({100 * found.lost.value:.1f} on int8 features, {100 * found.moved.value:.1f} on float32 ones, as the "
            f"exported model has them), allowed are {LIMIT}{few}; set classifiers.{inputs.name}.precision to float32 "
            "or bfloat16"
        )
    return found


def measure(inputs: Recipe, parts: CutModel) -> Int8Cost:
    """The comparison on at most SAMPLE images of either split, or a few of each class where that is more."""
    most = max(SAMPLE, OF_EACH * len(inputs.manifest.classes))
    splits = {split: inputs.manifest.split(split) for split in ("train", "validation")}
    chosen = {split: sample(rows.ids, rows.labels, most=most) for split, rows in splits.items()}
    labels = {split: splits[split].labels[places] for split, places in chosen.items()}
    exact = inputs.changed(precision="float32")
    found = {}
    for name, recipe in (("float32", exact), ("int8", inputs)):
        found[name] = {split: recipe.some_rows(parts, split, rows) for split, rows in chosen.items()}
    return compared(found, labels, classes=len(inputs.manifest.classes))


def sample(ids: Sequence[str], labels: Numbers, *, most: int) -> Numbers:
    """(n,) places of at most so many of some images: each class in about its share, decided by their contents."""
    shares, names = np.empty(len(ids)), np.array(ids)
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        shares[members[np.argsort(names[members])]] = np.arange(len(members)) / len(members)
    return np.lexsort((names, shares))[:most]


def compared(found: dict[str, dict[str, Floats]], labels: dict[str, Numbers], *, classes: int) -> Int8Cost:
    """Heads on (n, D) features of `train` and `validation` in float32 and int8."""
    heads = {name: _head(rows, labels, classes) for name, rows in found.items()}
    exact, small = (_right(heads[name], found[name]["validation"], labels) for name in ("float32", "int8"))
    moved = _right(heads["int8"], found["float32"]["validation"], labels)
    return Int8Cost(
        train=len(labels["train"]),
        images=len(labels["validation"]),
        float32=float(exact.mean()),
        int8=float(small.mean()),
        lost=accuracy_difference(exact, small),
        moved=accuracy_difference(exact, moved),
        only_float32=int((exact & ~small).sum()),
        only_int8=int((small & ~exact).sum()),
    )


def _head(rows: dict[str, Floats], labels: dict[str, Numbers], classes: int) -> DenseHead:
    """The best logistic regression, its strength chosen on validation for both alike."""
    return solver.best(
        list(
            solver.candidates(
                [rows["train"]],
                labels["train"],
                rows["validation"],
                labels["validation"],
                strengths=STRENGTHS,
                classes=classes,
            )
        )
    ).head


def _right(head: DenseHead, rows: Floats, labels: dict[str, Numbers]) -> npt.NDArray[np.bool_]:
    return np.asarray(head(rows).argmax(1) == labels["validation"])
