"""What is put into an exported model's graph after its conversion: the temperature inside `probs`, and `unknown`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from frostline.runtime import canonical
from frostline.runtime.contract import PROBS
from frostline.runtime.graph_edits import Builder

_SUM = "Softmax"


def add(model: bytes, *, temperature: float, more: Mapping[str, str]) -> bytes:
    """The canonical bytes of a model whose logits are divided by a temperature, with more texts in its metadata.

    At temperature 1 the nodes stay as they are.
    """
    import onnx

    loaded = onnx.load_from_string(model)
    if temperature != 1:
        _divide(loaded, temperature)
    texts = {entry.key: entry.value for entry in loaded.metadata_props}
    return canonical.form(loaded, metadata={**texts, **more})


def _divide(model: Any, temperature: float) -> None:
    """Multiply, in place, what the last softmax takes."""
    [softmax] = [node for node in model.graph.node if PROBS in node.output]
    if softmax.op_type != _SUM:
        raise RuntimeError(f"probabilities come from {softmax.op_type}, not {_SUM}")
    build = Builder(model, prefix="temperature")
    inverse = build.constant(np.array(1 / temperature, np.float32))
    softmax.input[0] = build.add("Mul", softmax.input[0], inverse)
    model.graph.node.extend(build.nodes)
