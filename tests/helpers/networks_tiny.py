"""Tiny real networks, built as a classifier's are, and their trained-looking weights."""

from typing import Any

import numpy as np

from frostline import config
from frostline.features import cut_model
from frostline.features.cut_model import CutModel
from frostline.models import network
from frostline.models.keras_backend import keras
from frostline.models.network import Network
from frostline.training import assemble, loop
from helpers.images import pixels
from helpers.params import CNN, PRETRAINED, WHOLE, changed

RESIDUAL = changed(
    PRETRAINED,
    {"network.end_at": "conv2_block1_out", "network.head.dense": {"wide": 9}, "network.head.dropout": 0.3},
)


def built(
    entry: dict[str, Any] = CNN,
    *,
    backbone: str | None = None,
    classes: int = 3,
    seed: int = 5,
    disturbed: bool = True,
) -> Network:
    """The network of a classifier entry: random weights, fitted standardisation, disturbed running statistics."""
    whole = changed(WHOLE, {"classifiers": {"it": entry}})
    made = config.parse(whole).classifiers["it"]
    keras(seed=seed)
    net = network.build(made, backbone=backbone, weights=None, classes=classes)
    rng = np.random.default_rng(seed)
    for weight in (*net.body.weights, *net.head.weights) if disturbed else ():
        if weight.path.endswith(("mean", "bias", "beta")):
            weight.assign(rng.normal(0, 0.3, weight.shape))
        elif weight.path.endswith(("variance", "gamma")):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
    if made.network.head.standardize:  # else the probabilities of raw features are all 0 or 1
        some = pictures(40, seed=seed, **made.image.size.model_dump())
        loop.standardize(net.head, np.asarray(net.body(some, training=False)))
    return net


def residual(*, classes: int = 3) -> Network:
    """The first residual block of ResNet50, batch normalisation and all, with a hidden layer on top."""
    return built(RESIDUAL, backbone="resnet50", classes=classes)


def cut(net: Network, freeze: str) -> CutModel:
    """A network split at a freeze point."""
    return cut_model.cut(net, freeze)


def said(parts: CutModel, images: np.ndarray) -> np.ndarray:
    """Keras' own probabilities of images (N, H, W, 3) uint8."""
    return np.asarray(assemble.whole(parts)(images)["probs"])


def pictures(count: int, *, seed: int = 0, height: int = 32, width: int = 40) -> np.ndarray:
    """(count, height, width, 3) uint8, no two alike."""
    return np.stack([pixels(1000 * seed + number, height=height, width=width) for number in range(count)])
