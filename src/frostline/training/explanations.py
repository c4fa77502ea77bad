"""Explanations of a network just trained, for its report: Grad-CAM heat, and the renderings it was trained on."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from frostline.errors import InputError
from frostline.features.extraction import pixels
from frostline.models import activation_maps, augmentation
from frostline.models.network import Network
from frostline.training.recipe import Recipe

VIEWS = 8  # renderings shown, at most
BATCH = 8  # a gradient through all layers needs room


def heat(
    inputs: Recipe,
    network: Network,
    *,
    paths: tuple[str, ...],
    ids: tuple[str, ...],
    classes: npt.NDArray[np.int64],
) -> tuple[str, npt.NDArray[np.uint8]]:
    """Grad-CAM of some test images for `classes` (N,): the layer, and heat (N, h, w) uint8, 255 hottest.

    ("", (0, 1, 1)) for a network without maps.
    """
    try:
        layer = activation_maps.deepest(network.body)
    except InputError:  # nothing but dense layers
        layer = ""
    if not (layer and paths):
        return "", np.zeros((0, 1, 1), np.uint8)
    rows = pixels(replace(inputs.images("test"), paths=paths, ids=ids))
    maps = [
        activation_maps.gradcam(network, rows[at : at + BATCH], classes=classes[at : at + BATCH], name=layer)
        for at in range(0, len(paths), BATCH)
    ]
    return layer, np.round(np.concatenate(maps) * 255).astype(np.uint8)


def views(inputs: Recipe) -> npt.NDArray[np.uint8]:
    """The first training image (V, H, W, 3) uint8 as the first epochs show it; V is 0 without augmentation."""
    chosen, images = inputs.entry.augmentation, inputs.images("train")
    if chosen is None:
        return np.zeros((0, *images.shape), np.uint8)
    plain = pixels(replace(images, paths=images.paths[:1], ids=images.ids[:1]))[:1][0]
    epochs = sum(phase.epochs for phase in inputs.entry.phases.values())
    count = min(VIEWS, epochs if chosen.views == "live" else chosen.views)
    drawn = [
        augmentation.render(plain, chosen, content=images.ids[0], view=number) for number in range(1, count)
    ]
    return np.stack([plain, *drawn])
