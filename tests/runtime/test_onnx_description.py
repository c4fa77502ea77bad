"""What an ONNX file says of itself goes into it and comes out of it."""

import pytest

from frostline.config import OnnxInput, Tap
from frostline.runtime import onnx_description
from frostline.runtime.onnx_description import KEY, Description
from helpers.onnx_networks import network

GIVEN = OnnxInput(channels="BGR", scale=1 / 255, mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6])
TAPS = {"tokens": Tap(pooling="class_token", prefix_tokens=5)}


@pytest.mark.parametrize("side", [None, (20, 30)])
def test_there_and_back(side: tuple[int, int] | None) -> None:
    """All of it, in place of what was there; others' metadata stay."""
    model = network()
    model.metadata_props.add(key="theirs", value="kept")
    onnx_description.write(model, Description(GIVEN, "first"))
    described = Description(GIVEN, "timm:x", TAPS, side)
    onnx_description.write(model, described)
    assert onnx_description.read(model) == described
    assert [one.key for one in model.metadata_props] == ["theirs", KEY]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"input": 3}', '{"input": {}, "side": null, "taps": {}, "origin": ""}']
)
def test_what_says_nothing(text: str) -> None:
    """No description, or a damaged one: nothing is known."""
    model = network()
    assert onnx_description.read(model) is None
    model.metadata_props.add(key=KEY, value=text)
    assert onnx_description.read(model) is None
