"""The plain convolutional network: blocks of 'same' convolutions with ReLU, each closed by a pooling."""

from typing import Any

from frostline.errors import InputError
from frostline.nets.backend import keras
from frostline.nets.transform import transform_layer
from frostline.params import Block

_POOLINGS = {"max": "MaxPooling2D", "average": "AveragePooling2D"}


def build(blocks: dict[str, Block], *, height: int, width: int) -> Any:
    """A Keras model from pixels (N, height, width, 3), 0-255, to a feature map (N, h, w, filters).

    Raises InputError where nothing is left to pool.
    """
    k = keras()
    pixels = k.Input((height, width, 3), name="pixels")
    x = transform_layer("rescale")(pixels)
    for name, block in blocks.items():
        for number in range(1, block.convolutions + 1):
            x = k.layers.Conv2D(
                block.filters, block.kernel, padding="same", activation="relu", name=f"{name}_conv{number}"
            )(x)
        if block.pooling != "none":
            if min(x.shape[1:3]) < 2:
                raise InputError(
                    f"blocks.{name}.pooling: {x.shape[1]}x{x.shape[2]} is left of {height}x{width} pixels, too small "
                    "to pool; use none there, take the block out, or raise image.size"
                )
            x = getattr(k.layers, _POOLINGS[block.pooling])(2, name=f"{name}_pool")(x)
    return k.Model(pixels, x, name="cnn")
