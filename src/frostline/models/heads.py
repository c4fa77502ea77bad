"""What stands on top of the features: standardisation, hidden layers, the classes."""

from typing import Any

import numpy as np

from frostline.config import ClassifierHead
from frostline.models.dense_head import Dense, DenseHead, SolvedHead
from frostline.models.keras_backend import keras

POOLING = {"flatten": "Flatten", "average": "GlobalAveragePooling2D", "max": "GlobalMaxPooling2D"}


def pooling(kind: str, *, name: str = "pool") -> Any:
    """The layer that turns a feature map (N, h, w, c) into a vector: (N, h*w*c) or (N, c)."""
    return getattr(keras().layers, POOLING[kind])(name=name)


def build(head: ClassifierHead, *, features: int, classes: int) -> Any:
    """A Keras model (N, features) float32 → logits (N, classes), or (N, 1) for two classes.

    Two classes take one logit, that of the second class, as a single sigmoid unit does.
    """
    k = keras()
    inputs = k.Input((features,), name="features")
    x = standardize_layer()(inputs) if head.standardize else inputs
    for name, units in head.dense.items():
        x = k.layers.Dense(units, activation="relu", name=f"dense_{name}")(x)
    if head.dropout:
        x = k.layers.Dropout(head.dropout, name="dropout")(x)
    logits = k.layers.Dense(1 if classes == 2 else classes, name="logits")(x)
    return k.Model(inputs, logits, name="head")


def arrays(head: Any) -> DenseHead:
    """What a head holds, as plain arrays."""
    if isinstance(head, SolvedHead):
        return head.arrays
    layers = {layer.name: [np.array(weight) for weight in layer.weights] for layer in head.layers}
    mean, scale = layers.get("standardize", (None, None))
    hidden = [Dense(*weights) for name, weights in layers.items() if name.startswith("dense_")]
    return DenseHead(Dense(*layers["logits"]), hidden, mean, scale)


def assign(head: Any, found: DenseHead) -> None:
    """Put a head's arrays in place: standardisation, hidden layers and logits."""
    if isinstance(head, SolvedHead):
        head.arrays = found
        return
    hidden = [layer for layer in head.layers if layer.name.startswith("dense_")]
    for layer, values in zip(hidden, found.hidden, strict=True):
        layer.set_weights([values.kernel, values.bias])
    head.get_layer("logits").set_weights([found.logits.kernel, found.logits.bias])
    head.get_layer("standardize").set_weights([found.mean, found.scale])


def trainable(upper: Any) -> int:
    """How many numbers train of what is above the frost line."""
    if isinstance(upper, SolvedHead):
        return upper.trainable
    return sum(int(np.prod(weight.shape)) for weight in upper.trainable_weights)


def width(upper: Any) -> int:
    """How many numbers of an image what is above the frost line takes."""
    return upper.features if isinstance(upper, SolvedHead) else int(np.prod(upper.input_shape[1:]))


def standardize_layer() -> Any:
    """(x - mean) * scale per feature, both constants fitted on the training images (`fitting.standardize`)."""
    k = keras()

    class Standardize(k.layers.Layer):  # type: ignore[misc,name-defined]
        def build(self, shape: Any) -> None:
            self.mean = self.add_weight(shape=shape[-1:], initializer="zeros", trainable=False, name="mean")
            self.scale = self.add_weight(shape=shape[-1:], initializer="ones", trainable=False, name="scale")

        def call(self, x: Any) -> Any:
            return (x - self.mean) * self.scale

    return Standardize(name="standardize")


def probabilities(logits: Any) -> Any:
    """Logits (N, C) or (N, 1) → float32 probabilities (N, C) or (N, 2), rows summing to 1."""
    k = keras()
    logits = k.ops.cast(logits, "float32")
    if logits.shape[-1] == 1:
        return k.ops.softmax(k.ops.concatenate([k.ops.zeros_like(logits), logits], axis=-1), axis=-1)
    return k.ops.softmax(logits, axis=-1)
