"""Maps and Grad-CAM: against hand-made networks, and gone when the weights are others."""

from dataclasses import replace

import numpy as np
import pytest

from frostline.errors import InputError
from frostline.models import activation_maps
from frostline.models.keras_backend import keras
from frostline.models.network import Network
from helpers.networks import residual
from helpers.networks_tiny import built, pictures
from helpers.params import CNN, changed


def spotter(classes: int = 2) -> Network:
    """A network that knows one thing: the more red in the image, the more it is the second class."""
    k = keras(seed=1)
    pixels = k.Input((12, 20, 3), name="pixels")
    x = k.layers.Conv2D(2, 1, use_bias=False, activation="relu", name="colours")(pixels)
    body = k.Model(pixels, k.layers.GlobalAveragePooling2D(name="pool")(x), name="body")
    features = k.Input((2,), name="features")
    logits = k.layers.Dense(1 if classes == 2 else classes, name="logits")(features)
    head = k.Model(features, logits, name="head")
    kernel = np.zeros((1, 1, 3, 2), np.float32)
    kernel[0, 0, 0, 0], kernel[0, 0, 2, 1] = 1, 1  # first channel: red; second: blue
    body.get_layer("colours").set_weights([kernel])
    weights = np.zeros((2, head.output.shape[-1]), np.float32)
    weights[:, -1] = [1, -1]  # red for the last class, blue against it
    head.get_layer("logits").set_weights([weights, np.zeros(weights.shape[-1], np.float32)])
    return Network(body=body, head=head)


def spotted() -> np.ndarray:
    """An image with a red corner at the top left and a blue one at the bottom right, on black."""
    image = np.zeros((1, 12, 20, 3), np.uint8)
    image[0, :4, :5, 0] = 200
    image[0, 9:, 15:, 2] = 100
    return image


@pytest.mark.parametrize("classes", [2, 3])
def test_the_heat_lies_on_what_speaks_for_the_class(classes: int) -> None:
    """The last class's heat is the red corner and nothing else; blue, against it, is the first of two's."""
    network, image = spotter(classes), spotted()
    last = activation_maps.gradcam(network, image, classes=np.array([classes - 1]), name="colours")[0]
    np.testing.assert_allclose(last, image[0, ..., 0] / 200, atol=1e-6)
    first = activation_maps.gradcam(network, image, classes=np.array([0]), name="colours")[0]
    expected = (
        image[0, ..., 2] / 100 if classes == 2 else np.zeros((12, 20))
    )  # of three, nothing speaks for it
    np.testing.assert_allclose(first, expected, atol=1e-6)


def test_activations_are_the_layers_output() -> None:
    """Maps are what the layer gives for each image, by name."""
    found = activation_maps.activations(spotter(), spotted(), ["colours"])
    np.testing.assert_allclose(found["colours"], spotted()[..., [0, 2]].astype(np.float32))


def test_randomised_weights_change_the_map() -> None:
    """Whoever shows edges instead of what the network learned would show them again (Adebayo et al. 2018)."""
    classes = np.array([0, 1, 2])
    heat = [
        activation_maps.gradcam(built(seed=seed), pictures(3), classes=classes, name="first_pool")
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(heat[0], heat[1])
    correlation = np.corrcoef(heat[0].ravel(), heat[2].ravel())[0, 1]
    assert abs(correlation) < 0.9
    assert heat[0].shape == (3, 16, 20)
    assert heat[0].min() >= 0
    assert heat[0].max() == 1


def test_frozen_weights_still_have_slopes() -> None:
    """A network none of whose weights trains is explained as well."""
    network = spotter()
    network.body.trainable = network.head.trainable = False
    assert activation_maps.gradcam(network, spotted(), classes=np.array([1]), name="colours").max() == 1


def test_the_layer_that_explains() -> None:
    """The deepest with seven positions a side; inside a branch none is taken; small images give the finest."""
    assert activation_maps.deepest(built().body) == "second_pool"  # 8x10
    assert activation_maps.deepest(residual().body) == "last_norm"  # 16x20, above the sum of the branches
    small = changed(CNN, {"image.size": {"height": 8, "width": 9}})
    assert activation_maps.deepest(built(small).body) == "first_conv1"
    dense = changed(CNN, {"network.blocks": {}})
    with pytest.raises(InputError, match="a network without convolutions has no maps"):
        activation_maps.deepest(built(dense).body)


def test_a_branch_is_passed_over() -> None:
    """Cut off what is above the sum: the sum itself explains, not the last layer of the branch."""
    k, network = keras(), residual()
    ended = k.Model(
        network.body.inputs[0], k.layers.GlobalAveragePooling2D()(network.body.get_layer("add").output)
    )
    assert activation_maps.deepest(ended) == "add"
    assert activation_maps.deepest(replace(network, body=ended).body) != "branch_conv2"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pool", "layer 'pool' has no map: its output is a vector; choose a layer before it"),
        ("first_pol", "no layer 'first_pol' in body; near: first_pool"),
    ],
)
def test_layers_without_maps(name: str, message: str) -> None:
    """Refused with what to do; an unknown name with the nearest."""
    with pytest.raises(InputError) as caught:
        activation_maps.activations(built(), pictures(1), [name])
    assert str(caught.value).startswith(message)
