"""Which tensor of an unknown network becomes features."""

from typing import Any

import numpy as np
import onnx
import pytest

from frostline.config import Tap
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


def chain(*, seed: int = 0) -> Any:
    """Two blocks with a branch each, the second at half the size, and a pooled end."""
    helper, rng = onnx.helper, np.random.default_rng(seed)
    weights = [
        ("first", (4, 3, 3, 3)),
        ("second", (4, 4, 3, 3)),
        ("third", (6, 4, 2, 2)),
        ("fourth", (6, 6, 3, 3)),
    ]
    nodes = [
        helper.make_node("Conv", ["pixels", "first"], ["begin"], pads=[1] * 4),
        helper.make_node("Conv", ["begin", "second"], ["branch"], pads=[1] * 4),
        helper.make_node("Add", ["begin", "branch"], ["whole"]),
        helper.make_node("Conv", ["whole", "third"], ["half"], strides=[2, 2]),
        helper.make_node("Pad", ["half", "pads"], ["padded"]),
        helper.make_node("Conv", ["padded", "fourth"], ["inner"]),
        helper.make_node("Add", ["half", "inner"], ["end"]),
        helper.make_node("AveragePool", ["end"], ["quarter"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["quarter"], ["vector"]),
    ]
    given = [
        onnx.numpy_helper.from_array(rng.normal(size=shape).astype("f"), name) for name, shape in weights
    ]
    given.append(onnx.numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "pads"))
    graph = helper.make_graph(
        nodes, "chain",
        [helper.make_tensor_value_info("pixels", 1, ["N", 3, "H", "W"])],
        [helper.make_tensor_value_info("vector", 1, ["N", 6, 1, 1])],
        given,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model


@pytest.mark.parametrize(("most", "expected"), [(9, ["whole", "end", "quarter"]), (2, ["end", "quarter"])])
def test_block_ends(most: int, expected: list[str]) -> None:
    """The last of each size that nothing goes round: no branch, no tensor beside which another is needed."""
    assert list(onnx_taps.block_ends(chain(), most=most, side=16)) == expected


def test_block_ends_of_one_size() -> None:
    """They are evenly apart, the last one stays."""
    assert list(onnx_taps.block_ends(network(), most=2)) == ["convolved", "map"]


def test_block_ends_of_tokens() -> None:
    """With a class token: the tensors that hold it, and how many tokens stand before the patches."""
    model = network(size=(8, 8), batch=1)
    model.graph.ClearField("output")
    model.graph.output.append(onnx.helper.make_tensor_value_info("second", 1, [1, 65, 6]))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.ones((1, 1, 6), "f"), "class"))
    model.graph.node.extend(
        [
            onnx.helper.make_node("Concat", ["class", "tokens"], ["all"], axis=1),
            onnx.helper.make_node("Relu", ["all"], ["first"]),
            onnx.helper.make_node("Relu", ["first"], ["second"]),
        ]
    )
    ends = onnx_taps.block_ends(model, most=2)
    assert ends == {name: Tap(pooling="mean", prefix_tokens=1) for name in ("all", "first")}
