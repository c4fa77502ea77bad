"""Keras Applications' networks from the table of backbones, with the transform inside."""

from typing import Any

from frostline.errors import InputError
from frostline.nets.backend import keras
from frostline.nets.transform import transform_layer
from frostline.params.backbones import TABLE, Transform


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


def imagenet(name: str) -> Any:
    """The backbone with ImageNet weights, downloaded by Keras (or found in its cache).

    Raises InputError saying what to do where the download fails.
    """
    try:
        return getattr(keras().applications, TABLE[name].constructor)(
            include_top=False, weights="imagenet", input_shape=(224, 224, 3)
        )
    except Exception as error:  # Keras wraps every download failure in a bare Exception
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"the ImageNet weights of {name} could not be downloaded ({reason}); connect to the internet, or "
            f"put a weights file of keras.applications.{TABLE[name].constructor}(include_top=False) into "
            "pretrained/ and name it as the source, or use source: random to try the plumbing"
        ) from None
