"""Layers read from Keras: the lecture's counts, and fields that the gradient of a real network confirms."""

from typing import Any

import numpy as np
import pytest

from frostline import config
from frostline.config import ConvolutionBlock
from frostline.models import backbones, cnn, heads, layers
from frostline.models.keras_backend import keras
from frostline.models.layers import Layer
from helpers.networks import head
from helpers.params import BLOCK, HALVING


def block(**changes: Any) -> ConvolutionBlock:
    """A block with changes."""
    return ConvolutionBlock(**{**BLOCK, **changes})


def named(model: Any, **how: Any) -> dict[str, Layer]:
    """The layers of a model by name."""
    return {layer.name: layer for layer in layers.read(model, **how)}


def test_a_neuron_against_a_filter() -> None:
    """64x64x3 pixels: 12,288 weights for each fully connected neuron, 6x6x3 = 108 for a filter that is shared."""
    dense = heads.build(head(dense={"one": 1}), features=64 * 64 * 3, classes=3)
    filters = cnn.build({"a": block(filters=1, kernel=6, padding=0, pooling=None)}, height=64, width=64)
    assert named(dense)["dense_one"].parameters == 64 * 64 * 3 + 1 == 12_288 + 1
    assert named(filters)["a_conv1"].parameters == 6 * 6 * 3 + 1 == 108 + 1


def test_three_layers_of_three_against_one_of_seven() -> None:
    """The same 7x7 pixels seen, with 3 x (9 C² + C) against 49 C² + C parameters."""
    wide = block(filters=16, pooling=None)
    small = named(
        cnn.build({"in": wide, "a": wide.model_copy(update={"convolutions": 3})}, height=20, width=24)
    )
    large = named(
        cnn.build(
            {"in": wide, "a": block(filters=16, kernel=7, padding=3, pooling=None)}, height=20, width=24
        )
    )
    assert small["a_conv3"].fields == large["a_conv1"].fields
    assert [small[f"a_conv{number}"].fields[0].size for number in (1, 2, 3)] == [2 + 3, 2 + 5, 2 + 7]
    assert sum(small[f"a_conv{number}"].parameters for number in (1, 2, 3)) == 3 * (9 * 16 * 16 + 16)
    assert large["a_conv1"].parameters == 49 * 16 * 16 + 16


def test_three_volumes_of_227() -> None:
    """Three maps of 227x227x64 are 9,893,568 activations: about 10 million."""
    three = named(cnn.build({"a": block(convolutions=3, filters=64, pooling=None)}, height=227, width=227))
    values = sum(three[f"a_conv{number}"].values for number in (1, 2, 3))
    assert values == 3 * 227 * 227 * 64 == 9_893_568


def test_vgg19_layer_by_layer() -> None:
    """Every convolution has 9 x inputs x outputs weights and a bias each; the last map sees 268 pixels.

    With the lecture's single unit on 7x7x512 features: 25,089 parameters on 20,024,384.
    """
    found = named(backbones.build("vgg19", height=224, width=224))
    widths = [64] * 2 + [128] * 2 + [256] * 4 + [512] * 8
    counts = [each.parameters for each in found.values() if each.kind == "Conv2D"]
    assert counts == [9 * below * here + here for below, here in zip([3, *widths], widths, strict=False)]
    assert sum(counts) == 20_024_384
    assert found["block1_conv1"].operations == 224 * 224 * 64 * (2 * 27 + 1 + 1)  # products, bias, ReLU
    assert [each.size for each in found["block5_pool"].fields] == [268, 268]
    top = named(heads.build(head(), features=7 * 7 * 512, classes=2))
    assert top["logits"].parameters == 25_088 + 1


def test_an_overlapping_pooling() -> None:
    """Windows of 3 at stride 2 over a 5x5 convolution see 7 pixels, 2 apart."""
    overlapping = {"a": block(kernel=5, padding=2, pooling={**HALVING, "kind": "l2", "size": 3})}
    (height, width) = named(cnn.build(overlapping, height=21, width=25))["a_pool"].fields
    assert height == width
    assert (height.size, height.step, height.start) == (7, 2, -2)


def test_sequential_models_inside_are_opened() -> None:
    """ConvNeXt's stem is a model of its own: its layers stand in the list, and nothing is counted twice."""
    model = backbones.build("convnexttiny", height=32, width=32)
    found = layers.read(model)
    stem = [layer for layer in found if "stem/" in layer.name]
    assert [layer.kind for layer in stem] == ["Conv2D", "LayerNormalization"]
    assert stem[0].fields[0].size == 4
    assert sum(layer.parameters for layer in found) == model.count_params()


def test_the_whole_image_stays_whole() -> None:
    """Behind a global pooling, and where it is multiplied back into a map, every value sees everything."""
    found = layers.read(backbones.build("efficientnetb0", height=32, width=40))
    first = next(place for place, layer in enumerate(found) if layer.kind == "GlobalAveragePooling2D")
    assert None not in found[first - 1].fields
    assert found[-1].fields == (None, None)
    top = heads.build(head(dense={"one": 3}), features=5, classes=3)
    assert all(layer.fields == (None, None) for layer in layers.read(top, sees=layers.IMAGE))


