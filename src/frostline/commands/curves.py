"""`frostline curves CLASSIFIER…`: their learning curves over several seeds, in one picture."""

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from frostline import files, tracking
from frostline.commands import trials
from frostline.errors import InputError, weights_note
from frostline.evaluation import study_plots
from frostline.evaluation.study_plots import Band
from frostline.tracking import Child
from frostline.training import assemble, phases, recipe
from frostline.training.loop import Epoch
from frostline.training.recipe import Recipe


def run(names: tuple[str, ...], *, seeds: int, out: Path) -> None:
    """Train each classifier with `seeds` seeds, counted up from the recipe's; write `curves.json` and `.png`.

    A line a training; then start, slope and asymptote of each mean curve. Classifiers must share a dataset.
    """
    inputs = [recipe.read(name) for name in names]
    if len({each.entry.dataset for each in inputs}) > 1:
        raise InputError(
            "the classifiers are of different datasets; curves of one picture need the same images"
        )
    with contextlib.ExitStack() as stack:
        studies = [
            trials.study(each, "seeds", pictures=[out / "curves.png"], varies="seed") for each in inputs
        ]
        children = [stack.enter_context(tracking.studying(study)) for study in studies]
        bands = [_band(each, seeds, children=found) for each, found in zip(inputs, children, strict=True)]
        _write(inputs, bands, out)
    print(f"look: {out / 'curves.png'}; beside it curves.json")


def _write(inputs: list[Recipe], bands: list[Band], out: Path) -> None:
    files.write_json(out / "curves.json", [_plain(band) for band in bands])
    told = {weights_note(each.weights["source"]) for each in inputs}
    figure = study_plots.bands(
        bands,
        title=f"{inputs[0].entry.dataset}: validation accuracy by epoch",
        note="; ".join(sorted(told - {""})),
    )
    trials.draw(out / "curves.png", figure)


def _band(inputs: Recipe, seeds: int, *, children: list[Child]) -> Band:
    courses = []
    for number in range(seeds):
        there = replace(inputs, seed=inputs.seed + number)
        epochs = _epochs(there)
        courses.append([epoch.val_accuracy for epoch in epochs])
        children.append(_child(there, epochs))
        print(
            f"{inputs.name}, seed {there.seed}: {courses[-1][-1]:.1%} after {len(epochs)} epochs", flush=True
        )
    shortest = min(map(len, courses))  # early stopping may end some before others
    band = Band(inputs.name, np.array([course[:shortest] for course in courses]))
    figures = band.lecture()
    print(
        f"{inputs.name}: start {figures['start']:.1%}, slope {100 * figures['slope']:.2f} points an epoch, "
        f"asymptote {figures['asymptote']:.1%}",
        flush=True,
    )
    return band


def _child(inputs: Recipe, epochs: list[Epoch]) -> Child:
    images, last = len(inputs.manifest.split("validation").ids), epochs[-1]
    accuracy = study_plots.measured(last.val_accuracy, images=images)
    return trials.child(f"seed {inputs.seed}", inputs, epochs, accuracy, val_loss=last.val_loss)


def _epochs(inputs: Recipe) -> list[Epoch]:
    network = inputs.network()
    trained = phases.train(inputs, network, assemble.cut_phases(network, inputs.entry))
    return [epoch for _, epoch in trained]


def _plain(band: Band) -> dict[str, object]:
    return {"classifier": band.name, **band.lecture(), "accuracy": band.accuracy.tolist()}
