"""What a network sees in an image: maps of chosen layers, and Grad-CAM, where a class was found.

Grad-CAM: R. R. Selvaraju et al., "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
Localization" (2017).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.errors import InputError
from frostline.models.keras_backend import keras
from frostline.models.network import Network, is_cut, layer

Maps = npt.NDArray[np.float32]
FINE = 7  # positions per side that a map should have


def layers_with_maps(body: Any) -> list[str]:
    """Names of the layers whose output is a map (N, h, w, c) that the network itself computed, in order."""
    inputs = {"pixels", "transform"}
    return [
        candidate.name
        for candidate in body.layers
        if len(candidate.output.shape) == 4 and candidate.name not in inputs
    ]


def deepest(body: Any) -> str:
    """The layer to explain by: the last whose map still has FINE positions per side, else the finest there is.

    Layers inside a branch are passed over: what goes round them would be left out. InputError where the
    network has no maps at all.
    """
    names = layers_with_maps(body)
    if not names:
        raise InputError(
            "a network without convolutions has no maps to show; choose a classifier that has some"
        )
    sides = {name: min(body.get_layer(name).output.shape[1:3]) for name in names}
    wanted = min(FINE, max(sides.values()))
    for name in reversed(names):
        if sides[name] >= wanted and is_cut(body, body.get_layer(name)):
            return name
    return names[0]


def activations(network: Network, pixels: npt.NDArray[np.uint8], names: Sequence[str]) -> dict[str, Maps]:
    """Maps (N, h, w, c) of layers, by name, for images (N, H, W, 3) uint8; InputError for a layer without."""
    body = network.body
    outputs = {name: _map_of(body, name).output for name in names}
    outputs_by_name = keras().Model(body.inputs[0], outputs)(pixels, training=False)
    return {name: np.asarray(outputs_by_name[name], np.float32) for name in names}


def gradcam(
    network: Network, pixels: npt.NDArray[np.uint8], *, classes: npt.NDArray[np.int64], name: str
) -> Maps:
    """Where each image speaks for its class: (N, h, w) in 0..1, the layer's own places; all 0 if nowhere.

    `classes`: (N,) indices. The layer's channels are weighed by the mean slope of the class's logit.
    """
    import tensorflow as tf

    both = keras().Model(network.body.inputs[0], [_map_of(network.body, name).output, network.body.output])
    images = tf.constant(pixels, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(images)  # else nothing is recorded where all weights are frozen
        maps, pooled = both(images, training=False)
        score = tf.reduce_sum(_scores(network.head(pooled, training=False), classes))
    slopes = tape.gradient(score, maps)
    heat = np.maximum((maps * tf.reduce_mean(slopes, (1, 2), keepdims=True)).numpy().sum(-1), 0)
    top = heat.max((1, 2), keepdims=True)
    return np.asarray(np.divide(heat, top, out=np.zeros_like(heat), where=top > 0), np.float32)


def _scores(logits: Any, classes: npt.NDArray[np.int64]) -> Any:
    """Each image's logit for its class; the one logit of two classes speaks for the second, against the first."""
    import tensorflow as tf

    if logits.shape[-1] == 1:
        return logits[:, 0] * (2.0 * classes - 1.0)
    return tf.gather(logits, classes, batch_dims=1)


def _map_of(body: Any, name: str) -> Any:
    chosen = layer(body, name)
    if len(chosen.output.shape) != 4:
        raise InputError(f"layer '{name}' has no map: its output is a vector; choose a layer before it")
    return chosen
