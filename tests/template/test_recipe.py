"""Recipes fit photos and weights, and every one of them is a valid params.yaml."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline import config
from frostline.config import OnnxWeights, SolverPhase, Tap
from frostline.config.backbones import TABLE
from frostline.evaluation.paired_tests import judge
from frostline.template import recipe
from frostline.template.onnx_weights import OnnxNetwork
from frostline.template.photos import Photos
from frostline.template.weights import PretrainedFile, remarks

MOBILENET = PretrainedFile("mobilenet", Path("m.weights.h5"))


def some(
    count: int = 150, *, classes: int = 5, side: int = 240, splits: dict[str, int] | None = None
) -> Photos:
    """Photos, `count` in each class."""
    names = {f"class {number}": count for number in range(classes)}
    return Photos(names, splits or {"": count * classes}, side)


def parsed(photos: Photos, weights: PretrainedFile | None = MOBILENET, *, cnn: bool = False) -> config.Params:
    """The params of a recipe."""
    return config.parse(
        config.plain(recipe.recipe("flowers", photos, path="data/flowers", weights=weights, cnn=cnn))
    )


@given(
    st.integers(3, 40_000),
    st.integers(2, 400),
    st.integers(1, 6000),
    st.sampled_from([None, *TABLE]),
    st.booleans(),
)
def test_always_valid(count: int, classes: int, side: int, backbone: str | None, cnn: bool) -> None:
    """Any number of photos and classes, any size, any backbone: the schema takes it."""
    weights = PretrainedFile(backbone) if backbone else None
    found = parsed(some(count, classes=classes, side=side), weights, cnn=cnn)
    assert set(found.classifiers) == ({f"flowers-{backbone}"} if backbone else set()) | (
        {"flowers-cnn"} if cnn or not backbone else set()
    )


def test_a_reason_beside_each_choice() -> None:
    """Size, splits, head, epochs, margin and what is given stand in comments with their numbers."""
    text = recipe.recipe("flowers", some(), path="data/flowers", weights=MOBILENET, cnn=True)
    comments = " ".join(re.findall(r"#.*", text))
    for words in ("750 photos in 5 classes", "240 pixels", "a softmax over 5 classes", "525 training photos",
                  "112 test images", "83% chance", "no splits"):  # fmt: skip
        assert words in comments


@pytest.mark.parametrize(("side", "size"), [(50, 96), (100, 128), (112, 224), (150, 224), (4000, 224)])
def test_input_size(side: int, size: int) -> None:
    """The backbone's own, unless the photos are far smaller."""
    entry = parsed(some(side=side)).classifiers["flowers-mobilenet"]
    assert (entry.image.size.height, entry.image.size.width) == (size, size)


def test_a_solver_finds_the_head_of_a_frozen_network() -> None:
    """Over strengths far enough apart; nothing trains by epochs."""
    classifier = parsed(some()).classifiers["flowers-mobilenet"]
    assert classifier.solved
    phase = classifier.phases["head"]
    assert isinstance(phase, SolverPhase)
    assert phase.C[-1] / phase.C[0] >= 1e4


def test_few_photos_and_no_weights() -> None:
    """A network from scratch is shown altered views; many photos need none."""
    assert parsed(some(100), None).classifiers["flowers-cnn"].augmentation is not None
    assert parsed(some(4000), None).classifiers["flowers-cnn"].augmentation is None


@pytest.mark.parametrize("images", [30, 107, 220, 600, 1000, 5000])
def test_margin_can_be_passed(images: int) -> None:
    """Counted in 400 drawn pairs of equally good models: about as often as promised, and no smaller margin would do."""
    margin, chance = recipe.margin(images)
    rng = np.random.default_rng(images)
    both, only = rng.random((400, images)) < 0.9, rng.random((400, images))
    challenger = (both | (only < recipe.DISCORDANT / 2)) & (only <= 1 - recipe.DISCORDANT / 2)
    other = (both & (only >= recipe.DISCORDANT / 2)) | (only > 1 - recipe.DISCORDANT / 2)
    passed = np.mean([
        judge(*pair, margin=margin, level=recipe.LEVEL).passed for pair in zip(challenger, other, strict=True)
    ])  # fmt: skip
    assert abs(passed - chance) < 0.09
    assert chance >= recipe.POWER or margin == recipe.MARGINS[-1]


ONNX = OnnxNetwork(20, 30, False, "net/3:0", Tap(pooling="mean", prefix_tokens=1), 96, ("logits",), False)


@pytest.mark.parametrize(
    "changes", [{}, {"free": True}, {"takes_bytes": True}, {"outputs": ()}, {"tap": "null"}]
)
def test_a_network_of_an_onnx_file(changes: dict[str, Any]) -> None:
    """Its entry is whole, a guess calls itself one, and the classifier has its size and its pooling."""
    network = dataclasses.replace(ONNX, **changes)
    weights = PretrainedFile("onnx", Path("my net.onnx"), onnx=network)
    found = parsed(some(), weights)
    entry, classifier = found.weights["my-net"], found.classifiers["flowers-my-net"]
    assert isinstance(entry, OnnxWeights)
    assert entry.taps == {network.tap: network.pooled}
    assert entry.input.std == ([1.0] * 3 if network.takes_bytes else [0.229, 0.224, 0.225])
    assert (classifier.image.size.height, classifier.image.size.width) == (20, 30)
    assert classifier.network.head.pooling == "flatten"
    text = recipe.recipe("flowers", some(), path="data/flowers", weights=weights, cnn=False)
    assert ("A guess" in text) != network.takes_bytes
    said = " ".join(remarks(weights))
    assert ("weights.my-net.input in params.yaml" in said) != network.takes_bytes
    assert "96 numbers per image" in text
