"""The plain network: blocks of convolutions with ReLU, each closed by a pooling, or no blocks at all.

A pooling takes the largest value of each window, the mean, or the L1 or L2 norm.
"""

from typing import Any

from frostline.config import ConvolutionBlock, Pooling
from frostline.models.keras_backend import keras
from frostline.models.transform import transform_layer

# Under the root: its slope at 0 is infinite, and a window of zeros is common after a ReLU.
_TINY = 1e-12


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


def pooling_layer(pooling: Pooling, *, name: str) -> Any:
    """A Keras layer (N, h, w, c) → (N, (h - size) // stride + 1, likewise, c); what is over is left out."""
    layers, sides = keras().layers, {"pool_size": pooling.size, "strides": pooling.stride}
    if pooling.kind == "max":
        return layers.MaxPooling2D(**sides, name=name)
    if pooling.kind == "average":
        return layers.AveragePooling2D(**sides, name=name)
    return _norm(pooling, name=name)


def _norm(pooling: Pooling, *, name: str) -> Any:
    """(Σ |x|^p)^(1/p) over each window, as ONNX' LpPool: the mean of |x| or x² times the window's size."""
    k = keras()
    count = float(pooling.size**2)

    class NormPooling(k.layers.Layer):  # type: ignore[misc,name-defined]
        pool_size, strides, padding = (pooling.size,) * 2, (pooling.stride,) * 2, "valid"  # as Keras' own

        def call(self, x: Any) -> Any:
            powers = k.ops.abs(x) if pooling.kind == "l1" else k.ops.square(x)
            total = count * k.ops.average_pool(powers, pooling.size, pooling.stride, padding="valid")
            return total if pooling.kind == "l1" else k.ops.sqrt(total + _TINY)

        def compute_output_shape(self, shape: Any) -> Any:
            sides = ((side - pooling.size) // pooling.stride + 1 for side in shape[1:3])
            return (shape[0], *sides, shape[3])

    return NormPooling(name=name)
