"""The backbones: the table is complete, the sizes are the published ones, the transforms Keras' own."""

import re
import sys
from typing import Any

import numpy as np
import pytest

from frostline import config
from frostline.errors import InputError
from frostline.models import backbones, network
from frostline.models.keras_backend import framework, keras
from frostline.models.transform import transform_layer
from helpers.networks import classifier

# The modules of keras.applications are not named as their networks are.
MODULES = {
    "convnext": "convnext", "densenet": "densenet", "efficientnetb": "efficientnet",
    "efficientnetv2": "efficientnet_v2", "inceptionresnetv2": "inception_resnet_v2",
    "inceptionv3": "inception_v3", "mobilenet": "mobilenet", "mobilenetv2": "mobilenet_v2",
    "nasnetmobile": "nasnet", "resnet": "resnet", "vgg16": "vgg16", "vgg19": "vgg19", "xception": "xception",
}  # fmt: skip


def module(name: str) -> Any:
    """A backbone's own module of keras.applications."""
    if re.fullmatch(r"resnet\d+v2", name):
        return keras().applications.resnet_v2
    longest = max((key for key in MODULES if name.startswith(key)), key=len)
    return getattr(keras().applications, MODULES[longest])


def convolution(inputs: int, outputs: int, kernel: int = 3) -> int:
    """Weights and biases of a convolution."""
    return kernel * kernel * inputs * outputs + outputs


def normalised(inputs: int, outputs: int, kernel: int = 1) -> int:
    """A convolution and its batch normalisation: two trained and two running numbers a channel."""
    return convolution(inputs, outputs, kernel) + 4 * outputs


def resnet_stage(inputs: int, width: int, blocks: int) -> int:
    """Bottlenecks 1x1, 3x3, 1x1 of `width`, `width`, 4 `width`; the first one has a shortcut of its own."""
    first = normalised(inputs, 4 * width) + normalised(inputs, width)
    rest = (blocks - 1) * normalised(4 * width, width)
    return first + rest + blocks * (normalised(width, width, 3) + normalised(width, 4 * width))


def test_the_table_is_the_schemas() -> None:
    """Every backbone that params.yaml may name can be built, and none besides."""
    assert tuple(backbones.TABLE) == config.BACKBONES
    assert all(hasattr(module(name), row.constructor) for name, row in backbones.TABLE.items())


def test_vgg19_has_16_layers_with_the_published_weights() -> None:
    """Two layers of 64 and 128 channels, four of 256, 512 and 512, all 3x3."""
    widths = [64, 64, 128, 128, 256, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 512]
    total = sum(convolution(*pair) for pair in zip([3, *widths], widths, strict=False))
    model = backbones.build("vgg19", height=32, width=48)
    assert model.count_params() == total == 20_024_384
    assert sum(isinstance(layer, keras().layers.Conv2D) for layer in model.layers) == len(widths) == 16
    assert model.output.shape == (None, 1, 1, 512)


def test_resnet50_has_the_published_weights() -> None:
    """A 7x7 stem, then 3, 4, 6 and 3 bottlenecks."""
    stages = [(64, 64, 3), (256, 128, 4), (512, 256, 6), (1024, 512, 3)]
    total = normalised(3, 64, 7) + sum(resnet_stage(*stage) for stage in stages)
    model = backbones.build("resnet50", height=32, width=40)
    assert model.count_params() == total == 23_587_712
    assert model.output.shape == (None, 1, 2, 2048)


@pytest.mark.parametrize(
    ("name", "height", "width", "smallest"),
    [
        ("vgg19", 31, 224, 32),
        ("vgg19", 224, 31, 32),
        ("inceptionv3", 74, 75, 75),
        ("xception", 71, 70, 71),
        ("inceptionresnetv2", 8, 8, 75),
    ],
)
def test_too_small_images(name: str, height: int, width: int, smallest: int) -> None:
    """Refused with the smallest size and the key that sets it."""
    with pytest.raises(InputError) as caught:
        backbones.build(name, height=height, width=width)
    assert str(caught.value) == (
        f"{name} needs images of at least {smallest}x{smallest} pixels, not {height}x{width}; "
        "raise image.size in params.yaml"
    )


