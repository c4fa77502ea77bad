"""`frostline sweep-views CLASSIFIER`: the same training with ever more renderings of each image."""

from pathlib import Path

from frostline import files, notes
from frostline.errors import InputError
from frostline.frost import recipe, trial
from frostline.frost.recipe import Recipe
from frostline.results import flat, style, variants
from frostline.results.variants import AtViews


def run(name: str, *, views: str, out: Path) -> None:
    """Train with each number of views, print a line each, write `views.csv`, `.json` and `.png` into `out/NAME`.

    `views`: numbers, `live` and `none`, separated by commas. Figures are those of validation.
    """
    inputs = recipe.read(name)
    if inputs.entry.augmentation is None:
        raise InputError(
            f"{name} has no augmentation, so all views would be alike; set classifiers.{name}.augmentation"
        )
    points = []
    for each in [_number(word.strip()) for word in views.split(",")]:
        points.append(_at(inputs, each))
        print(_line(points[-1]), flush=True)
    folder = out / name
    files.write_text(folder / "views.csv", flat.text(points, of=AtViews))
    files.write_json(folder / "views.json", flat.records(points, of=AtViews))
    figure = variants.views(points, classifier=name, note=notes.note(inputs.weights["source"]))
    with files.writing(folder / "views.png") as temporary:
        temporary.write_bytes(style.png(figure))
    print(f"look: {folder / 'views.png'}; beside it views.csv and views.json")


def _number(word: str) -> int | str:
    if word in {"live", "none"}:
        return word
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise InputError(f"--views: '{word}' is none of 1, 2, 3, ..., live and none; for example 1,4,16,live")


def _at(inputs: Recipe, views: int | str) -> AtViews:
    """One training. Cached views are extracted before the clock starts, live ones while it runs."""
    settings = inputs.entry.augmentation
    chosen = None if views == "none" or settings is None else settings.model_copy(update={"views": views})
    done = trial.trial(inputs.changed(augmentation=chosen))
    epochs = sum(phase.epochs for phase in inputs.entry.phases.values())
    shown = {"none": 1, "live": epochs}.get(str(views), views)
    return AtViews(
        views=str(views),
        accuracy=variants.measured(done.accuracy, images=done.images),
        renderings=min(int(shown), epochs),
        seconds=done.seconds,
    )


def _line(point: AtViews) -> str:
    return (
        f"views {point.views:>5} {point.accuracy.value:7.1%} ({point.accuracy.low:.1%} to {point.accuracy.high:.1%})  "
        f"each training image through the trunk {point.renderings:>4} times  {point.seconds:7.1f} s of training"
    )
