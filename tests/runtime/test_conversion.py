"""Conversion: the exported graph keeps its contract and says what Keras says, in the same bytes each time."""

import ctypes
import functools
import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from frostline.config import BACKBONES
from frostline.errors import InputError
from frostline.files import sha256
from frostline.models import backbones
from frostline.models.keras_backend import keras
from frostline.models.network import Network
from frostline.runtime import conversion
from frostline.training import assemble
from helpers.models import contract
from helpers.networks_tiny import built, cut, pictures, residual, said
from helpers.params import BLOCK, CNN, HALVING, PRETRAINED, changed

TESTS = Path(__file__).parents[1]
METADATA = '{"contract":1}'
# Every layer of plain networks: padding of its own, a stride, overlapping windows, means and norms.
POOLED = changed(
    CNN,
    {
        "network.head": {**CNN["network"]["head"], "pooling": "average", "dense": {}},
        "network.blocks": {
            "first": {**BLOCK, "kernel": 4, "padding": 2, "pooling": {"kind": "l2", "size": 3, "stride": 2}},
            "second": {
                **BLOCK,
                "padding": 0,
                "l2": 0.1,
                "dropout": 0.2,
                "pooling": {**HALVING, "kind": "l1"},
            },
            "third": {**BLOCK, "convolutions": 2, "pooling": {"kind": "average", "size": 3, "stride": 1}},
        },
    },
)
NETS = {"cnn": built, "residual": residual, "pooled": functools.partial(built, POOLED)}
CASES = [
    ("cnn", "none", 3),
    ("cnn", "all", 2),
    ("cnn", "first_pool", 3),
    ("pooled", "none", 3),
    ("pooled", "all", 3),
    ("residual", "none", 2),
    ("residual", "all", 3),
    ("residual", "pool1_pool", 3),
    # Between a convolution and its normalisation, which the converter would fold into one another.
    ("residual", "conv1_conv", 3),
]


@functools.cache
def net(kind: str, classes: int) -> Network:
    """One network of each kind for all tests: nothing here trains."""
    return NETS[kind](classes=classes)


@functools.cache
def exported(kind: str, freeze: str, classes: int) -> bytes:
    """One conversion of each case for all tests."""
    return converted(net(kind, classes), freeze)


@functools.cache
def said_by_keras(kind: str, freeze: str, classes: int) -> np.ndarray:
    """Probabilities of 64 pictures by Keras, which traces each case once."""
    return said(cut(net(kind, classes), freeze), pictures(64))


def converted(network: Network, freeze: str) -> bytes:
    """The ONNX bytes of a network split at a freeze point."""
    return conversion.convert(
        *assemble.below_and_above(cut(network, freeze)), height=32, width=40, metadata=METADATA
    )


