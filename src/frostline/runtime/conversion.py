"""A classifier's functions → ONNX bytes that are the same every time."""

import contextlib
import io
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

from frostline.models.dense_head import DenseHead
from frostline.runtime import canonical, head_graph
from frostline.runtime.contract import FEATURES, INPUT, KEY, PROBS, UNKNOWN

OPSET = 17  # the newest that tf2onnx writes is 18; 17 is read by every ONNX Runtime of the last years
CATCH = "TF2ONNX_CATCH_ERRORS"  # tf2onnx' own: whether a step that fails is left out

Function = Callable[[Any], Any]
Finish = Callable[[Any], None]  # edits an ONNX model in place


def _leave(_model: Any) -> None:
    """The edit that changes nothing."""


def convert(  # noqa: PLR0913  # two functions, their pixels, and their metadata
    below: Function | None,
    above: Function,
    *,
    height: int,
    width: int,
    metadata: str,
    more: Mapping[str, str] | None = None,
    keep: Callable[[Callable[[], bytes]], bytes] | None = None,
    finish: Finish = _leave,
) -> bytes:
    """Convert `below` (pixels → features) and `above` (features → probs) into one model.

    Input `image` (N, height, width, 3) uint8 with N free; outputs `probs` (N, C) float32 and `features`,
    the tensor at the frost line, which costs nothing where nobody asks for it. What is above and below
    it can be cut out (`halves`).
    `metadata` is the contract, `more` are other texts by key. `keep` is given what makes the graph of `below`, and
    returns it, made now or earlier.
    Without `below`, `above` takes the pixels and nothing is called `features`. `finish` edits the graph at the end.
    """
    with _quiet():
        pixels = (height, width, 3)
        if below is None:
            model = _graph(above, INPUT, PROBS, shape=pixels, dtype="uint8")
        else:
            lower = _lower(below, pixels, keep)
            model = _stacked(lower, _graph(above, FEATURES, PROBS, shape=_sides(lower), dtype="float32"))
    _keep_zeros(model)
    finish(model)
    return canonical.form(model, metadata={KEY: metadata, **(more or {})})


def _lower(
    below: Function, pixels: tuple[int, ...], keep: Callable[[Callable[[], bytes]], bytes] | None
) -> Any:
    import onnx

    def make() -> Any:
        return _graph(below, INPUT, FEATURES, shape=pixels, dtype="uint8")

    return onnx.load_from_string(keep(lambda: bytes(make().SerializeToString()))) if keep else make()


def on_trunk(  # noqa: PLR0913  # a trunk, a head, and their metadata
    below: bytes,
    above: DenseHead,
    *,
    metadata: str,
    more: Mapping[str, str] | None = None,
    converted: bool = False,
    finish: Finish = _leave,
) -> bytes:
    """A head put on the trunk of an ONNX file, as one model like that of `convert`: without TensorFlow.

    Where the trunk takes so many images at once, so does the model. `converted`: the trunk is what `convert` kept of a
    Keras model, and the bytes are those that it would make of trunk and head.
    """
    import onnx

    lower = onnx.load_from_string(below)
    model = _stacked(lower, head_graph.make(above, like=lower, as_converted=converted))
    if converted:
        _keep_zeros(model)
    finish(model)
    return canonical.form(model, metadata={KEY: metadata, **(more or {})})


def trunk(below: Function, *, shape: tuple[int, ...]) -> bytes:
    """Convert a function of pixels alone, `image` (N, *shape) uint8 → `features`, for this machine's own use."""
    with _quiet():
        model = _graph(below, INPUT, FEATURES, shape=shape, dtype="uint8")
    _keep_zeros(model)
    return canonical.form(model, metadata={})


def _graph(
    function: Function, input_name: str, output_name: str, *, shape: tuple[int, ...], dtype: str
) -> Any:
    """An ONNX model of a function of one tensor (N, *shape)."""
    import tensorflow as tf
    import tf2onnx

    def named(tensor: Any) -> dict[str, Any]:
        return {output_name: tf.identity(function(tensor))}  # identity: the output is never the input itself

    signature = [tf.TensorSpec((None, *shape), dtype, name=input_name)]
    traced = tf.function(named, autograph=False)
    with without_copies():
        model, _ = tf2onnx.convert.from_function(
            traced, input_signature=signature, opset=OPSET, custom_op_handlers={"Erfc": (_erfc, [])}
        )
    _keep_constants(model, traced.get_concrete_function(*signature))
    return model


def sides(graph: bytes) -> tuple[int, ...]:
    """The shape of a graph's one output, without N."""
    import onnx

    return _sides(onnx.load_from_string(graph))


