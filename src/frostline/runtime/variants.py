"""Smaller arithmetic of an exported model: float16 for GPUs, int8 calibrated on training images.

A variant is another file with the same contract, input and outputs; metadata says of which model it is.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.files import sha256
from frostline.runtime import graph_edits
from frostline.runtime.contract import FEATURES, INPUT, PROBS

VARIANT = "frostline.variant"
BY_CHANNEL = 13  # the opset since which quantised weights have a scale for each channel
BATCH = 2  # calibration images at once: a ResNet152 keeps 0.4 GiB of each, and ranges are the same

# What runs in int8 on processors: everything else stays float32 between them.
_INT8 = ["Add", "Conv", "Gemm", "MatMul", "MaxPool"]
# What these give is rounded where the next of them takes it, not once more before.
_UNROUNDED = {"OpTypesToExcludeOutputQuantization": ["Conv", "Gemm", "MatMul"]}

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Loss:
    """What a variant costs on the test split, image by image against the exported model.

    `points` are of accuracy (hundredths), lost; `only_exact` images only the exported model gets right,
    `only_variant` only the variant; `agree` is the share of images on which both say the same.
    """

    images: int
    points: float
    only_exact: int
    only_variant: int
    agree: float
    largest_difference: float


def compared(exact: npt.NDArray[Any], variant: npt.NDArray[Any], labels: npt.NDArray[Any]) -> Loss:
    """Two (N, C) arrays of probabilities of the same images, (N,) true labels; N at least 1."""
    first, second = exact.argmax(axis=1), variant.argmax(axis=1)
    right, still = first == labels, second == labels
    only_exact, only_variant = int((right & ~still).sum()), int((still & ~right).sum())
    return Loss(
        images=len(labels),
        points=round(100 * (only_exact - only_variant) / len(labels), 6),
        only_exact=only_exact,
        only_variant=only_variant,
        agree=round(float((first == second).mean()), 6),
        largest_difference=round(float(np.abs(exact - variant).max()), 6),
    )


def make(precision: str, model: bytes, *, calibration: Callable[[], Iterator[Pixels]]) -> bytes:
    """A model's bytes in `float16` or `int8`; `calibration` gives batches of training images, uint8."""
    whole, beside = _apart(_by_channel(model) if precision == "int8" else model)
    made = _float16(whole) if precision == "float16" else _int8(whole, calibration)
    return _labelled(_joined(made, beside), precision, of=model)


def _by_channel(model: bytes) -> bytes:
    """The model by operators that know a scale for each channel."""
    import onnx

    whole = onnx.load_from_string(model)
    if graph_edits.opset(whole) >= BY_CHANNEL:
        return model
    return graph_edits.serialized(graph_edits.converted(whole, graph_edits.OPSETS[-1]))


def _float16(model: Any) -> Any:
    """Weights and arithmetic in float16; pixels come in and probabilities go out as before."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    return convert_float_to_float16(model, keep_io_types=True)


def _int8(model: Any, calibration: Callable[[], Iterator[Pixels]]) -> Any:
    """Static quantisation: weights by channel, activations by the range that calibration images show.

    Weights take 7 of 8 bits: processors with AVX2 alone add pairs of products in 16 bits, which 8 would
    overflow, and a model must give the same answer on every processor. Depthwise convolutions stay in
    floats: a few products each, of ranges far apart, so that int8 loses most there and gains nothing.
    """
    import onnx
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    level = logging.root.manager.disable
    logging.disable(logging.WARNING)  # its advice to preprocess, which is what happens here
    try:
        with tempfile.TemporaryDirectory(prefix="frostline-") as folder:
            plain, prepared, made = (Path(folder) / f"{name}.onnx" for name in ("plain", "prepared", "made"))
            onnx.save(model, plain)
            quant_pre_process(plain, prepared, skip_symbolic_shape=True)
            whole = _named_once(onnx.load(prepared))
            onnx.save(whole, prepared)
            quantization.quantize_static(
                prepared,
                made,
                _reader(calibration()),
                quant_format=quantization.QuantFormat.QDQ,
                op_types_to_quantize=_INT8,
                nodes_to_exclude=[node.name for node in whole.graph.node if _grouped(node)],
                extra_options=_UNROUNDED,
                per_channel=True,
                reduce_range=True,
                activation_type=quantization.QuantType.QUInt8,
                weight_type=quantization.QuantType.QInt8,
            )
            return onnx.load(made)
    finally:
        logging.disable(level)


def _apart(model: bytes) -> tuple[Any, Any]:
    """A model without what neither `probs` nor `features` need, and that as a graph: a handful of products, those of
    `unknown`, that stay exact.
    """
    import onnx

    whole, beside = onnx.load_from_string(model), onnx.GraphProto()
    needed = {PROBS, FEATURES}
    for node in reversed(whole.graph.node):
        if needed & set(node.output):
            needed |= set(node.input)
        else:
            beside.node.insert(0, node)
    for field in ("node", "initializer", "output"):
        values = list(getattr(whole.graph, field))
        kept = [
            value
            for value in values
            if (value not in beside.node if field == "node" else value.name in needed)
        ]
        whole.graph.ClearField(field)
        getattr(whole.graph, field).extend(kept)
        if field != "node":
            getattr(beside, field).extend(value for value in values if value.name not in needed)
    return whole, beside


def _joined(made: Any, beside: Any) -> Any:
    """A model with such a graph behind its `features`."""
    for field in ("node", "initializer", "output"):
        getattr(made.graph, field).extend(getattr(beside, field))
    return made


def _grouped(node: Any) -> bool:
    """Whether a node is a convolution in groups, as depthwise ones are."""
    return node.op_type == "Conv" and any(
        attribute.name == "group" and attribute.i > 1 for attribute in node.attribute
    )


def _named_once(model: Any) -> Any:
    """The model without operator sets that no node uses: the optimizer adds some, one of them twice."""
    used = {"", *(node.domain for node in model.graph.node)}
    opsets = {opset.domain: opset for opset in model.opset_import if opset.domain in used}
    del model.opset_import[:]
    model.opset_import.extend(opsets[domain] for domain in sorted(opsets))
    return model


def _reader(batches: Iterator[Pixels]) -> Any:
    """Batches as ONNX Runtime's calibration asks for them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # untyped base
        def get_next(self) -> dict[str, Pixels] | None:
            batch = next(batches, None)
            return None if batch is None else {INPUT: batch}

    return Reader()


def _labelled(made: Any, precision: str, *, of: bytes) -> bytes:
    """The bytes, with what the model says of itself and the name of what it is a variant of."""
    import onnx

    whole = {entry.key: entry.value for entry in onnx.load_from_string(of).metadata_props}
    about = json.dumps({"precision": precision, "of": sha256(of)}, sort_keys=True)
    onnx.helper.set_model_props(made, {**whole, VARIANT: about})
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString(deterministic=True))
