"""A classifier's function → ONNX bytes that are the same every time."""

import contextlib
import io
import logging
from collections.abc import Callable
from typing import Any

OPSET = 17  # the newest that tf2onnx writes is 18; 17 is read by every ONNX Runtime of the last years

INPUT, PROBS, FEATURES = "image", "probs", "features"


def convert(classify: Callable[[Any], dict[str, Any]], *, height: int, width: int, metadata: str) -> bytes:
    """Convert pixels → {features, probs} into a model of one input and one output.

    Input `image` (N, height, width, 3) uint8 with N free; output `probs` (N, C) float32. The tensor
    `features` keeps its name inside the graph, so that what is above it can be cut out (`upper`).
    """
    import tensorflow as tf

    with _quiet():
        import tf2onnx

        signature = [tf.TensorSpec((None, height, width, 3), tf.uint8, name=INPUT)]

        def named(pixels: Any) -> dict[str, Any]:
            # Identities, so that neither output is the graph's input nor the other output itself.
            return {name: tf.identity(value) for name, value in classify(pixels).items()}

        model, _ = tf2onnx.convert.from_function(
            tf.function(named, autograph=False), input_signature=signature, opset=OPSET
        )
    from frostline.onnx import canonical

    return canonical.form(model, metadata=metadata)


def upper(model: bytes) -> bytes:
    """The part of an exported model from `features` to `probs`, cut out of its very graph."""
    import onnx
    from onnx.utils import Extractor

    with _quiet():
        inferred = onnx.shape_inference.infer_shapes(onnx.load_from_string(model))
        part = Extractor(inferred).extract_model([FEATURES], [PROBS])
    return bytes(part.SerializeToString())


@contextlib.contextmanager
def _quiet() -> Any:
    """Keep back the converter's own log and prints; its failures are exceptions."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(level)
