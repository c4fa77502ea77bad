"""Class activation maps of the network of an ONNX file: what is averaged to the logit, place by place."""

from typing import Any

import numpy as np
import pytest

from frostline.config import OnnxInput, Tap
from frostline.features.trunks import OnnxTrunk
from frostline.models import occlusion
from frostline.models.dense_head import Dense, DenseHead
from frostline.runtime import onnx_trunk, pool, pooled_map
from frostline.training import class_maps
from helpers.images import pixels
from helpers.onnx_networks import CHANNELS, WIDTH, network

PLAIN = OnnxInput(channels="RGB", scale=1.0, mean=[120.0] * 3, std=[60.0] * 3)
IMAGES = np.stack([pixels(seed, height=8, width=10) for seed in range(3)])
MEAN, NONE = Tap(pooling="mean", prefix_tokens=0), Tap(pooling="none", prefix_tokens=0)


def trunk(tap: str = "map", how: Tap = MEAN, **options: Any) -> OnnxTrunk:
    """A trunk on such a tap."""
    content, width = onnx_trunk.sized(
        onnx_trunk.make(network(**options), PLAIN, {tap: how}), height=8, width=10
    )
    return OnnxTrunk(content, width, 0)


def head(width: int, classes: int) -> DenseHead:
    """A linear head of random numbers."""
    rng = np.random.default_rng(1)
    columns = 1 if classes == 2 else classes
    logits = Dense(rng.normal(size=(width, columns)).astype(np.float32), np.zeros(columns, np.float32))
    mean, scale = (rng.normal(size=width).astype(np.float32) for _ in range(2))
    return DenseHead(logits, mean=mean, scale=np.abs(scale) + 0.1)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize(
    ("tap", "how", "options"),
    [
        ("map", MEAN, {}),
        ("map", MEAN, {"layout": "NHWC"}),
        ("map_last", MEAN, {"batch": 1, "baked": True}),
        ("flat", NONE, {}),  # pooled in the file itself
    ],
)
def test_the_mean_of_the_map_is_the_logit(classes: int, tap: str, how: Tap, options: dict[str, Any]) -> None:
    """But for what is the same for all images: maps explain all of the difference between two classes' logits."""
    made, linear = trunk(tap, how, **options), head(CHANNELS, classes)
    found = pooled_map.read(made.content)
    assert found is not None
    of = np.array([0, 1, 1])
    parts = class_maps.contributions(found.of(IMAGES), linear, of)
    assert parts.shape == (3, 8, 10)
    rows = pool.on_cpu(made.content)(IMAGES)["features"]
    assert linear.scale is not None
    logits = (rows * linear.scale) @ linear.logits.kernel
    expected = logits[:, 0] * (2 * of - 1) if classes == 2 else logits[np.arange(3), of]
    np.testing.assert_allclose(parts.mean((1, 2)), expected, rtol=1e-3, atol=1e-4)
    name, heat = class_maps.heat(made, linear, IMAGES, of) or ("", np.zeros(0))
    assert name in {"map", "map_last"}
    assert (heat.min(), heat.max()) == (0, 1)
    positive = np.maximum(parts, 0)
    np.testing.assert_allclose(heat, positive / positive.max((1, 2), keepdims=True), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("tap", "how"), [("vector", NONE), ("map", NONE), ("tokens", MEAN)])
def test_what_is_no_mean_of_a_map_has_none(tap: str, how: Tap) -> None:
    """A layer between, a map as it is, tokens: nothing is claimed."""
    made = trunk(tap, how)
    assert pooled_map.read(made.content) is None
    assert class_maps.heat(made, head(made.width, 3), IMAGES, np.array([0, 1, 2])) is None


def test_hidden_layers_have_none() -> None:
    """What a place adds is then no longer a sum."""
    linear = head(WIDTH, 3)
    hidden = [Dense(np.ones((CHANNELS, WIDTH), np.float32), np.zeros(WIDTH, np.float32))]
    assert class_maps.heat(trunk(), DenseHead(linear.logits, hidden), IMAGES, np.array([0, 1, 2])) is None


def test_hidden_parts_where_no_map_tells() -> None:
    """For a layer between and hidden layers alike; the hottest part is the one that the class needs most."""
    made = trunk("vector", NONE)
    linear = head(WIDTH, 3)
    hidden = [Dense(np.eye(WIDTH, dtype=np.float32), np.zeros(WIDTH, np.float32))]
    for found in (linear, DenseHead(linear.logits, hidden, linear.mean, linear.scale)):
        name, heat = class_maps.occluded(made, found, IMAGES, np.array([0, 1, 2]))
        assert (name, heat.shape) == ("occlusion", (3, 7, 7))
        assert (heat.min(), heat.max()) == (0, 1)
        image, cell = IMAGES[0], int(heat[0].argmax())
        rows = pool.on_cpu(made.content)(occlusion.occluded(image, 7))["features"]
        probs = found(rows)[:, 0]
        assert probs[cell] == pytest.approx(probs.min(), rel=1e-4)


def test_randomised_weights_change_what_hidden_parts_show() -> None:
    """Whoever shows edges instead of what the network learned would show them again (Adebayo et al. 2018)."""
    linear, classes = head(WIDTH, 3), np.array([0, 1, 2])
    heat = [
        class_maps.occluded(trunk("vector", NONE, seed=seed), linear, IMAGES, classes)[1]
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(heat[0], heat[1])
    assert abs(np.corrcoef(heat[0].ravel(), heat[2].ravel())[0, 1]) < 0.9
    other = DenseHead(
        Dense(-linear.logits.kernel[:, ::-1], linear.logits.bias), (), linear.mean, linear.scale
    )
    changed = class_maps.occluded(trunk("vector", NONE, seed=1), other, IMAGES, classes)[1]
    assert abs(np.corrcoef(heat[0].ravel(), changed.ravel())[0, 1]) < 0.9
