"""Conversions without copies: the same bytes, no copy of the graph, no old weights in messages, nothing left."""

import contextlib
import os
from typing import Any

import numpy as np
import pytest

from frostline.runtime import conversion
from frostline.runtime.conversion import CATCH, without_copies

WEIGHTS = np.random.default_rng(3).random((12, 4), np.float32)


def converted() -> bytes:
    """The bytes of a network of one layer over pixels of 2 x 2, transposed on the way."""
    import tensorflow as tf

    def below(pixels: Any) -> Any:
        return tf.reshape(tf.transpose(tf.cast(pixels, tf.float32), (0, 2, 1, 3)), (-1, 12))

    return conversion.convert(
        below, lambda features: tf.nn.softmax(features @ WEIGHTS), height=2, width=2, metadata="{}"
    )


def test_the_bytes_are_those_of_the_plain_converter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing but memory and time is other."""
    found = converted()
    monkeypatch.setattr(conversion, "without_copies", contextlib.nullcontext)
    assert found == converted()


def test_the_graph_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain converter copies it before each step, with all weights."""
    from tf2onnx.graph import Graph

    copies = []

    def copied(graph: Graph, _: dict[int, Any]) -> Graph:
        copies.append(graph)
        return graph

    monkeypatch.setattr(Graph, "__deepcopy__", copied, raising=False)
    converted()
    assert not copies
    monkeypatch.setattr(conversion, "without_copies", contextlib.nullcontext)
    converted()
    assert len(copies) > 20


def test_a_node_s_message_is_new_and_says_the_same() -> None:
    """One that is written twice holds its weights twice."""
    from onnx import AttributeProto, helper, numpy_helper
    from tf2onnx.graph import Graph

    value = numpy_helper.from_array(WEIGHTS, "weights")
    made = helper.make_node("Const", [], ["weights:0"], name="weights", value=value)
    graph = Graph([made], opset=conversion.OPSET, output_shapes={}, dtypes={}, output_names=["weights:0"])
    node = graph.get_node_by_name("weights")
    graph.update_proto()
    before = node.op
    with without_copies():
        graph.update_proto()
    assert node.op is not before
    assert node.op == before
    assert [each.type for each in node.op.attribute] == [AttributeProto.TENSOR]


def test_a_step_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain converter would leave it out, and give another graph."""
    from tf2onnx.optimizer import TransposeOptimizer

    def fails(*_: Any) -> None:
        raise ArithmeticError("no")

    monkeypatch.setattr(TransposeOptimizer, "_optimize", fails)
    with pytest.raises(ArithmeticError, match="no"):
        converted()


def test_the_converter_is_as_it_was_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a failure, and where the variable was set by somebody else."""
    from tf2onnx.graph import Node

    update = Node.update_proto
    monkeypatch.setenv(CATCH, "TRUE")
    with contextlib.suppress(ZeroDivisionError), without_copies():
        assert (os.environ[CATCH], Node.update_proto is update) == ("FALSE", False)
        raise ZeroDivisionError
    assert (os.environ[CATCH], Node.update_proto is update) == ("TRUE", True)
