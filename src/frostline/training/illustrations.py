"""What a report shows of a trained network: heat over test images, and an image as training saw it."""

import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import numpy.typing as npt

from frostline.errors import InputError
from frostline.features import trunks
from frostline.features.extraction import pixels
from frostline.models import activation_maps, augmentation, heads
from frostline.models.network import Network
from frostline.store import Rows
from frostline.training import class_maps
from frostline.training.recipe import Recipe

VIEWS = 8  # renderings shown, at most
HEAT_BATCH = 8  # a gradient through all layers needs room

Heat = tuple[str, npt.NDArray[np.float32]]  # a layer, and (N, h, w) in 0..1


def heat(
    inputs: Recipe,
    network: Network,
    *,
    paths: tuple[str, ...],
    ids: tuple[str, ...],
    classes: npt.NDArray[np.int64],
) -> tuple[str, npt.NDArray[np.uint8]]:
    """Heat on some test images for `classes` (N,): the layer, and (N, h, w) uint8, 255 hottest.

    Grad-CAM; where the network is an ONNX file's, class activation maps, or what hiding parts takes; ("", (0, 1, 1))
    without any.
    """
    read = partial(pixels, dataclasses.replace(inputs.images("test"), paths=paths, ids=ids))
    by = _class_maps if isinstance(network.body, trunks.OnnxTrunk) else _gradcam
    found = by(network, read, classes) if paths else None
    if found is None:
        return "", np.zeros((0, 1, 1), np.uint8)
    return found[0], np.round(found[1] * 255).astype(np.uint8)


def _class_maps(network: Network, read: Callable[[], Rows], classes: npt.NDArray[np.int64]) -> Heat | None:
    head, images = heads.arrays(network.head), read()[:]
    exact = class_maps.heat(network.body, head, images, classes)
    return exact or class_maps.occluded(network.body, head, images, classes)


def _gradcam(network: Network, read: Callable[[], Rows], classes: npt.NDArray[np.int64]) -> Heat | None:
    try:
        layer = activation_maps.deepest(network.body)
    except InputError:  # nothing but dense layers
        return None
    rows = read()
    maps = [
        activation_maps.gradcam(
            network, rows[at : at + HEAT_BATCH], classes=classes[at : at + HEAT_BATCH], name=layer
        )
        for at in range(0, len(rows), HEAT_BATCH)
    ]
    return layer, np.concatenate(maps)


def views(inputs: Recipe) -> npt.NDArray[np.uint8]:
    """The first training image (V, H, W, 3) uint8 as the first epochs show it; V is 0 without augmentation."""
    chosen, images = inputs.entry.augmentation, inputs.images("train")
    if chosen is None:
        return np.zeros((0, *images.shape), np.uint8)
    plain = pixels(dataclasses.replace(images, paths=images.paths[:1], ids=images.ids[:1]))[:1][0]
    epochs = sum(phase.epochs for phase in inputs.entry.phases.values())
    count = min(VIEWS, epochs if chosen.views == "live" else chosen.views)
    drawn = [
        augmentation.render(plain, chosen, content=images.ids[0], view=number) for number in range(1, count)
    ]
    return np.stack([plain, *drawn])
