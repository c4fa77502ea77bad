"""The contract in a model's metadata: whole and understood, or refused in one line."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.errors import RANDOM_WEIGHTS, InputError
from frostline.images import DECODE_VERSION
from frostline.runtime.contract import Contract, WeightsSource, from_json, require_met, to_json, to_values
from helpers.models import contract

RESNET = WeightsSource(name="resnet50-random", source="random", sha256="a" * 64)


@pytest.mark.parametrize(
    "whole",
    [
        contract(),
        contract(backbone="resnet50", weights=RESNET),
        contract(classes=("10", "9", "B", "ä\n,"), height=31, width=17, resize="pad"),
    ],
)
def test_round_trip(whole: Contract) -> None:
    """Everything is kept, the classes' order and their odd characters too."""
    assert from_json(to_json(whole)) == whole


def test_text_is_compact_and_has_the_agreed_keys() -> None:
    """Other programs read this text: its keys are a promise, its bytes depend on content alone."""
    text = to_json(contract(backbone="resnet50", weights=RESNET))
    assert json.loads(text) == {
        "contract": 2,
        "classes": ["blue", "green", "red"],
        "image": {"height": 20, "width": 28},
        "resize": "squash",
        "decode": DECODE_VERSION,
        "backbone": "resnet50",
        "weights": {"name": "resnet50-random", "source": "random", "sha256": "a" * 64},
        "classifier": "tiny",
        "recipe": "r" * 64,
        "dataset": "d" * 64,
        "frostline": "0.1.0",
    }
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


@pytest.mark.parametrize(
    ("source", "note"), [("random", RANDOM_WEIGHTS), ("imagenet", ""), ("scratch", ""), ("vgg19.h5", "")]
)
def test_random_weights_are_said(source: str, note: str) -> None:
    """Only drawn weights carry the warning."""
    assert contract(weights=WeightsSource("w", source, None)).note == note


def test_version_1_is_read_and_stays_version_1() -> None:
    """Models of before keep scoring, and what is told of them is what they say."""
    text = to_json(contract(version=1))
    assert json.loads(text)["contract"] == 1
    assert to_values(from_json(text))["contract"] == 1


REMOVED = object()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("contract", 3, "contract version 3 is unknown (this frostline reads 1 and 2); install"),
        ("contract", REMOVED, "contract version None is unknown"),
        ("contract", True, "contract version True is unknown"),
        ("contract", "1", "contract version '1' is unknown"),
        ("classes", ["a"], "classes must be a list of two or more different names"),
        ("classes", ["a", "a"], "classes must be a list of two or more different names"),
        ("classes", ["a", ""], "classes must be a list of two or more different names"),
        ("classes", ["a", 3], "classes must be a list of two or more different names"),
        ("classes", ["a", "\ud800"], "classes must be a list of two or more different names"),
        ("classes", "ab", "classes must be a list of two or more different names"),
        ("classes", REMOVED, "classes is missing"),
        ("image", [20, 28], "image must be an object"),
        ("image", {"height": 20}, "image.width is missing"),
        ("image", {"height": 0, "width": 28}, "image.height must be pixels"),
        ("image", {"height": 20.0, "width": 28}, "image.height must be pixels"),
        ("image", {"height": 20, "width": 28, "depth": 3}, "unknown key 'image.depth'"),
        ("resize", "stretch", "resize must be one of squash, crop, pad"),
        ("resize", ["pad"], "resize must be one of squash, crop, pad"),
        ("decode", None, "decode must be text"),
        ("backbone", 5, "backbone must be text or null"),
        ("weights", None, "weights must be an object"),
        ("weights", {"name": "w", "source": "random"}, "weights.sha256 is missing"),
        ("weights", {"name": "", "source": "random", "sha256": None}, "weights.name must be text"),
        ("recipe", "", "recipe must be text"),
        ("surprise", 1, "unknown key 'surprise'"),
    ],
)
def test_broken_contracts_are_refused(key: str, value: Any, message: str) -> None:
    """One line names the key and what to do."""
    values = to_values(contract())
    values[key] = value
    if value is REMOVED:
        del values[key]
    with pytest.raises(InputError) as caught:
        from_json(json.dumps(values))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "export" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "3", '"contract"', "[" * 100_000])
def test_text_that_is_no_object_is_refused(text: str) -> None:
    """Metadata that only shares the key with ours is no contract."""
    with pytest.raises(InputError, match="contract is broken: it is not"):
        from_json(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(key=st.sampled_from(sorted(to_values(contract()))), value=JSON)
def test_any_value_anywhere_is_kept_or_refused(key: str, value: Any) -> None:
    """No JSON makes the parser fail in any other way, and what it takes it gives back."""
    values = to_values(contract()) | {key: value}
    with contextlib.suppress(InputError):
        assert to_values(from_json(json.dumps(values))) == values


def test_met_by_this_decoder() -> None:
    """The decoder that is installed may feed the model made with it."""
    require_met(contract())


def test_another_decoder_is_refused() -> None:
    """Pixels from another decoder would make the reported figures untrue: no score at all."""
    with pytest.raises(InputError) as caught:
        require_met(contract(decode="frostline-0/pillow-9"))
    message = str(caught.value)
    assert "frostline-0/pillow-9" in message
    assert DECODE_VERSION in message
    assert "install" in message
    assert "\n" not in message
