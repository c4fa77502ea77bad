"""Features of several classifiers on one backbone by one pass through it: what a sweep over cuts needs."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from frostline import files
from frostline.config import ONNX, Augmentation
from frostline.features.extraction import View, features_together
from frostline.models import network
from frostline.models.keras_backend import keras, strategy
from frostline.training import assemble
from frostline.training.recipe import Recipe

SPLITS = ("train", "validation")  # what a sweep reads


def fill(recipes: Sequence[Recipe]) -> None:
    """Bring into the cache what the trunks of these classifiers make of their images.

    Those that differ only in where they freeze, end and what is above are computed together; all others are left to
    their trainings, and so is what would not be the same to the bit.
    """
    some = sorted((inputs for inputs in recipes if _fits(inputs)), key=_alike)
    for _, group in groupby(some, key=_alike):
        _together(list(group))


def _fits(inputs: Recipe) -> bool:
    live = inputs.entry.augmentation is not None and inputs.entry.augmentation.views == "live"
    keras_weights = inputs.weights["backbone"] not in {None, ONNX} and inputs.weights_file is not None
    return keras_weights and not live and inputs.entry.precision == "float32"


def _alike(inputs: Recipe) -> str:
    """What classifiers of one pass have in common."""
    entry = inputs.entry
    return repr((entry.dataset, entry.weights, entry.image, entry.augmentation))


def _together(group: Sequence[Recipe]) -> None:
    first = group[0]
    keras(seed=first.seed)
    with strategy().scope():
        base = network.backbone(
            first.entry, name=first.weights["backbone"], weights=first.weights_file or first.root
        )
        parts = {files.digest(key): (trunk, key) for inputs in group for trunk, key in _trunks(base, inputs)}
        if len(parts) < 2:
            return
        _name_apart(base, [trunk for trunk, _ in parts.values()])
        whole = keras().Model(base.inputs[0], [trunk.output for trunk, _ in parts.values()])
    for split, view in _passes(first.entry.augmentation):
        features_together(
            first.images(split), list(parts.values()), whole=whole, view=view, executor=first.executor
        )


def _name_apart(base: Any, trunks: Sequence[Any]) -> None:
    """Poolings of several trunks have one name, of which a model takes one."""
    own = {layer.name for layer in base.layers}
    for number, trunk in enumerate(trunks):
        for layer in trunk.layers:
            if layer.name not in own:
                layer.name = f"{layer.name}_{number}"


def _trunks(base: Any, inputs: Recipe) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What is below the cut of each phase, with its key."""
    body = network.ended(base, inputs.entry.network)  # type: ignore[arg-type]  # it has a backbone
    for freeze in dict.fromkeys(phase.freeze for phase in inputs.entry.phases.values()):
        if freeze != "none":
            last = body.layers[-1] if freeze == "all" else network.layer(body, freeze)
            key = assemble.trunk_key(inputs.entry, weights=inputs.weights, cut=last.name)
            yield keras().Model(body.inputs[0], last.output, name="trunk"), key


def _passes(augmentation: Augmentation | None) -> Iterator[tuple[str, View | None]]:
    """Both splits as they are, and the training images in every other view."""
    yield from ((split, None) for split in SPLITS)
    if augmentation is not None:
        yield from (("train", View(augmentation, number)) for number in range(1, int(augmentation.views)))
