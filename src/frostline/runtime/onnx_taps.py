"""Which tensor of an unknown network to take features from: what its last layer reads, else what it gives."""

import math
from typing import Any

import numpy as np

from frostline.config import Tap
from frostline.errors import InputError
from frostline.runtime import graph_edits, onnx_trunk

_FLOATS = {1, 10, 11}  # ONNX' numbers of element types: float32, float16, float64
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

    shapes = _shapes(onnx.shape_inference.infer_shapes(model, data_prop=True))
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


def block_ends(model: Any, *, most: int, side: int = 224) -> dict[str, Tap]:
    """Up to `most` tensors at which whole blocks end, with their pooling, from the pixels upwards: all that follows is
    computed from one.

    Where maps become smaller these are the last of each size; in networks of one size they are evenly apart. The
    network is run once, on an image of `side` pixels where its own are not fixed.
    """
    import onnx

    names = _cuts(onnx.shape_inference.infer_shapes(model, data_prop=True))
    shapes = {name: shape for name, shape in _run(model, names, side).items() if len(shape) in {3, 4}}
    places = {name: _places(model, name, shape) for name, shape in shapes.items()}
    # What has one place is pooled: the map before it is the end.
    ends = _of_sizes({name: count for name, count in places.items() if count > 1})
    count = min(most, len(ends))
    chosen = [ends[-(-(number + 1) * len(ends) // count) - 1] for number in range(count)]
    facts = onnx_trunk.image_input(model)
    square = side if (facts.height or side) == (facts.width or side) else None
    return {
        name: Tap(
            pooling="mean", prefix_tokens=_prefix(places[name], square) if len(shapes[name]) == 3 else 0
        )
        for name in chosen
    }


def _places(model: Any, name: str, shape: tuple[int, ...]) -> int:
    """At how many places of the image a map or tokens say something."""
    axis = graph_edits.channel_axis(model, name) if len(shape) == 4 else 2
    return math.prod(side for number, side in enumerate(shape) if number not in {0, axis})


def _of_sizes(places: dict[str, int]) -> list[str]:
    """The last tensor of each size where sizes fall; else, as in a network of tokens, all of the last size."""
    by_size = {count: name for name, count in places.items()}
    if list(by_size) != sorted(by_size, reverse=True):
        return [name for name, count in places.items() if count == list(places.values())[-1]]
    return list(by_size.values()) if len(by_size) > 2 else list(places)


def _run(model: Any, names: list[str], side: int) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors for a blank image, in their order."""
    import onnx

    facts, copy = onnx_trunk.image_input(model), onnx.ModelProto()
    copy.CopyFrom(model)
    graph_edits.prune(copy, names)
    _, network = graph_edits.opened(copy)
    sides = (facts.height or side, facts.width or side)
    shape = (facts.batch or 1, *((3, *sides) if facts.layout == "NCHW" else (*sides, 3)))
    blank = np.zeros(shape, onnx.helper.tensor_dtype_to_np_dtype(facts.element))
    return {name: value.shape for name, value in graph_edits.run(network, blank).items()}


def _cuts(model: Any) -> list[str]:
    """The tensors of floats that stand alone: whatever comes after one needs no other."""
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in (*model.graph.value_info, *model.graph.input, *model.graph.output)
    }
    floats = {name for name, kind in types.items() if kind in _FLOATS}
    last_use = {name: place for place, node in enumerate(model.graph.node) for name in graph_edits.used(node)}
    alive = {value.name for value in model.graph.input} & floats
    cuts: list[str] = []
    for place, node in enumerate(model.graph.node):
        computed = _depends(node, alive, floats)
        alive = {name for name in alive | computed if last_use.get(name, -1) > place}
        if len(alive) == 1 and alive <= computed and node.op_type != "Pad":  # which belongs to what follows
            cuts += alive
    return cuts


def _depends(node: Any, alive: set[str], floats: set[str]) -> set[str]:
    """What a node makes of the image's floats; constants and sizes are none of them."""
    return {name for name in node.output if name in floats} if alive & set(graph_edits.used(node)) else set()


def _shapes(inferred: Any) -> dict[str, list[int]]:
    return {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*inferred.graph.value_info, *inferred.graph.output)
    }


def _prefix(tokens: int, side: int | None) -> int:
    """How many of so many tokens are no patches of a square image: what is beyond the largest square."""
    return tokens - int(tokens**0.5) ** 2 if side and tokens else 0
