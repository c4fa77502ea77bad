"""A dense head as an ONNX graph, written operator by operator: the same arrays give the same bytes."""

from typing import Any

import numpy as np

from frostline.models.dense_head import Dense, DenseHead
from frostline.runtime.contract import FEATURES, PROBS
from frostline.runtime.graph_edits import Builder

_FLOAT = 1  # ONNX' number of float32


def make(head: DenseHead, *, like: Any) -> Any:
    """The model `features` (N, D) → `probs` (N, C), in the operator sets and the version of another one."""
    import onnx

    width = len(head.hidden[0].kernel if head.hidden else head.logits.kernel)
    model = onnx.helper.make_model(
        onnx.helper.make_graph([], "head", [_value(FEATURES, width)], []), opset_imports=like.opset_import
    )
    model.ir_version = like.ir_version
    build = Builder(model, prefix="head")
    at = FEATURES
    if head.mean is not None and head.scale is not None:
        at = build.add("Sub", at, build.constant(head.mean))
        at = build.add("Mul", at, build.constant(head.scale))
    for layer in head.hidden:
        at = build.add("Relu", _dense(build, at, layer))
    at = _dense(build, at, head.logits)
    classes = head.logits.kernel.shape[1]
    if classes == 1:
        zero = build.add("Mul", at, build.constant(np.zeros(1, np.float32)))
        at, classes = build.add("Concat", zero, at, axis=1), 2
    build.add("Softmax", at, axis=1, output=PROBS)
    model.graph.node.extend(build.nodes)
    model.graph.output.append(_value(PROBS, classes))
    return model


def _dense(build: Builder, rows: str, layer: Dense) -> str:
    return build.add("Gemm", rows, build.constant(layer.kernel), build.constant(layer.bias))


def _value(name: str, width: int) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, _FLOAT, ["N", width])
