"""`frostline sweep-freeze CLASSIFIER`: the same training with the frost line at each block's end."""

from pathlib import Path

import numpy as np

from frostline import tracking
from frostline.commands import trials
from frostline.errors import InputError, weights_note
from frostline.evaluation import study_plots
from frostline.evaluation.study_plots import AtCut
from frostline.features import cut_model
from frostline.tracking import Child
from frostline.training import phases, recipe
from frostline.training.recipe import Recipe


def run(name: str, *, cuts: str | None, most: int, out: Path) -> None:
    """Train at each cut, print a line each, write `cuts.csv`, `cuts.json` and `cuts.png` into `out/NAME`.

    The cut takes the place of the last phase's `freeze`. Figures are those of validation.
    """
    inputs = recipe.read(name)
    if inputs.weights["backbone"] is None:
        raise InputError(f"{name} trains from scratch; there is nothing to freeze")
    chosen = cuts.split(",") if cuts else [*cut_model.block_ends(inputs.network().body, most=most), "all"]
    stem = out / name / "cuts"
    study = trials.study(
        inputs, "freeze points", pictures=(stem.with_suffix(".png"), stem.with_suffix(".csv"))
    )
    points: list[AtCut] = []
    with tracking.studying(study) as children:
        for cut in chosen:
            point, child = _at(inputs, cut)
            points.append(point)
            children.append(child)
            print(_line(point), flush=True)
        figure = study_plots.cuts(points, classifier=name, note=weights_note(inputs.weights["source"]))
        trials.write(stem, points, of=AtCut, figure=figure)


def _at(inputs: Recipe, cut: str) -> tuple[AtCut, Child]:
    """One training. Features are cached before the clock starts: extraction is paid once, for all sweeps."""
    last = list(inputs.entry.phases)[-1]
    moved = inputs.entry.phases[last].model_copy(update={"freeze": cut})
    there = inputs.changed(phases={**inputs.entry.phases, last: moved})
    done = phases.trial(there)
    value_bytes = 4 if inputs.entry.precision == "float32" else 2
    point = AtCut(
        cut=cut,
        accuracy=study_plots.measured(done.accuracy, images=done.images),
        trainable=sum(int(np.prod(each.shape)) for each in done.upper.trainable_weights),
        feature_bytes=int(np.prod(done.upper.input_shape[1:])) * value_bytes,
        seconds=done.seconds,
    )
    figures = {"trainable": point.trainable, "feature_bytes": point.feature_bytes, "seconds": done.seconds}
    return point, trials.child(f"frozen up to {cut}", there, done.epochs, point.accuracy, **figures)


def _line(point: AtCut) -> str:
    right = point.accuracy
    return (
        f"frozen up to {point.cut:<24} {right.value:6.1%} ({right.low:.1%} to {right.high:.1%})  "
        f"{point.trainable:>12,} trainable  {point.feature_bytes / 1e3:>8,.0f} kB an image  {point.seconds:7.1f} s"
    )