@pytest.mark.parametrize(("name", "depth"), [("vgg19", 16), ("mobilenetv2", 52)])
def test_depth(name: str, depth: int) -> None:
    """VGG19 is 19 layers with its three dense ones; the table says the same as the network itself."""
    model = backbones.build(name, height=32, width=40)
    assert layers.depth(model) == backbones.TABLE[name].depth == depth
    assert model.count_params() == backbones.TABLE[name].parameters


def support(model: Any, layer: str, *, images: int, seed: int = 1) -> list[tuple[int, int]]:
    """First and last row and column of pixels with a gradient from one position in the middle of a layer."""
    import tensorflow as tf

    inner = keras().Model(model.inputs[0], model.get_layer(layer).output)
    rng = np.random.default_rng(seed)
    pixels = tf.constant(rng.uniform(0, 255, (images, *model.inputs[0].shape[1:])), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        maps = inner(pixels, training=False)
        middle = [side // 2 for side in maps.shape[1:3]]
        score = tf.reduce_sum(maps[:, middle[0], middle[1]] ** 2)  # squared: signs do not cancel
    touched = np.abs(tape.gradient(score, pixels).numpy()).sum((0, 3)) > 0
    spans = [np.flatnonzero(touched.any(axis=axis)) for axis in (1, 0)]
    return [(int(span[0]), int(span[-1])) for span in spans]


def expected(layer: Layer, *, height: int, width: int) -> list[tuple[int, int]]:
    """The same from the receptive field, cut to the image."""
    spans = []
    for field, side, places in zip(layer.fields, (height, width), layer.shape, strict=False):
        at = (places // 2) * field.step
        spans.append((max(0, field.start + at), min(side, field.stop + at) - 1))
    return spans


@pytest.mark.parametrize(
    ("shape", "layer"),
    [
        (
            {"a": block(pooling={**HALVING, "kind": "average"}), "b": block(convolutions=2, pooling=None)},
            "b_conv2",
        ),
        (
            {"a": block(kernel=4, padding=1, stride=3, pooling=None), "b": block(kernel=2, padding=1)},
            "b_pool",
        ),
        ({"a": block(pooling={**HALVING, "kind": "l2", "size": 3}), "b": block(pooling=HALVING)}, "b_pool"),
        ({"a": block(kernel=5, padding=0, pooling={"kind": "l1", "size": 4, "stride": 3})}, "a_pool"),
    ],
)
def test_fields_are_where_gradients_are(shape: dict[str, ConvolutionBlock], layer: str) -> None:
    """The gradient of one position reaches exactly the pixels of its field, on both axes."""
    keras(seed=3)
    model = cnn.build(shape, height=40, width=61)
    for weight in model.weights:  # no ReLU is off, so that every path carries a gradient
        weight.assign(np.abs(weight.numpy()) + 0.01)
    found = named(model)[layer]
    assert support(model, layer, images=40) == expected(found, height=40, width=61)


# A map a few blocks up in each: its field is well inside the image.
INSIDE = {
    "convnexttiny": ("convnext_tiny_stage_0_block_1_identity", 96),
    "densenet121": ("conv2_block2_concat", 100),
    "inceptionv3": ("mixed0", 160),
    "mobilenet": ("conv_pw_3_relu", 100),
    "mobilenetv2": ("block_3_project_BN", 120),
    "nasnetmobile": ("normal_concat_0", 400),
    "resnet50": ("conv2_block2_out", 120),
    "resnet50v2": ("conv2_block2_out", 120),
    "vgg19": ("block3_pool", 100),
    "xception": ("block4_sepconv1_act", 120),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", INSIDE)
def test_backbones_fields_are_where_gradients_are(name: str) -> None:
    """Residual branches, paddings, depthwise and strided layers of real architectures, at an odd width."""
    layer, side = INSIDE[name]
    keras(seed=5)
    model = backbones.build(name, height=side, width=side + 9)
    found = named(model)[layer]
    assert support(model, layer, images=24) == expected(found, height=side, width=side + 9)


@pytest.mark.slow
@pytest.mark.parametrize("name", config.BACKBONES)
def test_every_backbone_is_read(name: str) -> None:
    """No layer is missed and none counted twice; every field that is no whole image has the map's step."""
    side = backbones.TABLE[name].side
    model = backbones.build(name, height=side, width=side)
    found = layers.read(model)
    assert (
        sum(layer.parameters for layer in found) == model.count_params() == backbones.TABLE[name].parameters
    )
    assert layers.depth(model) == backbones.TABLE[name].depth
    last = found[-1]
    if None not in last.fields:
        assert last.fields[0].step == 2 ** round(np.log2(side / last.shape[0]))
