"""Keras Applications' networks from the table of backbones, with the transform inside, and their weights."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from frostline.config.backbones import TABLE, Transform
from frostline.errors import InputError, first_line
from frostline.models.keras_backend import keras
from frostline.models.transform import transform_layer

CLASSES = 1000  # of ImageNet


def build(name: str, *, height: int = 224, width: int = 224, transform: Transform | None = None) -> Any:
    """A backbone without its classification layers and without trained weights.

    Input: pixels (N, height, width, 3), 0-255. `transform` None means the backbone's own.
    Weights are drawn from Keras' seeded generator. Raises InputError for images that are too small.
    """
    row = TABLE[name]
    if min(height, width) < row.smallest:
        raise InputError(
            f"{name} needs images of at least {row.smallest}x{row.smallest} pixels, not {height}x{width}; "
            "raise image.size in params.yaml"
        )
    k = keras()
    pixels = k.Input((height, width, 3), name="pixels")
    inputs = transform_layer(transform or row.transform)(pixels)
    return getattr(k.applications, row.constructor)(include_top=False, weights=None, input_tensor=inputs)


def depthwise(model: Any) -> Any:
    """The same network, a convolution whose groups are single channels as the depthwise convolution that it is.

    ConvNeXt's are written as grouped ones, which Keras runs on a processor in a compiled function of its own:
    slower, and not to be exported. Names, weights and outputs stay; a model without such is returned itself.
    """
    k = keras()

    def single(layer: Any) -> bool:
        return isinstance(layer, k.layers.Conv2D) and layer.groups == layer.filters > 1

    def rewritten(layer: Any) -> Any:
        config = layer.get_config()
        if not single(layer):
            return type(layer).from_config(config)
        options = (
            "name",
            "trainable",
            "dtype",
            "kernel_size",
            "strides",
            "padding",
            "dilation_rate",
            "activation",
            "use_bias",
        )
        return k.layers.DepthwiseConv2D(**{key: config[key] for key in options})

    if not any(single(layer) for layer in model.layers):
        return model
    same = k.models.clone_model(model, clone_function=rewritten)
    for old, new in zip(model.layers, same.layers, strict=True):
        weights = old.get_weights()
        if single(old):  # (height, width, 1, channels) → (height, width, channels, 1)
            weights[0] = weights[0].swapaxes(2, 3)
        new.set_weights(weights)
    return same


def imagenet(name: str) -> Any:
    """The backbone with ImageNet weights, downloaded by Keras (or found in its cache).

    Raises InputError saying what to do where the download fails.
    """
    try:
        return getattr(keras().applications, TABLE[name].constructor)(
            include_top=False, weights="imagenet", input_shape=(224, 224, 3)
        )
    except Exception as error:  # Keras wraps every download failure in a bare Exception
        raise InputError(
            f"the ImageNet weights of {name} could not be downloaded ({first_line(error)}); connect to the internet, "
            f"or put a weights file of keras.applications.{TABLE[name].constructor}(include_top=False) into "
            "pretrained/ and name it as the source, or use source: random to try the pipeline"
        ) from None


def whole(name: str, *, weights: Path | None) -> Any:
    """The network with its 1,000 ImageNet classes: pixels (N, side, side, 3) uint8 → probabilities (N, 1000).

    `weights`: a file in the layout of Keras' own (`include_top=True`); None downloads it, or finds it in
    Keras' cache. Raises InputError saying what to do where that fails, or where the file does not fit.
    """
    row, k = TABLE[name], keras()
    constructor = getattr(k.applications, row.constructor)
    if weights is None:
        inner = _downloaded(name, constructor)
    else:
        inner = constructor(weights=None)
        _load(
            inner,
            weights,
            holds=f"weights of {name} with its classification layers",
            absent=f"is missing; name a weights file of {name} with its classification layers",
            unfit=f"save those of keras.applications.{row.constructor}()",
        )
    pixels = k.Input((row.side, row.side, 3), name="pixels")
    return k.Model(pixels, inner(transform_layer(row.transform)(pixels)), name=name)


def class_names(path: Path | None) -> list[str]:
    """The names of ImageNet's 1,000 classes, in the order of the probabilities.

    `path`: a file as Keras' imagenet_class_index.json; None downloads it through Keras.
    """
    if path is None:
        return _names_of_keras()
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
        return [str(index[str(place)][1]) for place in range(CLASSES)]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}; name a class index file") from None
    except (ValueError, KeyError, IndexError, TypeError):
        raise InputError(
            f'{path}: is no class index of {CLASSES} classes, like {{"0": ["n01440764", "tench"], …}}; '
            "take Keras' imagenet_class_index.json"
        ) from None


def _names_of_keras() -> list[str]:
    """Keras gives names only for probabilities: of 1,000 rows, each is sure of another class."""
    rows = np.eye(CLASSES, dtype=np.float32)
    try:
        decoded = keras().applications.imagenet_utils.decode_predictions(rows, top=1)
    except Exception as error:  # Keras wraps every download failure in a bare Exception
        raise InputError(
            f"the names of ImageNet's classes could not be downloaded ({first_line(error)}); connect to the "
            "internet, or give a copy of Keras' imagenet_class_index.json with --classes FILE"
        ) from None
    return [row[0][1] for row in decoded]


def _downloaded(name: str, constructor: Any) -> Any:
    try:
        return constructor(weights="imagenet")
    except Exception as error:  # as above
        raise InputError(
            f"the ImageNet weights of {name} could not be downloaded ({first_line(error)}); connect to the internet, "
            f"or give a weights file of keras.applications.{TABLE[name].constructor}() with --weights FILE"
        ) from None


def save_weights(backbone: str, source: str | Path, *, seed: int, to: Path) -> None:
    """Write the weights of a backbone without its classification layers to `to` (`.weights.h5`).

    `source`: a weights file, `imagenet` (downloaded by Keras) or `random` (drawn with `seed`). The same source
    gives the same bytes. InputError saying what to do where it is missing or does not fit.
    """
    keras(seed=seed)
    if source == "imagenet":
        model = imagenet(backbone)
    else:
        model = build(backbone)
        if source != "random":
            _load(
                model,
                Path(source),
                holds=f"weights of {backbone} without its classification layers",
                absent="is missing; put or link the weights file there, or name another source",
                unfit="name the right backbone or file",
            )
    model.save_weights(to)


def _load(model: Any, path: Path, *, holds: str, absent: str, unfit: str) -> None:
    """Fill a model from a file; InputError with what to do where it is absent, or holds something else."""
    if not path.is_file():
        raise InputError(f"{path} {absent}")
    try:
        with warnings.catch_warnings():
            # Keras only warns where a part of the file is missing, and leaves those layers as drawn.
            warnings.filterwarnings("error", category=UserWarning)
            model.load_weights(path)
    except Exception as error:  # whatever h5py and Keras find wrong with a file
        raise InputError(f"{path} does not hold {holds} ({first_line(error)}); {unfit}") from None
