"""What `sweep-freeze`, `sweep-views` and `curves` share: a study in MLflow, its trainings, table and picture."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline import files, tracking
from frostline.evaluation import study_plots, style, tables
from frostline.evaluation.statistics import Estimate
from frostline.pipeline import dvc_lock
from frostline.tracking import Child, Study
from frostline.training.loop import Epoch
from frostline.training.recipe import Recipe

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def study(inputs: Recipe, kind: str, *, pictures: Sequence[Path], varies: str = "") -> Study:
    """A study of one classifier, of which one key of the recipe may be what `varies`."""
    common = tracking.shared(
        dataset=inputs.entry.dataset,
        digest=inputs.manifest.digest,
        weights=inputs.weights,
        recipe={name: value for name, value in inputs.plain.items() if name != varies},
    )
    known = dvc_lock.data_hash(inputs.entry.dataset, classifier=inputs.name)
    return Study(kind, inputs.name, common, pictures=tuple(map(str, pictures)), data_hash=known)


def child(name: str, there: Recipe, epochs: Sequence[Epoch], accuracy: Estimate, **figures: float) -> Child:
    """One training of a study, with its validation accuracy (0-1) and what else is told of it."""
    courses = [dataclasses.asdict(epoch) for epoch in epochs]
    return Child(name, there.plain, courses, {**study_plots.flat("val_accuracy", accuracy), **figures})


def write(stem: Path, points: Sequence[Any], *, of: type, figure: "Figure") -> None:
    """A row a training as `stem`.csv and .json, the picture as .png; says where to look."""
    files.write_text(stem.with_suffix(".csv"), tables.text(points, of=of))
    files.write_json(stem.with_suffix(".json"), tables.records(points, of=of))
    draw(stem.with_suffix(".png"), figure)
    print(f"look: {stem}.png; beside it {stem.name}.csv and {stem.name}.json")


def draw(path: Path, figure: "Figure") -> None:
    """A picture under its name once it is whole."""
    with files.writing(path) as temporary:
        temporary.write_bytes(style.png(figure))
