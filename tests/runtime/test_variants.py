"""float16 and int8 of an exported model: the same contract, close answers, and what they cost."""

import json
from collections.abc import Iterator

import numpy as np
import onnx
import pytest

from frostline.files import sha256
from frostline.runtime import variants
from frostline.runtime.sessions import open_session
from helpers.models import contract, model

IMAGES = np.random.default_rng(2).integers(0, 256, (24, 20, 28, 3), np.uint8)
MODEL = model(features=True)


def calibration() -> Iterator[np.ndarray]:
    """Training images."""
    yield IMAGES[:8]
    yield IMAGES[8:]


@pytest.mark.parametrize(("precision", "tolerance"), [("float16", 2e-3), ("int8", 5e-2)])
def test_a_variant_keeps_the_contract_and_nearly_the_answer(precision: str, tolerance: float) -> None:
    """It opens as a model of frostline does, says what it is of, and is the same bytes every time."""
    made = variants.make(precision, MODEL, calibration=calibration)
    exact = open_session(MODEL, device="cpu").run(IMAGES)["probs"]
    session = open_session(made, device="cpu", precision=precision)
    assert session.contract == contract()
    assert session.precision == precision
    difference = np.abs(session.run(IMAGES)["probs"] - exact).max()
    assert 0 < difference < tolerance, "no difference at all would mean that nothing was made"
    metadata = {each.key: each.value for each in onnx.load_from_string(made).metadata_props}
    assert json.loads(metadata[variants.VARIANT]) == {"precision": precision, "of": sha256(MODEL)}
    assert variants.make(precision, MODEL, calibration=calibration) == made


def test_int8_weights_are_integers() -> None:
    """The matrix is stored in 8 bits, and computed between quantised activations."""
    made = onnx.load_from_string(variants.make("int8", MODEL, calibration=calibration))
    kinds = {tensor.data_type for tensor in made.graph.initializer}
    assert onnx.TensorProto.INT8 in kinds
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in made.graph.node}


def convolutional() -> bytes:
    """A convolution, a depthwise one, one of single pixels, and the mean."""
    draw, node = np.random.default_rng(1), onnx.helper.make_node
    shapes = {"first": (4, 3, 3, 3), "depthwise": (4, 1, 3, 3), "pixelwise": (3, 4, 1, 1)}
    weights = [
        onnx.numpy_helper.from_array(draw.normal(0, 0.1, shape).astype(np.float32), name)
        for name, shape in shapes.items()
    ]
    nodes = [
        node("Cast", ["image"], ["floats"], to=onnx.TensorProto.FLOAT),
        node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        node("Conv", ["planes", "first"], ["a"], name="first"),
        node("Conv", ["a", "depthwise"], ["b"], name="depthwise", group=4),
        node("Conv", ["b", "pixelwise"], ["c"], name="pixelwise"),
        node("ReduceMean", ["c"], ["d"], axes=[2, 3], keepdims=0),
        node("Softmax", ["d"], ["probs"]),
    ]
    image = onnx.helper.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["N", 20, 28, 3])
    probs = onnx.helper.make_tensor_value_info("probs", onnx.TensorProto.FLOAT, ["N", 3])
    graph = onnx.helper.make_graph(nodes, "tiny", [image], [probs], weights)
    operators = [onnx.helper.make_opsetid("", 17)]
    whole: bytes = onnx.helper.make_model(graph, ir_version=8, opset_imports=operators).SerializeToString()
    return whole


def test_what_loses_most_and_gains_nothing_stays_in_floats() -> None:
    """Depthwise convolutions keep their weights; what another takes is rounded there and nowhere else."""
    graph = onnx.load_from_string(variants.make("int8", convolutional(), calibration=calibration)).graph
    floats = {each.name for each in graph.initializer if each.data_type == onnx.TensorProto.FLOAT}
    assert {"first", "depthwise", "pixelwise"} & floats == {"depthwise"}
    rounded = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    assert rounded == {"planes", "b"}


def test_rows_of_a_variant_do_not_depend_on_the_batch() -> None:
    """Ranges are static: an image's neighbours do not change its answer."""
    made = variants.make("int8", MODEL, calibration=calibration)
    session = open_session(made, device="cpu", precision="int8")
    whole = session.run(IMAGES)["probs"]
    alone = np.concatenate([session.run(image[None])["probs"] for image in IMAGES])
    np.testing.assert_allclose(alone, whole, atol=1e-6)


def test_what_a_variant_costs_is_counted_in_pairs() -> None:
    """Five images by hand: one only the exact model gets right, two only the variant, one both, one neither."""
    labels = np.array([0, 0, 1, 1, 1])
    exact = np.array([[0.9, 0.1], [0.4, 0.6], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4]])
    other = np.array([[0.2, 0.8], [0.7, 0.3], [0.1, 0.9], [0.3, 0.7], [0.6, 0.4]])
    loss = variants.compared(exact, other, labels)
    assert (loss.only_exact, loss.only_variant, loss.images) == (1, 2, 5)
    assert loss.points == pytest.approx(-20)
    assert loss.agree == pytest.approx(0.4)
    assert loss.largest_difference == pytest.approx(0.7)
