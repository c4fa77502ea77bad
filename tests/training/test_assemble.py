"""Trunk, tail and head joined: one function, the same figures, wherever it was cut."""

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.errors import FrostlineError, InputError
from frostline.features import cut_model
from frostline.models import network
from frostline.models.keras_backend import keras
from frostline.store import Store
from frostline.training import assemble, loop
from helpers.images import pixels
from helpers.networks import HEIGHT, KERAS_COPIES, WIDTH, classifier, head, phase, residual

PICTURES = np.stack([pixels(number, height=HEIGHT, width=WIDTH) for number in range(7)])


def phased(*freezes: str, **changes: Any) -> Any:
    """A classifier whose phases freeze at the given points."""
    phases = {f"p{number}": phase(freeze=freeze).model_dump() for number, freeze in enumerate(freezes)}
    return classifier(phases=phases, **changes)


@pytest.mark.parametrize("freeze", ["all", "add", "stem", "none"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_joined_model_is_the_head_on_cached_features(freeze: str, classes: int) -> None:
    """What training predicts from features is what the whole function says of the pixels."""
    parts = cut_model.cut(residual(classes=classes), freeze)
    rows = PICTURES if parts.trunk is None else parts.trunk.predict_on_batch(PICTURES)
    whole = assemble.whole(parts)(PICTURES)
    np.testing.assert_allclose(np.asarray(whole["features"]), rows, rtol=1e-5, atol=1e-6)
    probs = np.asarray(whole["probs"])
    assert probs.shape == (7, classes)
    assert probs.dtype == np.float32
    np.testing.assert_allclose(probs, loop.predict(parts.upper, rows), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(probs.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("freezes", "cuts"),
    [
        (["all"], ["pool"]),
        (["none"], [None]),
        (["all", "add", "none"], ["pool", "add", None]),
        (["all", "all"], ["pool", "pool"]),
        (["stem", "stem"], ["stem", "stem"]),
    ],
)
def test_phases_thaw(freezes: list[str], cuts: list[str | None]) -> None:
    """Each phase has its cut, in order."""
    found = assemble.cut_phases(residual(), phased(*freezes))
    assert list(found) == [f"p{number}" for number in range(len(freezes))]
    assert [parts.cut for parts in found.values()] == cuts


@pytest.mark.parametrize(
    ("freezes", "wrong"),
    [(["add", "all"], 1), (["none", "stem"], 1), (["all", "stem", "add"], 2), (["none", "none", "all"], 2)],
)
def test_no_freezing_again(freezes: list[str], wrong: int) -> None:
    """A later phase that freezes what an earlier one trained is refused by its key."""
    with pytest.raises(InputError) as caught:
        assemble.cut_phases(residual(), phased(*freezes))
    assert str(caught.value) == (
        f"phases.p{wrong}.freeze: '{freezes[wrong]}' freezes layers that the phase before trains; "
        "later phases may only freeze less"
    )


WEIGHTS = {"name": "net", "backbone": "vgg16", "source": "random", "sha256": "a" * 64}


def key(cut: str = "pool", weights: dict[str, Any] | None = None, **network: Any) -> dict[str, Any]:
    """A trunk's key under changes to the network or the weights."""
    transform = network.pop("transform", "backbone")
    image = {"size": {"height": HEIGHT, "width": WIDTH}, "resize": "squash", "transform": transform}
    top = head(pooling=network.pop("pooling", "average"), **network.pop("head", {})).model_dump()
    entry = classifier(image=image, network={"type": "pretrained", "end_at": None, "head": top, **network})
    return assemble.trunk_key(entry, weights={**WEIGHTS, **(weights or {})}, cut=cut)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": {"backbone": "vgg19"}},
        {"weights": {"sha256": "b" * 64}},
        {"cut": "block3_pool"},
        {"pooling": "max"},
        {"end_at": "block4_pool"},
        {"transform": "rescale"},
    ],
    ids=str,
)
def test_what_decides_a_trunk(change: dict[str, Any]) -> None:
    """Backbone, weights, cut, pooling, end and transform each make another trunk."""
    assert key(**change) != key()


@pytest.mark.parametrize(
    ("change", "cut"),
    [
        ({"weights": {"name": "other", "source": "file.h5"}}, "pool"),
        ({"head": {"dropout": 0.5, "dense": {"a": 3}, "standardize": True}}, "pool"),
        ({"pooling": "max"}, "block3_pool"),
        ({"end_at": "block4_pool"}, "block3_pool"),
    ],
    ids=str,
)
def test_what_does_not(change: dict[str, Any], cut: str) -> None:
    """Names, heads, and whatever comes after the cut share the cached features."""
    assert key(cut=cut, **change) == key(cut=cut)


@KERAS_COPIES
def test_weights_round_trip(tmp_path: Path) -> None:
    """Saved and loaded into a fresh network of the same seed, the function is the same, bit for bit."""
    path = tmp_path / "made/trained.weights.h5"
    source = cut_model.cut(residual(), "add")
    for weight in source.upper.weights:
        weight.assign(np.asarray(weight) + 0.5)
    assemble.save(source.upper, path.parent)
    target = cut_model.cut(residual(), "add")
    assemble.load(target.upper, path.parent)
    np.testing.assert_array_equal(
        np.asarray(assemble.whole(target)(PICTURES)["probs"]),
        np.asarray(assemble.whole(source)(PICTURES)["probs"]),
    )
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@KERAS_COPIES
def test_the_same_weights_are_the_same_bytes(tmp_path: Path) -> None:
    """A stage's output may not differ between two runs that trained the same."""
    for name in ("one", "other"):
        assemble.save(cut_model.cut(residual(), "stem").upper, tmp_path / name)
    contents = [(tmp_path / name / "trained.weights.h5").read_bytes() for name in ("one", "other")]
    assert contents[0] == contents[1]


@KERAS_COPIES
def test_weights_that_do_not_fit(tmp_path: Path) -> None:
    """Those of another network, a damaged file, no file: one line that names it."""
    path = tmp_path / "it/trained.weights.h5"
    assemble.save(cut_model.cut(residual(classes=3), "add").upper, path.parent)
    target = cut_model.cut(residual(classes=5), "add").upper
    for content, problem in (
        (path.read_bytes(), "does not fit the network: "),
        (path.read_bytes()[:1000], "does not fit the network: "),
        (None, "is missing"),
    ):
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(FrostlineError) as caught:
            assemble.load(target, path.parent)
        assert str(caught.value).startswith(f"{path} {problem}")
        assert "`dvc repro train@it`" in str(caught.value)
        assert "\n" not in str(caught.value)


@functools.cache
def bottleneck(precision: str) -> Any:
    """The first blocks of a ResNet50 that computes in a precision; building it takes most of these tests."""
    network_of = {
        "type": "pretrained",
        "end_at": "conv2_block2_out",
        "head": head(standardize=True, dense={"wide": 5}).model_dump(),
    }
    entry = classifier(backbone="resnet50", precision=precision, network=network_of)
    keras(seed=3)
    return network.build(entry, backbone="resnet50", weights=None, classes=3)


@KERAS_COPIES
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("freeze", ["all", "conv2_block1_out", "pool1_pool"])
def test_joined_is_the_head_on_cached_features_at_every_precision(
    precision: str, freeze: str, tmp_path: Path
) -> None:
    """Features kept in 16 bits and read back give the joined function's very answers, to the arithmetic's bits."""
    whole = bottleneck(precision)
    parts = cut_model.cut(whole, freeze)
    rows = np.asarray(parts.trunk.predict_on_batch(PICTURES))
    assert rows.dtype.name == precision
    store = Store(tmp_path, shape=rows.shape[1:], dtype=precision)
    ids = [f"{number:064x}" for number in range(len(rows))]
    store.append(ids, rows)
    kept = store.rows(ids)[:]
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, rows.astype(np.float32))
    expected = np.asarray(assemble.whole(parts)(PICTURES)["probs"])
    tolerance = {"float32": 1e-5, "bfloat16": 0.02, "float16": 0.003}[precision]
    np.testing.assert_allclose(loop.predict(parts.upper, kept), expected, atol=tolerance)
    assert {str(weight.dtype) for weight in whole.body.weights} == {"float32"}
