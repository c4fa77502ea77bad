"""Edits of ONNX graphs that somebody else wrote: cut to what is needed, brought to what the runtime reads."""

import difflib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.errors import InputError
from frostline.runtime import pool
from frostline.runtime.buffers import Outputs
from frostline.runtime.pool import RuntimePool

OLDEST = 11  # opset below which indices of slices are attributes
OPSETS = (21, 17)  # brought down to, where the runtime does not know the file's own
NHWC, NCHW = 3, 1  # the axis of a map's channels
# ONNX defines these on maps whose channels stand second; what is computed value by value leaves them where they are.
_MAPS = {
    "AveragePool", "BatchNormalization", "Conv", "ConvTranspose", "DepthToSpace", "GlobalAveragePool", "GlobalMaxPool",
    "GroupNormalization", "InstanceNormalization", "LRN", "LpPool", "MaxPool", "QLinearConv", "SpaceToDepth",
}  # fmt: skip
_LAST = {"LayerNormalization", "MatMul"}


def tensors(graph: Any) -> list[str]:
    """The names of all that nodes of a graph compute, in their order."""
    return [name for node in graph.node for name in node.output if name]


def require_tensors(model: Any, names: Iterable[str]) -> None:
    """InputError for a name that no node computes, with those that are like it."""
    known = tensors(model.graph)
    for name in names:
        if name not in set(known):
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            shown = near or [output.name for output in model.graph.output]
            raise InputError(f"taps: the network has no tensor '{name}'; near: {', '.join(shown)}")


def prune(model: Any, names: Iterable[str]) -> None:
    """Keep, in place, only what the named tensors are computed from; they become the outputs."""
    import onnx

    graph, wanted, kept = model.graph, set(names), []
    for node in reversed(graph.node):
        if wanted & set(node.output):
            kept.append(node)
            wanted |= set(used(node))
    initializers = [tensor for tensor in graph.initializer if tensor.name in wanted]
    for field, values in (("node", kept[::-1]), ("initializer", initializers)):
        graph.ClearField(field)
        getattr(graph, field).extend(values)
    graph.ClearField("output")
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    for field in ("value_info", "quantization_annotation", "doc_string", "metadata_props"):
        graph.ClearField(field)
    for field in ("metadata_props", "doc_string"):
        model.ClearField(field)


def used(node: Any) -> Iterator[str]:
    """What a node takes, and what graphs inside it take."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from used(inner)
            yield from (output.name for output in graph.output)


def opset(model: Any) -> int:
    """The version of ONNX' own operators that a model uses."""
    return max((int(one.version) for one in model.opset_import if one.domain in ("", "ai.onnx")), default=0)


def opened(model: Any) -> tuple[Any, RuntimePool]:
    """The model, brought to an operator set that the runtime reads, and itself open on the CPU.

    InputError of one line where neither its own nor an older one will do.
    """
    import onnx

    if opset(model) < OLDEST:
        model = converted(model, OPSETS[-1])
    reasons = []
    for candidate in (None, *(version for version in OPSETS if version < opset(model))):
        changed = model if candidate is None else converted(model, candidate)
        least = onnx.helper.find_min_ir_version_for(list(changed.opset_import), ignore_unknown=True)
        changed.ir_version = max(8, least)
        try:
            return changed, pool.load(serialized(changed), "cpu", "float32")
        except InputError as error:
            reasons.append(str(error))
    raise InputError(reasons[0])


def converted(model: Any, version: int) -> Any:
    """The model by operators of another version; InputError of one line where there is no way."""
    import onnx

    newest = onnx.defs.onnx_opset_version()
    if opset(model) > newest:
        raise InputError(
            f"its operators are of opset {opset(model)}, and onnx {onnx.__version__} knows none above {newest}; "
            f"export the network with opset {OPSETS[0]}, or install a newer onnx"
        )
    try:
        return onnx.version_converter.convert_version(model, version)
    except Exception as error:  # of its C++
        raise InputError(
            f"its operators are of opset {opset(model)}, which cannot be brought to {version} "
            f"({first_words(error)}); export the network with opset {version}"
        ) from None


def first_words(error: Exception) -> str:
    """The converter's reason without the place in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1].rstrip(".")[:160] if lines else type(error).__name__


def serialized(model: Any) -> bytes:
    """The model's bytes, the same for the same model."""
    return bytes(model.SerializeToString(deterministic=True))


def run(opened: RuntimePool, batch: npt.NDArray[Any]) -> Outputs:
    """All outputs of a batch as they are, whatever their first axis."""
    return opened.engines[0].run(batch, opened.outputs)


def channel_axis(model: Any, name: str) -> int | None:
    """Which axis of a map (rank 4) holds its channels, followed back to what ONNX defines; None where nothing tells."""
    producers = {output: node for node in model.graph.node for output in node.output if output}
    turns: list[list[int]] = []
    axis: int | None = None
    while (node := producers.get(name)) is not None:
        if node.op_type in _MAPS:
            axis = NCHW
            break
        if node.op_type in _LAST:
            axis = NHWC
            break
        if node.op_type == "Transpose":
            turns.append(next(list(a.ints) for a in node.attribute if a.name == "perm"))
        elif node.op_type in {"Reshape", "Gemm", "Flatten"}:
            break
        name = next((each for each in node.input if each in producers), "")
    if axis is None:
        return None
    for turn in reversed(turns):
        if len(turn) != 4:
            return None
        axis = turn.index(axis)
    return axis


class Builder:
    """Appends nodes to a graph; what it adds has names of its own."""

    def __init__(self, model: Any, *, prefix: str) -> None:
        self.model, self._prefix, self._count = model, prefix, 0
        self.nodes: list[Any] = []

    def add(self, kind: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """A node of one output; its name."""
        import onnx

        name = output or self._name(kind)
        self.nodes.append(
            onnx.helper.make_node(kind, list(inputs), [name], name=f"{name}:{kind}", **attributes)
        )
        return name

    def constant(self, values: npt.NDArray[Any]) -> str:
        """An initializer; its name."""
        import onnx

        name = self._name("constant")
        self.model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
        return name

    def mean(self, tensor: str, axes: list[int]) -> str:
        """The mean over axes, which are gone after it."""
        if opset(self.model) < 18:
            return self.add("ReduceMean", tensor, axes=axes, keepdims=0)
        return self.add("ReduceMean", tensor, self.constant(np.array(axes, np.int64)), keepdims=0)

    def skip(self, tensor: str, count: int) -> str:
        """(N, T, …) without the first `count` of T."""
        if not count:
            return tensor
        start, end, axis = (self.constant(np.array([number], np.int64)) for number in (count, 2**31 - 1, 1))
        return self.add("Slice", tensor, start, end, axis)

    def _name(self, kind: str) -> str:
        self._count += 1
        return f"{self._prefix}{self._count}_{kind.lower()}"
