"""What an ONNX network costs for one image, from the arrays inside it: operations, and numbers that come out."""

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from frostline.runtime import graph_edits, pool


@dataclass(frozen=True)
class Costs:
    """For one image: nodes, operations (a multiplication and an addition are two) and activations."""

    nodes: int
    operations: int
    values: int


def of(content: bytes) -> Costs:
    """The costs of a model for images of one size; layers with kernels count, as their products are nearly all.

    Every shape is that of an array: an image goes through, for what a graph says of its shapes may follow from others.
    """
    import onnx

    model = onnx.load_from_string(content)
    dims = [dim.dim_value or 1 for dim in model.graph.input[0].type.tensor_type.shape.dim]
    computed = graph_edits.tensors(model.graph)
    shown = {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in computed if name not in shown)
    network = pool.load(graph_edits.serialized(model), "cpu", "float32")
    arrays = graph_edits.run(network, np.zeros(dims, np.uint8))
    shapes = {name: array.shape for name, array in arrays.items()}
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    constants = {node.output[0] for node in model.graph.node if node.op_type == "Constant"}
    values = sum(prod(shapes[name]) for name in computed if name not in constants)
    operations = sum(_operations(node, shapes) for node in model.graph.node)
    return Costs(len(model.graph.node), operations // dims[0], values // dims[0])


def _operations(node: Any, shapes: dict[str, tuple[int, ...]]) -> int:
    """Of a convolution or a product of matrices; others are few beside them."""
    if node.op_type not in {"Conv", "Gemm", "MatMul"}:
        return 0
    out, first, kernel = (shapes.get(name, ()) for name in (node.output[0], node.input[0], node.input[1]))
    if node.op_type == "Conv":
        return prod(out) * (2 * prod(kernel[1:]) + (len(node.input) > 2))
    return prod(out) * 2 * (first[-1] if first else 0)
