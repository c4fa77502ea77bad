"""Which tensor of an unknown network becomes features."""

from typing import Any

import onnx
import pytest

from frostline.errors import InputError
from frostline.runtime import onnx_taps
from helpers.onnx_networks import network


def showing(*names: str, shapes: dict[str, list[Any]]) -> Any:
    """The network with other outputs."""
    model = network()
    model.graph.ClearField("output")
    model.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shapes[name]) for name in names
    )
    return model


SHAPES = {"map": ["N", 6, 8, 8], "tokens": ["N", 65, 6], "vector": ["N", 5], "logits": ["N", 4]}


@pytest.mark.parametrize(
    ("model", "name", "pooling", "prefix_tokens"),
    [
        (network(), "vector", "none", 0),
        (showing("logits", "vector", shapes=SHAPES), "vector", "none", 0),
        (showing("map", shapes=SHAPES), "map", "mean", 0),
        (showing("tokens", "map", shapes=SHAPES), "tokens", "class_token", 1),
    ],
)
def test_suggest(model: Any, name: str, pooling: str, prefix_tokens: int) -> None:
    """What the classification layer reads; else a vector, tokens, a map that is given."""
    found, tap = onnx_taps.suggest(model, side=8)
    assert (found, tap.pooling, tap.prefix_tokens) == (name, pooling, prefix_tokens)


def test_nothing_to_take() -> None:
    """Outputs of a rank that nothing pools."""
    with pytest.raises(InputError, match="none of its outputs"):
        onnx_taps.suggest(showing("map", shapes={"map": ["N"]}), side=8)
