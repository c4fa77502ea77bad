"""The plain network: shapes at odd sizes, names, counts, what each layer computes, and no blocks at all."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.config import ConvolutionBlock, Pooling, Size, shapes
from frostline.models import cnn
from frostline.models.cnn import pooling_layer
from frostline.models.keras_backend import keras
from helpers.params import BLOCK, HALVING


def block(**changes) -> ConvolutionBlock:
    """A block with changes; `pool` changes its pooling."""
    pool = changes.pop("pool", {})
    return ConvolutionBlock(**{**BLOCK, "pooling": None if pool is None else {**HALVING, **pool}, **changes})


@pytest.mark.parametrize(
    ("blocks", "height", "width", "shape"),
    [
        ({}, 9, 14, (9, 14, 3)),
        ({"a": block()}, 32, 40, (16, 20, 4)),
        ({"a": block()}, 33, 41, (16, 20, 4)),
        ({"a": block(), "b": block(filters=6)}, 11, 29, (2, 7, 6)),
        ({"a": block(kernel=2, padding=0, pool=None)}, 9, 14, (8, 13, 4)),
        ({"a": block(kernel=2, padding=1, pool=None)}, 9, 14, (10, 15, 4)),
        ({"a": block(kernel=5, padding=1, stride=2, pool=None)}, 9, 15, (4, 7, 4)),
        ({"a": block(pool={"kind": "average"}, kernel=5, padding=2, filters=1)}, 8, 15, (4, 7, 1)),
        ({"a": block(pool={"size": 3})}, 33, 41, (16, 20, 4)),
        ({"a": block(pool={"kind": "l1", "size": 3, "stride": 1})}, 9, 12, (7, 10, 4)),
        ({"a": block(), "b": block(), "c": block(filters=2)}, 8, 9, (1, 1, 2)),
    ],
)
def test_shapes(blocks: dict[str, ConvolutionBlock], height: int, width: int, shape: tuple[int, ...]) -> None:
    """Padding of (R-1)/2 keeps the size, each halving rounds down."""
    model = cnn.build(blocks, height=height, width=width)
    assert model.output.shape == (None, *shape)
    pixels = np.full((2, height, width, 3), 255, np.uint8)
    assert model(pixels).shape == (2, *shape)


@given(
    kernel=st.integers(1, 6), stride=st.integers(1, 3), padding=st.integers(0, 3),
    kind=st.sampled_from(["max", "average", "l1", "l2"]), pool=st.integers(2, 4), step=st.integers(1, 3),
    height=st.integers(8, 40), width=st.integers(8, 40),
)  # fmt: skip
def test_sizes_are_those_of_the_arithmetic(
    kernel: int, stride: int, padding: int, kind: str, pool: int, step: int, height: int, width: int
) -> None:
    """Whatever params.yaml lets pass, Keras builds with (V - R + 2Z) / S + 1 places a side."""
    blocks = {"a": block(kernel=kernel, stride=stride, padding=padding,
                         pool={"kind": kind, "size": pool, "stride": step})}  # fmt: skip
    if list(shapes.problems(blocks, Size(height=height, width=width))):
        return
    sides = [list(shapes.slides(blocks, side))[-1].places for side in (height, width)]
    assert cnn.build(blocks, height=height, width=width).output.shape == (None, *sides, 4)


def test_layers_and_parameters() -> None:
    """Convolutions are numbered within their block; each has kernel² x inputs x outputs weights and biases."""
    deep = block(filters=5, kernel=2, padding=1, dropout=0.3)
    model = cnn.build({"wide": block(convolutions=2), "deep": deep}, height=16, width=24)
    assert [layer.name for layer in model.layers] == [
        "pixels", "transform", "wide_conv1", "wide_conv2", "wide_pool", "deep_conv1_padding", "deep_conv1",
        "deep_pool", "deep_dropout",
    ]  # fmt: skip
    assert model.count_params() == (9 * 3 * 4 + 4) + (9 * 4 * 4 + 4) + (4 * 4 * 5 + 5)


@pytest.mark.parametrize(
    ("kind", "reduce"),
    [
        ("max", np.max),
        ("average", np.mean),
        ("l1", lambda values, axis: np.abs(values).sum(axis)),
        ("l2", lambda values, axis: np.sqrt((values**2).sum(axis))),
    ],
)
def test_what_it_computes(kind: str, reduce) -> None:
    """Pixels / 255, convolved, cut at 0, pooled 2x2: with a 1x1 kernel NumPy says the same."""
    model = cnn.build({"a": block(filters=2, kernel=1, padding=0, pool={"kind": kind})}, height=8, width=12)
    kernel, bias = np.random.default_rng(1).normal(size=(3, 2)), np.array([0.1, -0.2])
    model.get_layer("a_conv1").set_weights([kernel[None, None], bias])
    pixels = np.random.default_rng(2).integers(0, 256, (1, 8, 12, 3), dtype=np.uint8)
    maps = np.maximum(pixels[0] / 255 @ kernel + bias, 0)
    expected = reduce(maps.reshape(4, 2, 6, 2, 2), axis=(1, 3))
    np.testing.assert_allclose(np.asarray(model(pixels))[0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["l1", "l2"])
def test_norms_of_negative_values(kind: str) -> None:
    """Norms take values of any sign; windows of 3 by 2 overlap."""
    layer = pooling_layer(Pooling(kind=kind, size=3, stride=2), name="pool")
    x = np.random.default_rng(3).normal(size=(2, 7, 9, 4)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2]
    power = {"l1": 1, "l2": 2}[kind]
    expected = (np.abs(windows) ** power).sum((-1, -2)) ** (1 / power)
    np.testing.assert_allclose(np.asarray(layer(x)), expected, rtol=1e-4)


def test_the_slope_at_zero_is_finite() -> None:
    """A window of zeros, common after a ReLU, does not turn the gradient of an L2 pooling into NaN."""
    import tensorflow as tf

    keras()
    layer, x = pooling_layer(Pooling(kind="l2", size=2, stride=2), name="pool"), tf.zeros((1, 4, 4, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x))
    np.testing.assert_array_equal(tape.gradient(total, x), np.zeros((1, 4, 4, 1)))


def test_l2_is_in_the_loss() -> None:
    """A weight of 0.5 adds half the sum of squared kernels; biases are free."""
    model = cnn.build({"a": block(l2=0.5), "b": block()}, height=8, width=12)
    first = model.get_layer("a_conv1").get_weights()[0]
    assert len(model.losses) == 1
    assert float(model.losses[0]) == pytest.approx(0.5 * (first**2).sum(), rel=1e-5)


def test_no_blocks_leave_the_pixels() -> None:
    """A dense network's features are the pixels themselves, divided by 255."""
    pixels = np.random.default_rng(4).integers(0, 256, (2, 8, 9, 3), dtype=np.uint8)
    np.testing.assert_allclose(np.asarray(cnn.build({}, height=8, width=9)(pixels)), pixels / 255, rtol=1e-6)
