"""A dense head as an ONNX graph, written operator by operator: the same arrays give the same bytes."""

from typing import Any

import numpy as np

from frostline.models.dense_head import Dense, DenseHead
from frostline.runtime.contract import FEATURES, PROBS
from frostline.runtime.graph_edits import Builder

_FLOAT = 1  # ONNX' number of float32


def convertible(head: DenseHead) -> bool:
    """Whether `make` writes a head as the converter of Keras models does.

    Arrays of zeros or ones alone make TensorFlow leave out operators, or put others in their place.
    """
    layers = (*head.hidden, head.logits)
    arrays = [array for layer in layers for array in (layer.kernel, layer.bias)] + [head.mean, head.scale]
    return not any(array is not None and np.ptp(array) == 0 and array.flat[0] in {0, 1} for array in arrays)


def make(head: DenseHead, *, like: Any, as_converted: bool = False) -> Any:
    """The model `features` (N, D) → `probs` (N, C), in the operator sets and the version of another one.

    `as_converted`: by the operators that tf2onnx writes of the same head in Keras (see `convertible`).
    """
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
    dense, zeros, axis = (_products, _zeros_like, {}) if as_converted else (_dense, _times_zero, {"axis": 1})
    for layer in head.hidden:
        at = build.add("Relu", dense(build, at, layer))
    at = dense(build, at, head.logits)
    classes = head.logits.kernel.shape[1]
    if classes == 1:
        at, classes = build.add("Concat", zeros(build, at), at, axis=1), 2
    build.add("Softmax", at, output=PROBS, **axis)
    model.graph.node.extend(build.nodes)
    model.graph.output.append(_value(PROBS, classes))
    return model


def _dense(build: Builder, rows: str, layer: Dense) -> str:
    return build.add("Gemm", rows, build.constant(layer.kernel), build.constant(layer.bias))


def _products(build: Builder, rows: str, layer: Dense) -> str:
    return build.add(
        "Add", build.add("MatMul", rows, build.constant(layer.kernel)), build.constant(layer.bias)
    )


def _times_zero(build: Builder, at: str) -> str:
    return build.add("Mul", at, build.constant(np.zeros(1, np.float32)))


def _zeros_like(build: Builder, at: str) -> str:
    import onnx

    zero = onnx.helper.make_tensor("value", _FLOAT, [1], [0.0])
    # tf2onnx writes the default domain out here, and nowhere else.
    return build.add("ConstantOfShape", build.add("Shape", at, domain=""), value=zero, domain="")


def _value(name: str, width: int) -> Any:
    import onnx

    return onnx.helper.make_tensor_value_info(name, _FLOAT, ["N", width])
