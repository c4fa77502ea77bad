"""The whole network: body and head joined by one vector, ended early, weights in place."""

from pathlib import Path

import numpy as np
import pytest

from frostline.errors import InputError
from frostline.models import backbones, network
from frostline.models.keras_backend import keras
from helpers.networks import HEIGHT, KERAS_COPIES, WIDTH, classifier, head
from helpers.params import CNN

TOP = head().model_dump()


def ended(end_at: str | list[str] | None, **changes):
    """A classifier whose backbone ends early."""
    return classifier(network={"type": "pretrained", "end_at": end_at, "head": head(**changes).model_dump()})


@pytest.mark.parametrize(
    ("end_at", "pooling", "features", "last"),
    [
        (None, "average", 512, "block5_pool"),
        ("block3_pool", "average", 256, "block3_pool"),
        ("block2_conv1", "max", 128, "block2_conv1"),
        ("block3_pool", "flatten", 4 * 5 * 256, "block3_pool"),
    ],
)
def test_end_at(end_at: str | None, pooling: str, features: int, last: str) -> None:
    """Ended at a layer, that layer's map is pooled, and nothing above it is there."""
    built = network.build(ended(end_at, pooling=pooling), backbone="vgg16", weights=None, classes=3)
    assert [layer.name for layer in built.body.layers[-2:]] == [last, "pool"]
    assert built.body.output.shape == (None, features)
    assert built.head.inputs[0].shape == (None, features)
    assert built.head.output.shape == (None, 3)


@pytest.mark.parametrize("pooling", ["average", "max", "flatten"])
def test_several_ends(pooling: str) -> None:
    """Each is pooled as one alone would be, and they stand beside each other in the order that is written."""
    names = ["block4_pool", "block2_conv1"]
    both = network.build(ended(names, pooling=pooling), backbone="vgg16", weights=None, classes=3)
    pixels = np.random.default_rng(0).integers(0, 256, (2, HEIGHT, WIDTH, 3)).astype(np.float32)
    rows = []
    for name in names:
        alone = network.build(ended(name, pooling=pooling), backbone="vgg16", weights=None, classes=3).body
        for layer in alone.layers:
            layer.set_weights(both.body.get_layer(layer.name).get_weights() if layer.weights else [])
        rows.append(np.asarray(alone(pixels)))
    np.testing.assert_array_equal(np.asarray(both.body(pixels)), np.concatenate(rows, axis=1))
    assert both.body.layers[-1].name == "pool"
    assert both.head.inputs[0].shape == both.body.output.shape


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("block3_pol", "block3_pool, block"),
        ("block9_conv1", "block5_conv1, block"),
        ("???", "block5_conv2, block5_conv3, block5_pool"),
    ],
)
def test_unknown_layer(name: str, near: str) -> None:
    """An unknown layer is answered with the nearest names; where none is near, with the last."""
    with pytest.raises(InputError) as caught:
        network.build(ended(name), backbone="vgg16", weights=None, classes=3)
    assert str(caught.value).startswith(f"no layer '{name}' in vgg16; near: {near}")


@KERAS_COPIES
def test_weights_are_put_in_place(tmp_path: Path) -> None:
    """The file's weights, made at another image size, are the body's, whatever the seed drew."""
    keras(seed=1)
    source = backbones.build("vgg16")
    source.save_weights(tmp_path / "w.weights.h5")
    keras(seed=2)
    built = network.build(classifier(), backbone="vgg16", weights=tmp_path / "w.weights.h5", classes=3)
    for name in ("block1_conv1", "block5_conv3"):
        for mine, theirs in zip(
            built.body.get_layer(name).get_weights(), source.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", ["backbone", "rescale"])
def test_transform_as_chosen(kind: str) -> None:
    """`backbone` is the backbone's own transform, `rescale` the division by 255, never both."""
    image = {"size": {"height": HEIGHT, "width": WIDTH}, "resize": "squash", "transform": kind}
    built = network.build(classifier(image=image), backbone="vgg16", weights=None, classes=3)
    pixels = np.random.default_rng(3).integers(0, 256, (1, HEIGHT, WIDTH, 3), dtype=np.uint8)
    inner = keras().Model(built.body.inputs[0], built.body.get_layer("transform").output)
    expected = pixels / 255 if kind == "rescale" else pixels[..., ::-1] - [103.939, 116.779, 123.68]
    np.testing.assert_allclose(np.asarray(inner(pixels)), expected, rtol=1e-5, atol=1e-4)
    assert sum("transform" in layer.name for layer in built.body.layers) == 1


def test_cnn() -> None:
    """A network from scratch is body and head too."""
    built = network.build(classifier(backbone=None), backbone=None, weights=None, classes=2)
    assert built.body.output.shape == (None, 6)
    assert built.head.output.shape == (None, 1)
    assert built.body.inputs[0].shape == (None, HEIGHT, WIDTH, 3)


def test_remarks() -> None:
    """A pooling that leaves pixels out is remarked under its key; a backbone has none."""
    uneven = classifier(backbone=None, image={**CNN["image"], "size": {"height": 33, "width": 40}})
    assert network.remarks(uneven) == [
        "network.blocks.first.pooling: leaves 1 of 33 rows out; image.size.height 32 or 36 would fit"
    ]
    assert network.remarks(classifier()) == []


def test_a_dense_network() -> None:
    """Without blocks, 12,288 numbers of a 64x64 picture reach each neuron: 12,288 weights and a bias."""
    flat = {"type": "cnn", "blocks": {}, "head": head(pooling="flatten", dense={"one": 1}).model_dump()}
    size = {"height": 64, "width": 64}
    dense = classifier(backbone=None, network=flat, image={**CNN["image"], "size": size})
    built = network.build(dense, backbone=None, weights=None, classes=3)
    assert built.head.get_layer("dense_one").count_params() == 64 * 64 * 3 + 1 == 12_288 + 1
    assert built.body.count_params() == 0
