"""What is put on a converted graph: the temperature inside `probs`, and `unknown`."""

from math import sqrt
from typing import Any

import numpy as np

from frostline.models.neighbours import TINY, Neighbours
from frostline.runtime.contract import FEATURES, PROBS, UNKNOWN
from frostline.runtime.graph_edits import Builder

_SOFTMAX = "Softmax"


def add(model: Any, *, temperature: float, neighbours: Neighbours | None = None) -> None:
    """Divide the logits of an ONNX model by a temperature, in place; at 1 the nodes stay as they are.

    With `neighbours` of its features it gets an output `unknown`.
    """
    if temperature != 1:
        _divide(model, temperature)
    if neighbours is not None:
        _compare(model, neighbours)


def _divide(model: Any, temperature: float) -> None:
    """Multiply, in place, what the last softmax takes."""
    [softmax] = [node for node in model.graph.node if PROBS in node.output]
    if softmax.op_type != _SOFTMAX:
        raise RuntimeError(f"probabilities come from {softmax.op_type}, not {_SOFTMAX}")
    build = Builder(model, prefix="temperature")
    inverse = build.constant(np.array(1 / temperature, np.float32))
    softmax.input[0] = build.add("Mul", softmax.input[0], inverse)
    model.graph.node.extend(build.nodes)


def _compare(model: Any, neighbours: Neighbours) -> None:
    """Add, in place, the output `unknown`: what `Neighbours` does, in operators that all runtimes have."""
    import onnx

    build = Builder(model, prefix="unknown")
    flat = _vectors(build, model, neighbours)
    dots = build.add("MatMul", flat, build.constant(neighbours.bank.T.copy()))
    nearest = _nearest(build, dots, neighbours.place)
    length = build.add("Sqrt", build.mean(build.add("Mul", flat, flat), [1]))
    scaled = build.add("Mul", length, build.constant(np.array(sqrt(neighbours.bank.shape[1]), np.float32)))
    similarity = build.add(
        "Div", nearest, build.add("Add", scaled, build.constant(np.array(TINY, np.float32)))
    )
    column = build.add("Reshape", similarity, build.constant(np.array([-1, 1], np.int64)))
    nearer = build.add("Less", column, build.constant(neighbours.held_out[None]))
    share = build.mean(build.add("Cast", nearer, to=onnx.TensorProto.FLOAT), [1])
    count = len(neighbours.held_out)
    build.add("Mul", share, build.constant(np.array(count / (count + 1), np.float32)), output=UNKNOWN)
    model.graph.node.extend(build.nodes)
    model.graph.output.append(onnx.helper.make_tensor_value_info(UNKNOWN, onnx.TensorProto.FLOAT, ["N"]))


def _vectors(build: Builder, model: Any, neighbours: Neighbours) -> str:
    """Features as the bank has them: maps averaged over their places, wide rows summed in groups."""
    [features] = [output for output in model.graph.output if output.name == FEATURES]
    rank, at = len(features.type.tensor_type.shape.dim), FEATURES
    if rank > 2:
        at = build.mean(at, list(range(1, rank - 1)))
    if neighbours.signs is None:
        return at
    groups = build.constant(np.array([-1, neighbours.bank.shape[1], _group(neighbours)], np.int64))
    signed = build.add("Reshape", build.add("Mul", at, build.constant(neighbours.signs)), groups)
    size = build.constant(np.array(_group(neighbours), np.float32))
    return build.add("Mul", build.mean(signed, [2]), size)


def _group(neighbours: Neighbours) -> int:
    """How many numbers are summed into one."""
    return 0 if neighbours.signs is None else len(neighbours.signs) // neighbours.bank.shape[1]


def _nearest(build: Builder, dots: str, place: int) -> str:
    """The largest of each row but `place` - 1, (N,)."""
    import onnx

    largest, order = "unknown_largest", "unknown_order"
    inputs = [dots, build.constant(np.array([place], np.int64))]
    build.nodes.append(onnx.helper.make_node("TopK", inputs, [largest, order], name=largest, axis=1))
    return build.add("Gather", largest, build.constant(np.array(place - 1, np.int64)), axis=1)
