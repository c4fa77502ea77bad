"""Which tensor of an unknown network to take features from: what its last layer reads, else what it gives."""

from typing import Any

from frostline.config import Tap
from frostline.errors import InputError

_LAYERS = {"Gemm", "MatMul"}
# What may follow a network's last layer: all that keeps classes apart.
_AFTER = {
    "Add", "Cast", "Div", "Identity", "LogSoftmax", "Mul", "Reshape", "Sigmoid", "Softmax", "Squeeze", "Sub",
}  # fmt: skip
_POOLING = {2: "none", 3: "class_token", 4: "mean"}  # by the rank of a tensor


def suggest(model: Any, *, side: int | None) -> tuple[str, Tap]:
    """A tensor's name and its pooling: the vector that the classification layer reads, else an output.

    `side`: pixels of a square image, which tell tokens of patches from those before them. InputError where the network
    gives nothing that could be features.
    """
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.value_info, *inferred.output)
    }
    producers = {name: node for node in model.graph.node for name in node.output}
    outputs = [output.name for output in model.graph.output]
    for name in outputs:
        below = _read_by_last_layer(name, producers)
        if below in producers and len(shapes.get(below, [])) == 2:
            return below, Tap(pooling="none", prefix_tokens=0)
    ranked = sorted(
        (len(shapes.get(name, [])), name) for name in outputs if len(shapes.get(name, [])) in _POOLING
    )
    if not ranked:
        raise InputError(f"none of its outputs ({', '.join(outputs)}) is a vector, a map or tokens")
    rank, name = ranked[0]
    tokens = _prefix(shapes[name][1], side) if rank == 3 else 0
    pooling = "mean" if rank == 3 and not tokens else _POOLING[rank]
    return name, Tap(pooling=pooling, prefix_tokens=tokens)  # type: ignore[arg-type]  # one of the known


def _read_by_last_layer(output: str, producers: dict[str, Any]) -> str:
    """What the dense layer reads that an output comes from; "" where it comes from something else."""
    name = output
    while (node := producers.get(name)) is not None:
        if node.op_type in _LAYERS:
            return str(node.input[0])
        if node.op_type not in _AFTER:
            return ""
        name = next((each for each in node.input if each in producers), "")
    return ""


def _prefix(tokens: int, side: int | None) -> int:
    """How many of so many tokens are no patches of a square image: what is beyond the largest square."""
    return tokens - int(tokens**0.5) ** 2 if side and tokens else 0
