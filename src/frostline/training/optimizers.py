"""Keras' optimizers by the names of params.yaml, and the learning rate of every step."""

from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.config import Phase, Training
from frostline.models.keras_backend import keras

# Keras' class and what is not its default; momentum and Nesterov are the textbooks' 0.9.
_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "adadelta": ("Adadelta", {}),
    "adafactor": ("Adafactor", {}),
    "adagrad": ("Adagrad", {}),
    "adam": ("Adam", {}),
    "adamax": ("Adamax", {}),
    "adamw": ("AdamW", {}),
    "ftrl": ("Ftrl", {}),
    "lamb": ("Lamb", {}),
    "lion": ("Lion", {}),
    "momentum": ("SGD", {"momentum": 0.9}),
    "nadam": ("Nadam", {}),
    "nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "rmsprop": ("RMSprop", {}),
    "sgd": ("SGD", {}),
}


def build(phase: Phase, model: Any) -> Any:
    """A phase's optimizer for a model, its state made; where float16 trains, small gradients are scaled up."""
    k = keras()
    constructor, options = _CLASSES[phase.optimizer]
    optimizer = getattr(k.optimizers, constructor)(learning_rate=phase.learning_rate, **options)
    if "float16" in _computing(model):
        optimizer = k.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(model.trainable_variables)
    return optimizer


def rates(phase: Phase, training: Training | None, *, steps: int) -> npt.NDArray[np.float32]:
    """The learning rate of each of a phase's steps (steps,): warm-up from near 0, then the schedule.

    `steps` counts all steps of all the phase's epochs. Cosine and linear end near 0.
    """
    shape, share = (training.schedule, training.warmup) if training else ("constant", 0.0)
    warm = round(steps * share)
    left = np.arange(steps - warm) / max(steps - warm, 1)
    after = {"constant": np.ones_like(left), "linear": 1 - left, "cosine": (1 + np.cos(np.pi * left)) / 2}
    factors = np.concatenate([np.arange(1, warm + 1) / (warm + 1), after[shape]])
    return (phase.learning_rate * factors).astype(np.float32)


def _computing(model: Any) -> set[str]:
    """The types that the layers which train compute in."""
    if inner := getattr(model, "layers", []):
        return {dtype for layer in inner for dtype in _computing(layer)}
    return {model.compute_dtype} if model.trainable_weights else set()
