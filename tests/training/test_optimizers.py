"""Optimizers by name, and learning rates step by step."""

import numpy as np
import pytest

from frostline.config import OPTIMIZERS
from frostline.models import heads
from frostline.models.keras_backend import computing, keras
from frostline.training import optimizers
from helpers.networks import head, phase, training


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_name_is_an_optimizer(name: str) -> None:
    """Each builds with its state made, so that it can be kept and restored."""
    model = heads.build(head(), features=6, classes=3)
    made = optimizers.build(phase(optimizer=name, learning_rate=0.02), model)
    assert float(made.learning_rate) == pytest.approx(0.02)
    assert made.built
    assert float(getattr(made, "momentum", 0) or 0) in (
        {0.9} if name in {"momentum", "nesterov"} else {0, 0.9}
    )


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_gradients_are_scaled_in_float16_alone(precision: str) -> None:
    """Where float16 trains its small gradients would vanish; nothing else needs it."""
    with computing(precision):
        model = heads.build(head(), features=6, classes=3)
    made = optimizers.build(phase(), model)
    assert isinstance(made, keras().optimizers.LossScaleOptimizer) == (precision == "float16")


def test_constant_is_constant() -> None:
    """Without settings every step has the phase's rate."""
    np.testing.assert_allclose(optimizers.rates(phase(learning_rate=0.3), None, steps=7), 0.3)


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
@pytest.mark.parametrize("warmup", [0.0, 0.25, 0.9])
def test_rates_rise_then_follow_the_schedule(schedule: str, warmup: float) -> None:
    """Up in equal steps for the share that was asked for, to the full rate, then never up again."""
    how = training(schedule=schedule, warmup=warmup)
    found = optimizers.rates(phase(learning_rate=2), how, steps=100)
    warm = round(100 * warmup)
    assert found.shape == (100,)
    assert (found > 0).all()
    assert found[warm] == pytest.approx(2)
    if warm > 1:
        np.testing.assert_allclose(np.diff(found[:warm]), 2 / (warm + 1), rtol=1e-4)
    assert (np.diff(found[warm:]) <= 1e-6).all()
    middle = warm + (100 - warm) // 2
    assert found[middle] == pytest.approx(2 if schedule == "constant" else 1, rel=0.1)


def test_cosine_is_keras_own() -> None:
    """The same rates as Keras' CosineDecay gives."""
    decay = keras().optimizers.schedules.CosineDecay(0.5, 40)
    found = optimizers.rates(phase(learning_rate=0.5), training(schedule="cosine"), steps=40)
    np.testing.assert_allclose(found, [float(decay(step)) for step in range(40)], rtol=1e-4, atol=1e-7)