@pytest.fixture
def freed() -> Iterator[None]:
    """What a large network's conversion took goes back to the system: dozens of them, kept, take 15 GB."""
    yield
    keras().utils.clear_session()
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def session(content: bytes) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the CPU."""
    return onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("kind", "freeze", "classes"), CASES)
def test_contract(kind: str, freeze: str, classes: int) -> None:
    """One uint8 input of free N, probabilities and, where something is frozen, features; metadata as given."""
    runtime = session(exported(kind, freeze, classes))
    inputs = [(each.name, each.type, each.shape) for each in runtime.get_inputs()]
    outputs = [(each.name, each.type, each.shape) for each in runtime.get_outputs()]
    assert inputs == [("image", "tensor(uint8)", ["N", 32, 40, 3])]
    assert outputs[0] == ("probs", "tensor(float)", ["N", classes])
    assert [(name, kind) for name, kind, _ in outputs[1:]] in ([], [("features", "tensor(float)")])
    assert runtime.get_modelmeta().custom_metadata_map == {"frostline": METADATA}
    assert runtime.get_modelmeta().producer_name == "frostline"


@pytest.mark.parametrize("batch", [1, 7, 64])
@pytest.mark.parametrize(("kind", "freeze", "classes"), CASES)
def test_equals_keras(kind: str, freeze: str, classes: int, batch: int) -> None:
    """Probabilities of the whole graph are those of the Keras model, at any batch size."""
    probs = session(exported(kind, freeze, classes)).run(["probs"], {"image": pictures(batch)})[0]
    expected = said_by_keras(kind, freeze, classes)[:batch]
    assert probs.shape == (batch, classes)
    np.testing.assert_allclose(probs, expected, atol=1e-5)
    np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-6)
    if batch > 1:  # else agreement would say little
        assert expected.std(axis=0).max() > 1e-3


def test_two_classes_are_a_sigmoid() -> None:
    """The one logit of two classes becomes the probabilities (1 - p, p)."""
    network = net("cnn", 2)
    pixels = pictures(5)
    logits = np.asarray(network.head(network.body(pixels, training=False), training=False))
    assert logits.shape == (5, 1)
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    probs = session(exported("cnn", "all", 2)).run(["probs"], {"image": pixels})[0]
    np.testing.assert_allclose(probs, np.hstack([1 - p, p]), atol=1e-6)


def check_upper(network: Network, freeze: str, whole: bytes) -> None:
    """From Keras' own features the upper part gives the whole's probabilities."""
    parts = cut(network, freeze)
    pixels = pictures(9, seed=4)
    features = np.asarray(parts.trunk(pixels, training=False))
    runtime = session(conversion.upper(whole))
    assert [each.name for each in runtime.get_inputs()] == ["features"]
    probs = runtime.run(["probs"], {"features": features})[0]
    np.testing.assert_allclose(probs, said(parts, pixels), atol=1e-5)


@pytest.mark.slow
@pytest.mark.usefixtures("freed")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_is_exported(backbone: str) -> None:
    """Each row of the table, whole, from pixels to probabilities: one input, and what Keras says."""
    height = max(64, backbones.TABLE[backbone].smallest)
    size = {"height": height, "width": height + 9}
    entry = changed(PRETRAINED, {"image.size": size, "network.end_at": None})
    parts = cut(built(entry, backbone=backbone, disturbed=False), "all")
    images = pictures(9, seed=4, **size)
    content = conversion.convert(*assemble.below_and_above(parts), **size, metadata=METADATA)
    probs = session(content).run(["probs"], {"image": images})[0]
    np.testing.assert_allclose(probs, said(parts, images), atol=5e-5)


@pytest.mark.parametrize("freeze", ["all", "pool1_pool", "conv1_conv"])
def test_upper_is_what_stands_above_the_cut(freeze: str) -> None:
    """It can be cut out of the whole's bytes, and has none of the trunk's weights."""
    whole = exported("residual", freeze, 3)
    check_upper(net("residual", 3), freeze, whole)
    sizes = [
        len(onnx.load_from_string(model).graph.initializer) for model in (conversion.upper(whole), whole)
    ]
    assert 0 < sizes[0] < sizes[1]


@pytest.mark.slow
@pytest.mark.usefixtures("freed")
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("backbone", "end_at"),
    [
        (None, None),
        ("resnet50", "conv2_block1_out"),
        ("vgg19", "block2_pool"),
        ("densenet121", "conv2_block2_concat"),
        ("resnet50v2", "conv2_block1_out"),
    ],
)
def test_every_cut_is_exact(backbone: str | None, end_at: str | None) -> None:
    """Wherever a network can be frozen: the converter moves nothing across the cut."""
    entry = changed(PRETRAINED, {"network.end_at": end_at}) if backbone else CNN
    network = built(entry, backbone=backbone)
    cuts = 0
    for layer in network.body.layers[1:]:
        try:
            cut(network, layer.name)
        except InputError:  # inside a branch
            continue
        check_upper(network, layer.name, converted(network, layer.name))
        cuts += 1
    assert cuts >= 6


@pytest.mark.parametrize(("kind", "freeze", "classes"), [CASES[0], CASES[5]])
def test_same_bytes_again(kind: str, freeze: str, classes: int) -> None:
    """A second conversion in one process, of a network built anew, is the same file."""
    again = converted(NETS[kind](classes=classes), freeze)
    assert sha256(again) == sha256(exported(kind, freeze, classes))


SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from frostline.errors import InputError
from frostline.files import sha256
from frostline.training import assemble
from frostline.runtime import conversion
from helpers.networks_tiny import built, cut, residual
for net, freeze in ((built(), "none"), (residual(), "pool1_pool")):
    parts = assemble.below_and_above(cut(net, freeze))
    print(sha256(conversion.convert(*parts, height=32, width=40, metadata='{"contract":1}')))
"""


