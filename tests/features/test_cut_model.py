"""The frost line: below and above it is the whole network again, wherever it may be drawn."""

import numpy as np
import pytest

from frostline.errors import InputError
from frostline.features import cut_model
from frostline.models import network
from frostline.models.network import Network
from frostline.training import loop
from frostline.training.loop import LabelledRows
from helpers.images import pixels
from helpers.networks import HEIGHT, KERAS_COPIES, WIDTH, classifier, phase, residual

PICTURES = np.stack([pixels(number, height=HEIGHT, width=WIDTH) for number in range(5)])
BRANCH = ("branch_conv1", "branch_norm", "branch_conv2")
CUTS = ("pixels", "transform", "stem", "add", "last_conv", "last_norm", "pool")


def whole(network: Network) -> np.ndarray:
    """The logits of the pictures, uncut."""
    return np.asarray(network.head(network.body(PICTURES, training=False), training=False))


def test_every_layer_is_tried() -> None:
    """The names below are all the layers that there are."""
    assert {layer.name for layer in residual().body.layers} == {*BRANCH, *CUTS}


@pytest.mark.parametrize("freeze", ["all", "none", *CUTS])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_parts_are_the_whole(freeze: str, classes: int) -> None:
    """upper(trunk(x)) is head(body(x)) at every cut."""
    network = residual(classes=classes)
    parts = cut_model.cut(network, freeze)
    features = parts.trunk.predict_on_batch(PICTURES) if parts.trunk is not None else PICTURES
    np.testing.assert_allclose(
        np.asarray(parts.upper(features, training=False)), whole(network), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("freeze", "cut", "trained"),
    [
        ("all", "pool", {"logits"}),
        ("pool", "pool", {"logits"}),
        ("last_conv", "last_conv", {"logits"}),
        ("add", "add", {"logits", "last_conv"}),
        ("stem", "stem", {"logits", "last_conv", "branch_conv1", "branch_conv2"}),
        ("none", None, {"logits", "last_conv", "branch_conv1", "branch_conv2", "stem"}),
    ],
)
def test_what_trains(freeze: str, cut: str | None, trained: set[str]) -> None:
    """All above the cut trains, save batch normalisation; nothing below does."""
    network = residual()
    parts = cut_model.cut(network, freeze)
    assert parts.cut == cut
    assert (parts.trunk is None) == (freeze == "none")
    assert {weight.path.split("/")[-2] for weight in parts.upper.trainable_weights} == trained
    layers = [*network.body.layers, *network.head.layers]
    before = {layer.name: [np.asarray(each).copy() for each in layer.weights] for layer in layers}
    labels = np.arange(5) % 3
    rows = parts.trunk.predict_on_batch(PICTURES) if parts.trunk is not None else PICTURES
    shown = LabelledRows(lambda _: rows, labels)
    list(
        loop.fit(
            parts.upper, phase=phase(epochs=1, learning_rate=0.1), train=shown, validation=shown, seed=[1]
        )
    )
    changed = {
        layer.name
        for layer in layers
        for was, now in zip(before[layer.name], layer.weights, strict=True)
        if not np.array_equal(was, np.asarray(now))
    }
    assert changed == trained


@pytest.mark.parametrize("freeze", ["none", "stem"])
def test_batch_normalisation_stays_in_inference_mode(freeze: str) -> None:
    """Even while the tail trains it uses the pretrained statistics."""
    parts = cut_model.cut(residual(), freeze)
    features = parts.trunk(PICTURES) if parts.trunk is not None else PICTURES
    np.testing.assert_allclose(
        np.asarray(parts.upper(features, training=True)),
        np.asarray(parts.upper(features, training=False)),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("freeze", "near"),
    [
        ("branch_conv1", "stem, transform, add"),
        ("branch_norm", "stem, add, transform"),
        ("branch_conv2", "add, last_conv, stem"),
    ],
)
def test_no_cut_inside_a_branch(freeze: str, near: str) -> None:
    """A layer beside which another path runs is refused, with the nearest ones that take all paths."""
    with pytest.raises(InputError) as caught:
        cut_model.cut(residual(), freeze)
    assert str(caught.value) == (
        f"cannot freeze up to '{freeze}': its output is not all that the layers above need; near: {near}"
    )


def test_unknown_layer() -> None:
    """An unknown freeze point is answered with the nearest layers."""
    with pytest.raises(InputError, match=r"^no layer 'last_cnv' in body; near: last_conv, "):
        cut_model.cut(residual(), "last_cnv")


def test_splits_share_their_layers() -> None:
    """What one phase trains, the next one's split has: they are cuts of one network."""
    network = residual()
    first, then = cut_model.cut(network, "all"), cut_model.cut(network, "add")
    first.upper.get_layer("logits").bias.assign([7, 8, 9])
    features = then.trunk.predict_on_batch(PICTURES)
    np.testing.assert_allclose(
        np.asarray(then.upper(features, training=False)), whole(network), rtol=1e-4, atol=1e-5
    )
    assert np.asarray(then.upper(features, training=False)).mean() > 4


@KERAS_COPIES
def test_upper_weights_of_the_same_cut_fit() -> None:
    """Weights taken from one split go into the same split of a fresh network."""
    source, target = (cut_model.cut(residual(seed=seed), "add") for seed in (1, 2))
    target.upper.set_weights(source.upper.get_weights())
    rows = np.random.default_rng(1).normal(size=(2, HEIGHT // 2, WIDTH // 2, 4)).astype(np.float32)
    np.testing.assert_array_equal(
        np.asarray(source.upper(rows, training=False)), np.asarray(target.upper(rows, training=False))
    )


@pytest.mark.parametrize(
    ("backbone", "most", "expected"),
    [
        ("vgg16", 9, ["block1_pool", "block2_pool", "block3_pool", "block4_pool", "block5_pool"]),
        ("vgg16", 2, ["block3_pool", "block5_pool"]),
        ("vgg16", 1, ["block5_pool"]),
        (None, 9, ["stem", "add", "last_norm"]),
    ],
)
def test_block_ends(backbone: str | None, most: int, expected: list[str]) -> None:
    """The last cut of each block, pooling included and the transform not; thinned out to the number asked."""
    if backbone is None:
        body = residual().body
    else:
        body = network.build(classifier(backbone=backbone), backbone=backbone, weights=None, classes=3).body
    found = cut_model.block_ends(body, most=most)
    assert found == expected
