"""What training makes smaller: negative log-likelihood, with smoothed labels and class weights if asked for."""

from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.config import Training
from frostline.models.keras_backend import keras


def log_probabilities(logits: Any) -> Any:
    """Logits (N, C) or (N, 1) → log probabilities (N, C) or (N, 2) float32."""
    k = keras()
    logits = k.ops.cast(logits, "float32")
    if logits.shape[-1] == 1:  # one logit stands for two classes, 0 and itself
        logits = k.ops.concatenate([k.ops.zeros_like(logits), logits], axis=-1)
    return k.ops.log_softmax(logits, axis=-1)


def losses(logs: Any, labels: Any) -> Any:
    """Negative log-likelihood of each row (N,), in nats: the figure that is reported."""
    k = keras()
    return -k.ops.sum(logs * k.ops.one_hot(labels, logs.shape[-1]), axis=-1)


def smoothed(logs: Any, plain: Any, smoothing: float) -> Any:
    """Losses (N,) against labels of which a share is spread evenly over all classes."""
    return plain if not smoothing else (1 - smoothing) * plain - smoothing * keras().ops.mean(logs, axis=-1)


def class_weights(
    labels: npt.NDArray[np.int64], training: Training | None, *, classes: int
) -> npt.NDArray[np.float32]:
    """A weight for each class (C,): ones, or for `balanced` such that all classes weigh the same in sum.

    As in scikit-learn: n / (C * images of the class). A class without images gets 0.
    """
    if training is None or training.class_weights == "equal":
        return np.ones(classes, np.float32)
    counts = np.bincount(labels, minlength=classes)
    return np.where(counts, len(labels) / (classes * np.maximum(counts, 1)), 0).astype(np.float32)
