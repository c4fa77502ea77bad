"""`frostline sweep-views CLASSIFIER`: the same training with ever more renderings of each image."""

import dataclasses
from pathlib import Path

from frostline import files, graph, notes, tracking
from frostline.errors import InputError
from frostline.frost import recipe, trial
from frostline.frost.recipe import Recipe
from frostline.results import flat, style, variants
from frostline.results.variants import AtViews
from frostline.tracking import Child, Study


def run(name: str, *, views: str, out: Path) -> None:
    """Train with each number of views, print a line each, write `views.csv`, `.json` and `.png` into `out/NAME`.

    `views`: numbers, `live` and `none`, separated by commas. Figures are those of validation.
    """
    inputs = recipe.read(name)
    if inputs.entry.augmentation is None:
        raise InputError(
            f"{name} has no augmentation, so all views would be alike; set classifiers.{name}.augmentation"
        )
    numbers = [_number(word.strip()) for word in views.split(",")]
    folder = out / name
    study = _study(inputs, pictures=(folder / "views.png", folder / "views.csv"))
    points: list[AtViews] = []
    with tracking.studying(study) as children:
        for each in numbers:
            point, child = _at(inputs, each)
            points.append(point)
            children.append(child)
            print(_line(point), flush=True)
        _write(inputs, points, folder)
    print(f"look: {folder / 'views.png'}; beside it views.csv and views.json")


def _write(inputs: Recipe, points: list[AtViews], folder: Path) -> None:
    files.write_text(folder / "views.csv", flat.text(points, of=AtViews))
    files.write_json(folder / "views.json", flat.records(points, of=AtViews))
    figure = variants.views(points, classifier=inputs.name, note=notes.note(inputs.weights["source"]))
    with files.writing(folder / "views.png") as temporary:
        temporary.write_bytes(style.png(figure))


def _study(inputs: Recipe, *, pictures: tuple[Path, ...]) -> Study:
    common = tracking.shared(
        dataset=inputs.entry.dataset,
        digest=inputs.manifest.digest,
        weights=inputs.weights,
        recipe=inputs.plain,
    )
    known = graph.data_hash(inputs.entry.dataset, classifier=inputs.name)
    return Study("views", inputs.name, common, pictures=tuple(map(str, pictures)), data_hash=known)


def _number(word: str) -> int | str:
    if word in {"live", "none"}:
        return word
    if word.isdecimal() and int(word) > 0:
        return int(word)
    raise InputError(f"--views: '{word}' is none of 1, 2, 3, ..., live and none; for example 1,4,16,live")


def _at(inputs: Recipe, views: int | str) -> tuple[AtViews, Child]:
    """One training. Cached views are extracted before the clock starts, live ones while it runs."""
    settings = inputs.entry.augmentation
    chosen = None if views == "none" or settings is None else settings.model_copy(update={"views": views})
    there = inputs.changed(augmentation=chosen)
    done = trial.trial(there)
    epochs = sum(phase.epochs for phase in inputs.entry.phases.values())
    shown = {"none": 1, "live": epochs}.get(str(views), views)
    point = AtViews(
        views=str(views),
        accuracy=variants.measured(done.accuracy, images=done.images),
        renderings=min(int(shown), epochs),
        seconds=done.seconds,
    )
    figures = {"renderings": point.renderings, "seconds": done.seconds}
    return point, Child(
        f"views {views}",
        there.plain,
        epochs=[dataclasses.asdict(epoch) for epoch in done.epochs],
        figures={**variants.flat("val_accuracy", point.accuracy), **figures},
    )


def _line(point: AtViews) -> str:
    return (
        f"views {point.views:>5} {point.accuracy.value:7.1%} ({point.accuracy.low:.1%} to {point.accuracy.high:.1%})  "
        f"each training image through the trunk {point.renderings:>4} times  {point.seconds:7.1f} s of training"
    )
