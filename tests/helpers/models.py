"""Tiny real ONNX models for tests: mean colour, one matrix, softmax; with frostline's contract."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from frostline.images import DECODE_VERSION
from frostline.models.neighbours import Neighbours
from frostline.runtime import answers, answers_graph, canonical
from frostline.runtime.contract import Contract, WeightsSource, to_json

CLASSES = ("blue", "green", "red")


def contract(**changes: Any) -> Contract:
    """A whole contract for 20 x 28 images (non-square) of three classes, with changes."""
    values: dict[str, Any] = {
        "classes": CLASSES,
        "height": 20,
        "width": 28,
        "resize": "squash",
        "decode": DECODE_VERSION,
        "backbone": None,
        "weights": WeightsSource(name="scratch", source="scratch", sha256=None),
        "classifier": "tiny",
        "recipe": "r" * 64,
        "dataset": "d" * 64,
        "frostline": "0.1.0",
    }
    return Contract(**(values | changes))


def model(
    promised: Contract | None = None,
    *,
    metadata: str | None = "",
    outputs: int | None = None,
    shape: tuple[Any, ...] | None = None,
    kind: int = TensorProto.UINT8,
    scale: float = 0.05,
    names: tuple[str, str] = ("image", "probs"),
    last: str = "Softmax",
    features: bool = False,
    more: Mapping[str, str] | None = None,
) -> bytes:
    """The bytes of a model that keeps `promised`, or breaks it in the ways that the options name.

    `metadata` is its JSON ("" writes `promised`, None leaves it out), `outputs` the number of columns,
    `shape` and `kind` the input's, `scale` of its weights, `last` the final operator;
    `features` makes the mean colour an output of that name; `more` is other metadata by key.
    """
    promised = promised or contract()
    columns = outputs or len(promised.classes)
    rows = np.eye(3, columns, dtype=np.float32)[::-1].copy() * np.float32(scale)
    image = helper.make_tensor_value_info(names[0], kind, shape or ("N", promised.height, promised.width, 3))
    probs = helper.make_tensor_value_info(names[1], TensorProto.FLOAT, ["N", columns])
    colour = "features" if features else "colour"
    colours = [helper.make_tensor_value_info(colour, TensorProto.FLOAT, ["N", 3])] if features else []
    nodes = [
        helper.make_node("Cast", [names[0]], ["pixels"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels"], [colour], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", [colour, "weights"], ["logits"]),
        helper.make_node(last, ["logits"], [names[1]]),
    ]
    graph = helper.make_graph(
        nodes, "tiny", [image], [probs, *colours], [numpy_helper.from_array(rows, "weights")]
    )
    # onnx writes newer versions by itself than ONNX Runtime reads.
    made = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    if metadata is not None:
        helper.set_model_props(made, {"frostline": metadata or to_json(promised), **(more or {})})
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def telling_unknown(promised: Contract | None = None) -> bytes:
    """The tiny model with `features` and `unknown`, as export writes it: what is not grey enough is unlike its bank."""
    bank = np.full((1, 3), 3**-0.5, np.float32)
    held_out = np.linspace(0.99, 0.9999, 99, dtype=np.float32)
    known = answers.Answers(unknown_images=len(held_out), images=50, thresholds={"0.9": 0.2})
    return answered(
        model(promised, features=True),
        more={answers.KEY: answers.to_json(known)},
        neighbours=Neighbours(bank, place=1, held_out=held_out),
    )


def answered(
    content: bytes,
    *,
    temperature: float = 1.0,
    more: Mapping[str, str] | None = None,
    neighbours: Neighbours | None = None,
) -> bytes:
    """A model with what export puts on a converted graph, and more texts in its metadata."""
    loaded = onnx.load_from_string(content)
    answers_graph.add(loaded, temperature=temperature, neighbours=neighbours)
    texts = {entry.key: entry.value for entry in loaded.metadata_props}
    return canonical.form(loaded, metadata={**texts, **(more or {})})


def endless(*, nodes: bool, bright: bool = False) -> bytes:
    """A model whose logits go round in a loop that never ends; `nodes`: whether its body has any, `bright`: whether it
    is entered for white images alone.
    """
    made = onnx.load_from_string(model())
    condition, value = ("same", "turned") if nodes else ("go_on", "value")
    identities = [("go_on", "same"), ("value", "turned")] if nodes else []
    body = helper.make_graph(
        [helper.make_node("Identity", [one], [other]) for one, other in identities],
        "body",
        [
            helper.make_tensor_value_info("turn", TensorProto.INT64, []),
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info(condition, TensorProto.BOOL, []),
            helper.make_tensor_value_info(value, TensorProto.FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["", "starts", "logits"], ["looped"], body=body)
    brightness = [
        helper.make_node("ReduceMax", ["pixels"], ["lightest"], keepdims=0),
        helper.make_node("ReduceMean", ["pixels"], ["mean"], keepdims=0),
        helper.make_node("Sub", ["lightest", "mean"], ["contrast"]),
        helper.make_node("Sub", ["mean", "contrast"], ["light"]),
        helper.make_node("Greater", ["light", "limit"], ["starts"]),
    ]
    *before, last = made.graph.node
    last.input[0] = "looped"
    del made.graph.node[:]
    made.graph.node.extend([*before, *brightness, loop, last])
    limit = np.float32(250 if bright else -1000)
    made.graph.initializer.append(numpy_helper.from_array(np.array(limit), "limit"))
    return bytes(made.SerializeToString())