def _sides(lower: Any) -> tuple[int, ...]:
    """The shape of a model's one output, without N."""
    return tuple(side.dim_value for side in lower.graph.output[0].type.tensor_type.shape.dim)[1:]


def _stacked(lower: Any, upper: Any) -> Any:
    """The lower model with the upper one on it, in place: large weights are not copied.

    The converter saw them apart: left together, it moves operations across the cut.
    """
    from onnx.compose import add_prefix

    for part, prefix in ((lower, "lower/"), (upper, "upper/")):
        add_prefix(part, prefix, rename_inputs=False, rename_outputs=False, inplace=True)
    for node in upper.graph.node:
        canonical.rename_inputs(node, {upper.graph.input[0].name: lower.graph.output[0].name})
    for field in ("node", "initializer", "output"):
        getattr(lower.graph, field).extend(getattr(upper.graph, field))
    lower.opset_import.extend(upper.opset_import)
    return lower


def _erfc(graph: Any, node: Any, *_: Any) -> None:
    """1 - erf(x): ONNX has no operator for erfc(x), which is in Keras' exact GELU."""
    from tf2onnx.utils import map_onnx_to_numpy_type

    dtype, shape = graph.get_dtype(node.output[0]), graph.get_shape(node.output[0])
    graph.remove_node(node.name)
    one = graph.make_const(f"{node.name}_one", map_onnx_to_numpy_type(dtype)(1)).output[0]
    erf = graph.make_node("Erf", node.input, shapes=[shape], dtypes=[dtype]).output[0]
    graph.make_node("Sub", [one, erf], outputs=node.output, shapes=[shape], dtypes=[dtype])


def _keep_constants(model: Any, traced: Any) -> None:
    """Make constants, in place, of the tensors that a traced function captured: the converter asks for them.

    EfficientNet's normalisation holds such tensors.
    """
    from onnx import numpy_helper

    captured = {inside.name: outside for outside, inside in traced.graph.captures}
    for tensor in [value for value in model.graph.input if value.name in captured]:
        model.graph.input.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(captured[tensor.name].numpy(), tensor.name))


def _keep_zeros(model: Any) -> None:
    """Say of pools without padding that they have none, in place.

    Else ONNX Runtime makes one node of a Pad with zeros and a maximum, which then pads with minus
    infinity: after layers without a ReLU, as in ResNet50V2, that is another number.
    """
    import onnx

    for node in model.graph.node:
        padding = {"pads", "auto_pad"} & {attribute.name for attribute in node.attribute}
        if node.op_type == "MaxPool" and not padding:
            node.attribute.append(onnx.helper.make_attribute("auto_pad", "VALID"))


def upper(model: bytes) -> bytes:
    """The part of an exported model from `features` to `probs` and `unknown`, cut out of its very graph."""
    import onnx

    return bytes(_cut(onnx.load_from_string(model), FEATURES, (PROBS, UNKNOWN)).SerializeToString())


def halves(model: Any) -> tuple[Any, Any]:
    """The parts of an ONNX model below and above `features`, as models."""
    return _cut(model, INPUT, (FEATURES,)), _cut(model, FEATURES, (PROBS, UNKNOWN))


def _cut(model: Any, input_name: str, wanted: Sequence[str]) -> Any:
    """From one tensor to those of the wanted outputs that the model has."""
    from onnx.utils import Extractor

    has = {output.name for output in model.graph.output}
    return Extractor(model).extract_model([input_name], [name for name in wanted if name in has])


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


@contextlib.contextmanager
def without_copies() -> Iterator[None]:
    """Conversions within need half the memory and half the time; the graph that comes out is the same.

    tf2onnx copies the whole graph before each of its steps, to go back should one fail: here that is an error.
    After each step it writes the weights into their nodes' messages once more, and a message never gives back
    what it held before: here each time into a new one. A ResNet152V2, of 0.2 GiB, took 11.6 GiB.
    """
    from tf2onnx.graph import Node

    update = Node.update_proto

    def renewed(node: Any, *given: Any) -> None:
        node._op = _empty(node._op)
        update(node, *given)

    with mock.patch.object(Node, "update_proto", renewed), mock.patch.dict(os.environ, {CATCH: "FALSE"}):
        yield


def _empty(node: Any) -> Any:
    """A node of the same name and kind, without what an update writes anew: inputs, outputs, attributes."""
    import onnx

    copied = ("name", "op_type", "domain", "doc_string")
    return onnx.NodeProto(**{field: getattr(node, field) for field in copied if node.HasField(field)})
