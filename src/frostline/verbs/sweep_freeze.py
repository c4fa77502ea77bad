"""`frostline sweep-freeze CLASSIFIER`: the same training with the frost line at each block's end."""

import dataclasses
from pathlib import Path

import numpy as np

from frostline import files, graph, notes, tracking
from frostline.errors import InputError
from frostline.frost import recipe, trial, trunk
from frostline.frost.recipe import Recipe
from frostline.results import flat, style, variants
from frostline.results.variants import AtCut
from frostline.tracking import Child, Study


def run(name: str, *, cuts: str | None, most: int, out: Path) -> None:
    """Train at each cut, print a line each, write `cuts.csv`, `cuts.json` and `cuts.png` into `out/NAME`.

    The cut takes the place of the last phase's `freeze`. Figures are those of validation.
    """
    inputs = recipe.read(name)
    if inputs.weights["backbone"] is None:
        raise InputError(f"{name} trains from scratch; there is nothing to freeze")
    chosen = cuts.split(",") if cuts else [*trunk.block_ends(inputs.network().body, most=most), "all"]
    folder = out / name
    study = _study(inputs, pictures=(folder / "cuts.png", folder / "cuts.csv"))
    points: list[AtCut] = []
    with tracking.studying(study) as children:
        for cut in chosen:
            point, child = _at(inputs, cut)
            points.append(point)
            children.append(child)
            print(_line(point), flush=True)
        _write(inputs, points, folder)
    print(f"look: {folder / 'cuts.png'}; beside it cuts.csv and cuts.json")


def _write(inputs: Recipe, points: list[AtCut], folder: Path) -> None:
    files.write_text(folder / "cuts.csv", flat.text(points, of=AtCut))
    files.write_json(folder / "cuts.json", flat.records(points, of=AtCut))
    figure = variants.cuts(points, classifier=inputs.name, note=notes.note(inputs.weights["source"]))
    with files.writing(folder / "cuts.png") as temporary:
        temporary.write_bytes(style.png(figure))


def _study(inputs: Recipe, *, pictures: tuple[Path, ...]) -> Study:
    common = tracking.shared(
        dataset=inputs.entry.dataset,
        digest=inputs.manifest.digest,
        weights=inputs.weights,
        recipe=inputs.plain,
    )
    known = graph.data_hash(inputs.entry.dataset, classifier=inputs.name)
    return Study("freeze points", inputs.name, common, pictures=tuple(map(str, pictures)), data_hash=known)


def _at(inputs: Recipe, cut: str) -> tuple[AtCut, Child]:
    """One training. Features are cached before the clock starts: extraction is paid once, for all sweeps."""
    last = list(inputs.entry.phases)[-1]
    moved = inputs.entry.phases[last].model_copy(update={"freeze": cut})
    there = inputs.changed(phases={**inputs.entry.phases, last: moved})
    done = trial.trial(there)
    value_bytes = 4 if inputs.entry.precision == "float32" else 2
    point = AtCut(
        cut=cut,
        accuracy=variants.measured(done.accuracy, images=done.images),
        trainable=sum(int(np.prod(each.shape)) for each in done.upper.trainable_weights),
        feature_bytes=int(np.prod(done.upper.input_shape[1:])) * value_bytes,
        seconds=done.seconds,
    )
    figures = {"trainable": point.trainable, "feature_bytes": point.feature_bytes, "seconds": done.seconds}
    return point, Child(
        f"frozen up to {cut}",
        there.plain,
        epochs=[dataclasses.asdict(epoch) for epoch in done.epochs],
        figures={**variants.flat("val_accuracy", point.accuracy), **figures},
    )


def _line(point: AtCut) -> str:
    right = point.accuracy
    return (
        f"frozen up to {point.cut:<24} {right.value:6.1%} ({right.low:.1%} to {right.high:.1%})  "
        f"{point.trainable:>12,} trainable  {point.feature_bytes / 1e3:>8,.0f} kB an image  {point.seconds:7.1f} s"
    )
