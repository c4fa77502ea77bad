"""The plain network: blocks of convolutions with ReLU, each closed by a pooling, or no blocks at all."""

from typing import Any

from frostline.config import ConvolutionBlock
from frostline.models.keras_backend import keras
from frostline.models.pooling import pooling_layer
from frostline.models.transform import transform_layer


def build(blocks: dict[str, ConvolutionBlock], *, height: int, width: int) -> Any:
    """A Keras model from pixels (N, height, width, 3), 0-255, to a feature map (N, h, w, filters).

    Without blocks the map is the pixels, divided by 255. That every window fits is checked when
    params.yaml is read.
    """
    k = keras()
    pixels = k.Input((height, width, 3), name="pixels")
    x = transform_layer("rescale")(pixels)
    for name, block in blocks.items():
        for number in range(1, block.convolutions + 1):
            x = _convolved(x, block, f"{name}_conv{number}")
        if block.pooling:
            x = pooling_layer(block.pooling, name=f"{name}_pool")(x)
        if block.dropout:
            x = k.layers.Dropout(block.dropout, name=f"{name}_dropout")(x)
    return k.Model(pixels, x, name="cnn")


def _convolved(x: Any, block: ConvolutionBlock, name: str) -> Any:
    """One convolution; padding that keeps the size is the layer's own, other padding a layer before it."""
    k = keras()
    keeps = block.stride == 1 and 2 * block.padding == block.kernel - 1
    if block.padding and not keeps:
        x = k.layers.ZeroPadding2D(block.padding, name=f"{name}_padding")(x)
    return k.layers.Conv2D(
        block.filters,
        block.kernel,
        strides=block.stride,
        padding="same" if keeps else "valid",
        activation="relu",
        kernel_regularizer=k.regularizers.L2(block.l2) if block.l2 else None,
        name=name,
    )(x)
