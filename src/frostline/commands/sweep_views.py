"""`frostline sweep-views CLASSIFIER`: the same training with ever more renderings of each image."""

from pathlib import Path

from frostline import tracking
from frostline.commands import trials
from frostline.errors import InputError, weights_note
from frostline.evaluation import study_plots
from frostline.evaluation.study_plots import AtViews
from frostline.tracking import Child
from frostline.training import phases, recipe
from frostline.training.recipe import Recipe


def run(name: str, *, views: str, out: Path) -> None:
    """Train with each number of views, print a line each, write `views.csv`, `.json` and `.png` into `out/NAME`.

    `views`: numbers and `live`, separated by commas. Figures are those of validation.
    """
    inputs = recipe.read(name)
    if inputs.entry.augmentation is None:
        raise InputError(
            f"{name} has no augmentation, so all views would be alike; set classifiers.{name}.augmentation"
        )
    numbers = [_number(word.strip()) for word in views.split(",")]
    stem = out / name / "views"
    study = trials.study(inputs, "views", pictures=(stem.with_suffix(".png"), stem.with_suffix(".csv")))
    points: list[AtViews] = []
    with tracking.studying(study) as children:
        for each in numbers:
            point, child = _at(inputs, each)
            points.append(point)
            children.append(child)
            print(_line(point), flush=True)
        figure = study_plots.views(points, classifier=name, note=weights_note(inputs.weights["source"]))
        trials.write(stem, points, of=AtViews, figure=figure)


def _number(word: str) -> int | str:
    if word == "live":
        return word
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise InputError(f"--views: '{word}' is none of 1, 2, 3, ... and live; for example 1,4,16,live")


def _at(inputs: Recipe, views: int | str) -> tuple[AtViews, Child]:
    """One training. Cached views are extracted before the clock starts, live ones while it runs."""
    settings = inputs.entry.augmentation
    chosen = settings and settings.model_copy(update={"views": views})
    there = inputs.changed(augmentation=chosen)
    done = phases.trial(there)
    epochs = sum(phase.epochs for phase in inputs.entry.phases.values())
    point = AtViews(
        views=str(views),
        accuracy=study_plots.measured(done.accuracy, images=done.images),
        renderings=epochs if views == "live" else min(int(views), epochs),
        seconds=done.seconds,
    )
    figures = {"renderings": point.renderings, "seconds": done.seconds}
    return point, trials.child(f"views {views}", there, done.epochs, point.accuracy, **figures)


def _line(point: AtViews) -> str:
    return (
        f"views {point.views:>5} {point.accuracy.value:7.1%} ({point.accuracy.low:.1%} to {point.accuracy.high:.1%})  "
        f"each training image through the trunk {point.renderings:>4} times  {point.seconds:7.1f} s of training"
    )
