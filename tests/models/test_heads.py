"""The head: its parameters counted, its probabilities exact."""

import numpy as np
import pytest

from frostline.models import heads, network
from frostline.models.keras_backend import keras
from helpers.networks import classifier, head


def count(weights: list) -> int:
    """Numbers in a list of variables."""
    return sum(int(np.prod(each.shape)) for each in weights)


def test_flattened_vgg19_for_two_classes() -> None:
    """At 224x224 the feature map is 7x7x512: 25,088 weights and one bias train, as in the lecture."""
    image = {"size": {"height": 224, "width": 224}, "resize": "squash", "transform": "backbone"}
    top = head(pooling="flatten").model_dump()
    recipe = classifier(image=image, network={"type": "pretrained", "end_at": None, "head": top})
    built = network.build(recipe, backbone="vgg19", weights=None, classes=2)
    assert built.body.output.shape == (None, 7 * 7 * 512)
    assert count(built.head.trainable_weights) == 7 * 7 * 512 + 1 == 25_089
    assert built.body.count_params() == 20_024_384


@pytest.mark.parametrize(
    ("changes", "classes", "trainable"),
    [
        ({}, 2, 10 + 1),
        ({}, 3, 10 * 3 + 3),
        ({"dense": {"a": 7}}, 3, (10 * 7 + 7) + (7 * 3 + 3)),
        ({"dense": {"a": 7, "b": 5}, "dropout": 0.5}, 2, (10 * 7 + 7) + (7 * 5 + 5) + (5 + 1)),
        ({"standardize": True}, 6, 10 * 6 + 6),
    ],
)
def test_trainable_parameters(changes: dict, classes: int, trainable: int) -> None:
    """Weights and biases of the hidden layers and the classes; standardisation's constants do not train."""
    model = heads.build(head(**changes), features=10, classes=classes)
    assert count(model.trainable_weights) == trainable
    assert count(model.non_trainable_weights) == (2 * 10 if changes.get("standardize") else 0)
    assert model.output.shape == (None, 1 if classes == 2 else classes)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("flatten", lambda x: x.reshape(len(x), -1)),
        ("average", lambda x: x.mean((1, 2))),
        ("max", lambda x: x.max((1, 2))),
    ],
)
def test_pooling(kind: str, expected) -> None:
    """A map (N, h, w, c) becomes a vector, in NumPy's order."""
    rows = np.random.default_rng(1).normal(size=(2, 3, 5, 4)).astype(np.float32)
    np.testing.assert_allclose(np.asarray(heads.pooling(kind)(rows)), expected(rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("columns", [3, 7])
def test_probabilities_are_softmax(columns: int) -> None:
    """Rows sum to 1 and are NumPy's softmax; large logits do not overflow."""
    logits = np.random.default_rng(2).normal(scale=5, size=(11, columns)).astype(np.float32)
    logits[0, 0], logits[1, 0] = 3e38, -3e38
    found = np.asarray(heads.probabilities(logits))
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(1, keepdims=True))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, powers / powers.sum(1, keepdims=True), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_two_classes_are_a_sigmoid() -> None:
    """One logit is the second class's: its probability is the sigmoid, the first one's the rest."""
    logits = np.linspace(-30, 30, 13, dtype=np.float32)[:, None]
    found = np.asarray(heads.probabilities(logits))
    sigmoid = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(found, np.hstack([1 - sigmoid, sigmoid]), rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)


def test_dropout_only_while_training() -> None:
    """A dropped unit is dropped in training and never in use."""
    keras(seed=6)
    model = heads.build(head(dropout=0.5), features=40, classes=3)
    rows = np.ones((4, 40), np.float32)
    np.testing.assert_array_equal(model(rows, training=False), model(rows, training=False))
    assert not np.array_equal(model(rows, training=True), model(rows, training=True))


def test_standardize_layer_is_the_identity_until_it_is_fitted() -> None:
    """(x - mean) * scale with mean 0 and scale 1, then with what was assigned."""
    rows = np.random.default_rng(3).normal(size=(5, 4)).astype(np.float32)
    layer = heads.standardize_layer()
    np.testing.assert_array_equal(np.asarray(layer(rows)), rows)
    layer.mean.assign([1, 2, 3, 4])
    layer.scale.assign([1, 0.5, 2, 0])
    np.testing.assert_allclose(np.asarray(layer(rows)), (rows - [1, 2, 3, 4]) * [1, 0.5, 2, 0], rtol=1e-6)
