"""Tiny networks of images as ONNX files, as others write them: any layout, type and batch."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from frostline.runtime import pool

ELEMENTS = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}
WIDTH, CLASSES, CHANNELS = 5, 4, 6


def network(
    *,
    layout: str = "NCHW",
    dtype: str = "float32",
    batch: int | str = "N",
    size: tuple[int, int] | None = (8, 10),
    opset: int = 17,
    baked: bool = False,
    seed: int = 0,
) -> Any:
    """Convolution → `map` (ReLU) → mean → `vector` (N, 5) → `logits` (N, 4); `map` (N, c, h, w) in NCHW.

    With `baked` the number of images stands inside the graph, as exporters leave it. `tokens` (N, h*w, c) are the
    places of the map in rows.
    """
    rng = np.random.default_rng(seed)
    kind = "float32" if dtype == "uint8" else dtype
    weights = {
        "kernel": rng.normal(size=(CHANNELS, 3, 3, 3)) / 5,
        "mixing": rng.normal(size=(CHANNELS, WIDTH)),
        "classes": rng.normal(size=(WIDTH, CLASSES)),
    }
    tensors = [numpy_helper.from_array(value.astype(kind), name) for name, value in weights.items()]
    rows = batch if baked else 0
    tensors += [
        numpy_helper.from_array(np.array([rows, CHANNELS], np.int64), "as_rows"),
        numpy_helper.from_array(np.array([rows, CHANNELS, -1], np.int64), "as_places"),
    ]
    nodes, start = [], "pixels"
    if dtype == "uint8":
        nodes.append(helper.make_node("Cast", [start], ["floats"], to=TensorProto.FLOAT))
        start = "floats"
    if layout == "NHWC":
        nodes.append(helper.make_node("Transpose", [start], ["planes"], perm=[0, 3, 1, 2]))
        start = "planes"
    nodes += [
        helper.make_node("Conv", [start, "kernel"], ["convolved"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["convolved"], ["map"]),
        helper.make_node("Reshape", ["map", "as_places"], ["places"]),
        helper.make_node("Transpose", ["places"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("Transpose", ["map"], ["map_last"], perm=[0, 2, 3, 1]),
        helper.make_node("GlobalAveragePool", ["map"], ["pooled"]),
        helper.make_node("Reshape", ["pooled", "as_rows"], ["flat"]),
        helper.make_node("MatMul", ["flat", "mixing"], ["vector"]),
        helper.make_node("MatMul", ["vector", "classes"], ["logits"]),
    ]
    sides = list(size or ("H", "W"))
    shape = [batch, 3, *sides] if layout == "NCHW" else [batch, *sides, 3]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info("pixels", ELEMENTS[dtype], shape)],
        [helper.make_tensor_value_info("logits", ELEMENTS[kind], [batch, CLASSES])],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    model.ir_version = 8
    return model


def written(path: Path, **options: Any) -> Path:
    """The file of such a network."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(network(**options), path)
    return path


def own(model: Any, given: np.ndarray, *names: str) -> list[np.ndarray]:
    """What a network itself makes of its own input, by the names of tensors inside it."""
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.ClearField("output")
    shown.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    opened = pool.load(shown.SerializeToString(), "cpu", "float32")
    return [opened.engines[0].run(given, names)[name] for name in names]
