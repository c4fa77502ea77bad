"""Poolings of a plain network: the largest value of a window, the mean, and the L1 and L2 norms."""

from typing import Any

from frostline.config import Pooling
from frostline.models.keras_backend import keras

# Under the root: its slope at 0 is infinite, and a window of zeros is common after a ReLU.
_TINY = 1e-12


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
