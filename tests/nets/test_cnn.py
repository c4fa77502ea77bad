"""The plain network: shapes at odd sizes, names, counts, and blocks that are too many."""

import numpy as np
import pytest

from frostline.errors import InputError
from frostline.nets import cnn
from frostline.params import Block


def block(**changes) -> Block:
    """A block with changes."""
    return Block(**{"convolutions": 1, "filters": 4, "kernel": 3, "pooling": "max", **changes})


@pytest.mark.parametrize(
    ("blocks", "height", "width", "shape"),
    [
        ({"a": block()}, 32, 40, (16, 20, 4)),
        ({"a": block()}, 33, 41, (16, 20, 4)),
        ({"a": block(), "b": block(filters=6)}, 11, 29, (2, 7, 6)),
        ({"a": block(pooling="none", kernel=2)}, 9, 14, (9, 14, 4)),
        ({"a": block(pooling="average", kernel=5, filters=1)}, 8, 15, (4, 7, 1)),
        ({"a": block(), "b": block(), "c": block(filters=2)}, 8, 9, (1, 1, 2)),
    ],
)
def test_shapes(blocks: dict[str, Block], height: int, width: int, shape: tuple[int, ...]) -> None:
    """'Same' convolutions keep the size, each pooling halves it, rounding down."""
    model = cnn.build(blocks, height=height, width=width)
    assert model.output.shape == (None, *shape)
    pixels = np.full((2, height, width, 3), 255, np.uint8)
    assert model(pixels).shape == (2, *shape)


def test_layers_and_parameters() -> None:
    """Convolutions are numbered within their block; each has kernel² x inputs x outputs weights and biases."""
    model = cnn.build(
        {"wide": block(convolutions=2), "deep": block(filters=5, kernel=2)}, height=16, width=24
    )
    assert [layer.name for layer in model.layers] == [
        "pixels", "transform", "wide_conv1", "wide_conv2", "wide_pool", "deep_conv1", "deep_pool",
    ]  # fmt: skip
    assert model.count_params() == (9 * 3 * 4 + 4) + (9 * 4 * 4 + 4) + (4 * 4 * 5 + 5)


@pytest.mark.parametrize(("kind", "reduce"), [("max", np.max), ("average", np.mean)])
def test_what_it_computes(kind: str, reduce) -> None:
    """Pixels / 255, convolved, cut at 0, pooled 2x2: with a 1x1 kernel NumPy says the same."""
    model = cnn.build({"a": block(filters=2, kernel=1, pooling=kind)}, height=8, width=12)
    kernel, bias = np.random.default_rng(1).normal(size=(3, 2)), np.array([0.1, -0.2])
    model.get_layer("a_conv1").set_weights([kernel[None, None], bias])
    pixels = np.random.default_rng(2).integers(0, 256, (1, 8, 12, 3), dtype=np.uint8)
    maps = np.maximum(pixels[0] / 255 @ kernel + bias, 0)
    expected = reduce(maps.reshape(4, 2, 6, 2, 2), axis=(1, 3))
    np.testing.assert_allclose(np.asarray(model(pixels))[0], expected, rtol=1e-4, atol=1e-5)


def test_too_many_poolings() -> None:
    """Where nothing is left to pool, the block's key is named."""
    with pytest.raises(InputError) as caught:
        cnn.build({name: block() for name in "abc"}, height=8, width=7)
    assert str(caught.value) == (
        "blocks.c.pooling: 2x1 is left of 8x7 pixels, too small to pool; "
        "use none there, take the block out, or raise image.size"
    )