@pytest.mark.parametrize("name", config.BACKBONES)
def test_transform_is_kerass_own(name: str) -> None:
    """A backbone's transform is `preprocess_input` of its own module, from uint8 pixels."""
    pixels = np.random.default_rng(1).integers(0, 256, (2, 7, 9, 3), dtype=np.uint8)
    expected = module(name).preprocess_input(pixels.astype(np.float32))
    found = np.asarray(transform_layer(backbones.TABLE[name].transform)(pixels))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_rescale() -> None:
    """The lectures' transform: pixels / 255, colours in their order."""
    pixels = np.random.default_rng(2).integers(0, 256, (2, 7, 9, 3), dtype=np.uint8)
    np.testing.assert_allclose(np.asarray(transform_layer("rescale")(pixels)), pixels / 255, rtol=1e-6)


def test_transform_captures_nothing() -> None:
    """No weights and no variables: in an exported file it is plain arithmetic."""
    layer = transform_layer("caffe")
    layer(np.zeros((1, 4, 5, 3), np.uint8))
    assert layer.weights == []


def test_the_transform_is_inside() -> None:
    """A backbone takes pixels: its own transform unless another is asked for."""
    pixels = np.random.default_rng(3).integers(0, 256, (1, 32, 40, 3), dtype=np.uint8)
    found = {}
    for transform in (None, "rescale"):
        keras(seed=4)
        model = backbones.build("vgg16", height=32, width=40, transform=transform)
        between = keras().Model(model.inputs[0], model.get_layer("transform").output)
        found[transform] = np.asarray(between(pixels))
    np.testing.assert_allclose(found[None][..., 0], pixels[..., 2] - 103.939, atol=1e-4)
    np.testing.assert_allclose(found["rescale"], pixels / 255, atol=1e-6)


def test_weights_are_drawn_from_the_seed() -> None:
    """The same seed, the same random weights; another, others."""
    drawn = []
    for seed in (1, 1, 2):
        keras(seed=seed)
        drawn.append(backbones.build("mobilenetv2", height=32, width=40).get_weights())
    for first, again in zip(drawn[0], drawn[1], strict=True):
        np.testing.assert_array_equal(first, again)
    assert not np.array_equal(drawn[0][0], drawn[2][0])


def test_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Keras cannot download, one line says what can be done instead."""

    def fail(*_: object, **__: object) -> None:
        raise Exception("URL fetch failure on https://x: None -- no route\nmore")

    constructor = keras().applications.VGG19
    monkeypatch.setattr(sys.modules[constructor.__module__].file_utils, "get_file", fail)
    with pytest.raises(InputError) as caught:
        backbones.imagenet("vgg19")
    assert str(caught.value) == (
        "the ImageNet weights of vgg19 could not be downloaded (URL fetch failure on https://x: None -- no route); "
        "connect to the internet, or put a weights file of keras.applications.VGG19(include_top=False) into "
        "pretrained/ and name it as the source, or use source: random to try the pipeline"
    )


def test_framework_names_versions() -> None:
    """What computes is named with its versions."""
    assert framework().startswith(f"keras {keras().__version__} on tensorflow ")


@pytest.mark.slow
@pytest.mark.parametrize("name", config.BACKBONES)
def test_every_backbone_builds_at_its_smallest_size(name: str) -> None:
    """The table's smallest size is one that Keras accepts, and the whole network fits around it."""
    smallest = backbones.TABLE[name].smallest
    size = {"height": smallest, "width": smallest + 9}
    recipe = classifier(backbone=name, image={"size": size, "resize": "crop", "transform": "backbone"})
    built = network.build(recipe, backbone=name, weights=None, classes=3)
    pixels = np.random.default_rng(5).integers(0, 256, (2, *size.values(), 3), dtype=np.uint8)
    assert built.head(built.body(pixels)).shape == (2, 3)


def test_depthwise_is_the_same_network() -> None:
    """ConvNeXt's grouped convolutions become depthwise ones: names, numbers of weights and outputs stay."""
    grouped = backbones.build("convnexttiny", height=64, width=64)
    same = backbones.depthwise(grouped)
    kinds = [[type(each).__name__ for each in model.layers] for model in (grouped, same)]
    assert [{"DepthwiseConv2D": "Conv2D"}.get(each, each) for each in kinds[1]] == kinds[0]
    assert kinds[1].count("DepthwiseConv2D") == 18
    assert [each.name for each in same.layers] == [each.name for each in grouped.layers]
    assert same.count_params() == grouped.count_params()
    pixels = np.random.default_rng(5).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(same(pixels)), np.asarray(grouped(pixels)), rtol=1e-4, atol=1e-5)


def test_depthwise_leaves_others_alone() -> None:
    """A network without grouped convolutions is not copied."""
    model = backbones.build("mobilenet", height=64, width=64)
    assert backbones.depthwise(model) is model
