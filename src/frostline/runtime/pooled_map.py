"""The map whose mean over its places is what a trunk gives: it says where in an image each feature comes from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.runtime import graph_edits, pool
from frostline.runtime.contract import FEATURES
from frostline.runtime.onnx_trunk import INSIDE

_PASSED = {"Cast", "Flatten", "Identity", "Reshape", "Squeeze"}  # change no number
_MEANS = {"GlobalAveragePool", "ReduceMean"}
RELATIVE = 1e-3  # of the largest feature: what the order of sums may change

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PooledMap:
    """The map's name in its network, and how to compute it: images (N, H, W, 3) uint8 → (N, h, w, c)."""

    name: str
    of: Callable[[npt.NDArray[np.uint8]], Floats]


def read(content: bytes) -> PooledMap | None:
    """The map behind a trunk's features; None where they are no means of one. Proven on an image."""
    import onnx

    model = onnx.load_from_string(content)
    name = _behind(model)
    if name is None:
        return None
    model.graph.output.append(onnx.ValueInfoProto(name=name))
    network = pool.load(graph_edits.serialized(model), "cpu", "float32")
    network.names = (FEATURES, name)
    _, *sides = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    image = np.random.default_rng(0).integers(0, 256, (1, *sides), dtype=np.uint8)
    given = network.run(image)
    axis = _channels(given[name], given[FEATURES])
    if axis is None:
        return None

    def compute(pixels: npt.NDArray[np.uint8]) -> Floats:
        return np.moveaxis(network.run(pixels)[name].astype(np.float32), axis, -1)

    return PooledMap(name.removeprefix(INSIDE), compute)


def _behind(model: Any) -> str | None:
    """What the last mean before the features is taken of."""
    producers = {output: node for node in model.graph.node for output in node.output}
    name = FEATURES
    while (node := producers.get(name)) is not None:
        if node.op_type in _MEANS:
            return str(node.input[0])
        if node.op_type not in _PASSED:
            return None
        name = node.input[0]
    return None


def _channels(map_: npt.NDArray[Any], features: Floats) -> int | None:
    """The axis of a map over whose other axes the means are the features."""
    for axis in (1, 3) if map_.ndim == 4 else ():
        means = map_.astype(np.float64).mean(tuple({1, 2, 3} - {axis}))
        if (
            means.shape == features.shape
            and np.abs(means - features).max() <= RELATIVE * np.abs(features).max()
        ):
            return axis
    return None