def test_same_bytes_in_another_process() -> None:
    """Another process with another hash seed, working folder and time zone writes the same file."""
    env = {**os.environ, "PYTHONHASHSEED": "4711", "TZ": "Asia/Tokyo"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, TESTS], env=env, capture_output=True, text=True, check=True, cwd="/"
    )
    here = [sha256(exported("cnn", "none", 3)), sha256(exported("residual", "pool1_pool", 3))]
    assert done.stdout.split() == here


def classified(function: Callable[[Any], Any], images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a function of pixels says, and what its converted form says."""
    content = conversion.convert(None, function, height=32, width=40, metadata=METADATA)
    return np.asarray(function(images)), session(content).run(["probs"], {"image": images})[0]


def test_zeros_stay_zeros() -> None:
    """A maximum over zero padding of negative values is zero, however ONNX Runtime fuses the two."""
    import tensorflow as tf

    def padded(images: Any) -> Any:
        below = tf.pad(-1.0 - tf.cast(images, "float32"), [[0, 0], [1, 1], [1, 1], [0, 0]])
        return tf.reduce_mean(tf.nn.max_pool2d(below, 3, 2, "VALID"), axis=[1, 2])

    wanted, found = classified(padded, pictures(4))
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_captured_tensors_are_constants() -> None:
    """A tensor that a layer holds is part of the model, not a second input."""
    import tensorflow as tf

    held = tf.constant([0.5, 2.0, -3.0])
    wanted, found = classified(
        lambda images: tf.reduce_mean(tf.cast(images, "float32") * held, axis=[1, 2]), pictures(4)
    )
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_other_weights_other_bytes() -> None:
    """One weight moved by a little is another file."""
    network = built(classes=3)
    weight = network.head.get_layer("logits").kernel
    weight.assign(np.asarray(weight) + np.eye(*weight.shape) * 1e-6)
    assert converted(network, "none") != exported("cnn", "none", 3)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    """The converter's remarks stay away from users."""
    net("cnn", 3)
    capfd.readouterr()
    converted(net("cnn", 3), "none")
    assert capfd.readouterr() == ("", "")


def test_metadata_is_carried_unchanged() -> None:
    """Class names beyond ASCII arrive as they are."""
    from frostline.runtime.contract import from_json, to_json

    promised = contract(classes=("élan", "猫", "a b"), height=32, width=40)
    content = conversion.convert(
        *assemble.below_and_above(cut(net("cnn", 3), "none")), height=32, width=40, metadata=to_json(promised)
    )
    text = session(content).get_modelmeta().custom_metadata_map["frostline"]
    assert from_json(text) == promised


def test_exact_gelu() -> None:
    """Keras writes it with erfc, which ONNX has not; the same numbers come of erf, also far from 0."""
    import tensorflow as tf

    def below(pixels):
        return tf.nn.gelu(tf.cast(pixels, tf.float32) / 12 - 10)

    def above(features):
        return tf.nn.softmax(tf.reduce_mean(features, [1, 2]))

    content = conversion.convert(below, above, height=5, width=6, metadata=METADATA)
    images = pictures(4, seed=2, height=5, width=6)
    features = session(content).run(["features"], {"image": images})[0]
    np.testing.assert_allclose(features, below(images).numpy(), atol=2e-6)
    assert features.min() < -0.1
    assert features.max() > 5
