"""The objective is Keras' and scikit-learn's, with one logit or many."""

from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from frostline.config import Training
from frostline.models.keras_backend import keras
from frostline.training import steps
from helpers.networks import training

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_losses_are_keras_own(classes: int, smoothing: float) -> None:
    """Each row's loss against Keras' crossentropies from logits, far from 0 too."""
    k = keras()
    logits = (RNG.normal(size=(29, 1 if classes == 2 else classes)) * 12).astype(np.float32)
    labels = RNG.integers(0, classes, 29)
    logs = steps.log_probabilities(k.ops.convert_to_tensor(logits))
    found = steps.smoothed(logs, steps.losses(logs, labels), smoothing)
    if classes == 2:
        loss: Any = k.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing, reduction=None)
        expected = loss(labels[:, None].astype(np.float32), logits)
    else:
        loss = k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing, reduction=None)
        expected = loss(np.eye(classes, dtype=np.float32)[labels], logits)
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-5, atol=1e-6)


def test_balanced_weights_are_scikit_learns() -> None:
    """Rare classes weigh more, in sum all the same; a class without images weighs nothing."""
    labels = np.repeat([0, 1, 3], [5, 20, 2])
    found = steps.class_weights(labels, training(class_weights="balanced"), classes=4)
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels) * 3 / 4
    np.testing.assert_allclose(found[[0, 1, 3]], expected, rtol=1e-6)
    assert found[2] == 0


@pytest.mark.parametrize("how", [None, training()])
def test_equal_weights(how: Training | None) -> None:
    """Unless asked for, every image counts as one."""
    np.testing.assert_array_equal(steps.class_weights(np.array([0, 0, 1]), how, classes=3), np.ones(3))
