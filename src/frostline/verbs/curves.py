"""`frostline curves CLASSIFIER…`: their learning curves over several seeds, in one picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from frostline import files, notes
from frostline.errors import InputError
from frostline.frost import joined, recipe, training
from frostline.frost.recipe import Recipe
from frostline.results import style, variants
from frostline.results.variants import Band


def run(names: tuple[str, ...], *, seeds: int, out: Path) -> None:
    """Train each classifier with `seeds` seeds, counted up from the recipe's; write `curves.json` and `.png`.

    Start, slope and asymptote of each mean curve are printed. Classifiers must share a dataset.
    """
    inputs = [recipe.read(name) for name in names]
    if len({each.entry.dataset for each in inputs}) > 1:
        raise InputError(
            "the classifiers are of different datasets; curves of one picture need the same images"
        )
    bands = [_band(each, seeds) for each in inputs]
    files.write_json(out / "curves.json", [_plain(band) for band in bands])
    told = {notes.note(each.weights["source"]) for each in inputs}
    figure = variants.bands(
        bands,
        title=f"{inputs[0].entry.dataset}: validation accuracy by epoch",
        note="; ".join(sorted(told - {""})),
    )
    with files.writing(out / "curves.png") as temporary:
        temporary.write_bytes(style.png(figure))
    print(f"look: {out / 'curves.png'}; beside it curves.json")


def _band(inputs: Recipe, seeds: int) -> Band:
    courses = [_course(replace(inputs, seed=inputs.seed + number)) for number in range(seeds)]
    shortest = min(map(len, courses))  # early stopping may end some before others
    band = Band(inputs.name, np.array([course[:shortest] for course in courses]))
    figures = band.lecture()
    print(
        f"{inputs.name}: start {figures['start']:.1%}, slope {100 * figures['slope']:.2f} points an epoch, "
        f"asymptote {figures['asymptote']:.1%}",
        flush=True,
    )
    return band


def _course(inputs: Recipe) -> list[float]:
    network = inputs.network()
    epochs = training.train(inputs, network, joined.splits(network, inputs.entry))
    return [epoch.val_accuracy for _, epoch in epochs]


def _plain(band: Band) -> dict[str, object]:
    return {"classifier": band.name, **band.lecture(), "accuracy": band.accuracy.tolist()}
