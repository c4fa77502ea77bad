"""A classifier that frostline did not make: mean colour times a matrix, and its description."""

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

VALUES: dict[str, Any] = {
    "classes": ["cat", "dog", "owl"],
    "image": {"height": 6, "width": 8, "resize": "squash"},
    "input": {
        "name": "data", "layout": "NCHW", "channels": "BGR", "scale": 0.5,
        "mean": [1.0, 2.0, 3.0], "std": [2.0, 4.0, 8.0],
    },
    "output": {"name": "logits", "activation": "softmax", "features": None},
}  # fmt: skip


def network(
    layout: str = "NCHW", *, batch: int | str = "N", columns: int = 3, kind: int = TensorProto.FLOAT
) -> bytes:
    """Mean colour times a matrix: what a training elsewhere might have left, without any metadata."""
    sides = [batch, 3, 6, 8] if layout == "NCHW" else [batch, 6, 8, 3]
    axes = [2, 3] if layout == "NCHW" else [1, 2]
    weights = np.random.default_rng(5).normal(size=(3, columns)).astype(np.float32)
    nodes = [
        helper.make_node("ReduceMean", ["data"], ["pooled"], axes=axes, keepdims=0),
        helper.make_node("MatMul", ["pooled", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "elsewhere",
        [helper.make_tensor_value_info("data", kind, sides)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("logits", "pooled")],
        [numpy_helper.from_array(weights, "weights")],
    )
    return bytes(
        helper.make_model(
            graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)]
        ).SerializeToString()
    )
