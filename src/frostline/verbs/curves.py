"""`frostline curves CLASSIFIER…`: their learning curves over several seeds, in one picture."""

import contextlib
import dataclasses
from dataclasses import replace
from pathlib import Path

import numpy as np

from frostline import files, graph, notes, tracking
from frostline.errors import InputError
from frostline.frost import joined, recipe, training
from frostline.frost.recipe import Recipe
from frostline.nets.fitting import Epoch
from frostline.results import style, variants
from frostline.results.variants import Band
from frostline.tracking import Child, Study


def run(names: tuple[str, ...], *, seeds: int, out: Path) -> None:
    """Train each classifier with `seeds` seeds, counted up from the recipe's; write `curves.json` and `.png`.

    Start, slope and asymptote of each mean curve are printed. Classifiers must share a dataset.
    """
    inputs = [recipe.read(name) for name in names]
    if len({each.entry.dataset for each in inputs}) > 1:
        raise InputError(
            "the classifiers are of different datasets; curves of one picture need the same images"
        )
    with contextlib.ExitStack() as stack:
        studies = [_study(each, picture=out / "curves.png") for each in inputs]
        children = [stack.enter_context(tracking.studying(study)) for study in studies]
        bands = [_band(each, seeds, children=found) for each, found in zip(inputs, children, strict=True)]
        _write(inputs, bands, out)
    print(f"look: {out / 'curves.png'}; beside it curves.json")


def _write(inputs: list[Recipe], bands: list[Band], out: Path) -> None:
    files.write_json(out / "curves.json", [_plain(band) for band in bands])
    told = {notes.note(each.weights["source"]) for each in inputs}
    figure = variants.bands(
        bands,
        title=f"{inputs[0].entry.dataset}: validation accuracy by epoch",
        note="; ".join(sorted(told - {""})),
    )
    with files.writing(out / "curves.png") as temporary:
        temporary.write_bytes(style.png(figure))


def _band(inputs: Recipe, seeds: int, *, children: list[Child]) -> Band:
    courses = []
    for number in range(seeds):
        there = replace(inputs, seed=inputs.seed + number)
        epochs = _epochs(there)
        courses.append([epoch.val_accuracy for epoch in epochs])
        children.append(_child(there, epochs))
    shortest = min(map(len, courses))  # early stopping may end some before others
    band = Band(inputs.name, np.array([course[:shortest] for course in courses]))
    figures = band.lecture()
    print(
        f"{inputs.name}: start {figures['start']:.1%}, slope {100 * figures['slope']:.2f} points an epoch, "
        f"asymptote {figures['asymptote']:.1%}",
        flush=True,
    )
    return band


def _study(inputs: Recipe, *, picture: Path) -> Study:
    """All but the seed is shared."""
    common = tracking.shared(
        dataset=inputs.entry.dataset,
        digest=inputs.manifest.digest,
        weights=inputs.weights,
        recipe={name: value for name, value in inputs.plain.items() if name != "seed"},
    )
    known = graph.data_hash(inputs.entry.dataset, classifier=inputs.name)
    return Study("seeds", inputs.name, common, pictures=(str(picture),), data_hash=known)


def _child(inputs: Recipe, epochs: list[Epoch]) -> Child:
    images = len(inputs.manifest.split("validation").ids)
    accuracy = variants.measured(epochs[-1].val_accuracy, images=images)
    figures = {**variants.flat("val_accuracy", accuracy), "val_loss": epochs[-1].val_loss}
    return Child(
        f"seed {inputs.seed}", inputs.plain, [dataclasses.asdict(epoch) for epoch in epochs], figures
    )


def _epochs(inputs: Recipe) -> list[Epoch]:
    network = inputs.network()
    trained = training.train(inputs, network, joined.splits(network, inputs.entry))
    return [epoch for _, epoch in trained]


def _plain(band: Band) -> dict[str, object]:
    return {"classifier": band.name, **band.lecture(), "accuracy": band.accuracy.tolist()}
