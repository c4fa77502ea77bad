"""OpenVINO as an engine: the same answers, in the precision that was asked for or not at all."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from frostline.errors import FrostlineError, InputError
from frostline.runtime import openvino, openvino_engine, trial, variants
from frostline.runtime.engine import OnnxEngine, Setup
from frostline.runtime.openvino_engine import OpenVinoEngine, prove
from frostline.runtime.sessions import open_session
from helpers.models import endless, model

pytestmark = pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")
PRECISIONS = [("float32", 1e-6), *([("bfloat16", 1e-2)] if openvino.has_bfloat16() else [])]
BATCH = np.random.default_rng(3).integers(0, 256, (16, 20, 28, 3), np.uint8)
NAMES = ("probs", "features")


def engine(
    content: bytes = model(features=True), precision: str = "float32", streams: int = 1
) -> OpenVinoEngine:
    """A small model, compiled."""
    return OpenVinoEngine(Setup(content, "openvino", precision, streams=streams))


@pytest.mark.parametrize(("precision", "within"), PRECISIONS)
def test_it_says_and_does_what_onnx_runtime_does(precision: str, within: float) -> None:
    """Names, sizes, metadata and answers; it tells its name and its arithmetic."""
    here, there = engine(precision=precision), OnnxEngine(Setup(model(features=True), "cpu", "float32"))
    assert (here.inputs, here.outputs, here.metadata) == (there.inputs, there.outputs, there.metadata)
    assert here.provider == "OpenVINO"
    assert here.proof == f"1 of 1 convolutions and matrix products in {precision}"
    expected = there.run(BATCH[:1], NAMES)
    for names in (NAMES, NAMES[:1], NAMES[::-1]):
        found = here.run(BATCH[:1], names)
        assert tuple(found) == names
        for name in names:
            assert found[name].dtype == np.float32
            np.testing.assert_allclose(found[name], expected[name], atol=within, rtol=within)


@pytest.mark.parametrize(("precision", "within"), PRECISIONS)
def test_it_is_compiled_for_a_size(precision: str, within: float) -> None:
    """First for one image; what was given belongs to who asked for it."""
    here = engine(precision=precision, streams=2)
    assert here.size == 1
    first = here.run(BATCH[:1], NAMES)["probs"]
    kept = first.copy()
    here.bind((4, 20, 28, 3), NAMES)
    assert (here.size, here.inputs[0].shape) == (4, ("N", 20, 28, 3))
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda at: here.run(BATCH[at : at + 4], NAMES)["probs"], range(0, 16, 4)))
    np.testing.assert_allclose(found[0][:1], first, atol=within)
    assert np.array_equal(first, kept)


def test_runs_at_once_do_not_wait_for_each_other_forever() -> None:
    """Arrays that OpenVINO reads where they lie end in a deadlock within some hundred runs."""
    here = engine(convolved(), streams=2)
    here.bind((2, 20, 28, 3), NAMES[:1])
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: here.run(BATCH[:2].copy(), NAMES[:1])["probs"], range(400)))
    assert all(np.array_equal(each, found[0]) for each in found)


def test_a_model_that_takes_one_size_keeps_it() -> None:
    """There is nothing to settle."""
    fixed = engine(model(features=True, shape=(4, 20, 28, 3)))
    fixed.bind((2, 20, 28, 3), NAMES)
    assert fixed.size == 4
    assert fixed.run(BATCH[:4], NAMES)["probs"].shape == (4, 3)


def test_a_network_for_one_image_inside_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its input is open: exporters leave such."""
    real = openvino_engine._compiled

    def for_one(setup: Setup, shape: tuple[int, ...] | None) -> Any:
        if shape is not None and shape[0] > 1:
            raise FrostlineError("its insides are for one")
        return real(setup, shape)

    monkeypatch.setattr(openvino_engine, "_compiled", for_one)
    session = open_session(model(), device="openvino")
    session.bind(4)
    assert session._pool.limit == 1
    assert session.run(BATCH)["probs"].shape == (16, 3)


def test_sizes_that_a_model_leaves_open_come_with_the_image() -> None:
    """It is proven before, and compiled for them then."""
    free = engine(model(features=True, shape=("N", "H", "W", 3)))
    assert free.proof == "1 of 1 convolutions and matrix products in float32"
    for side in (28, 9):
        batch = np.ascontiguousarray(BATCH[:, :, :side])
        np.testing.assert_allclose(free.run(batch[:1], NAMES)["features"], batch[:1].mean((1, 2)), rtol=1e-5)
        free.bind((2, 20, side, 3), NAMES)
        np.testing.assert_allclose(free.run(batch[:2], NAMES)["features"], batch[:2].mean((1, 2)), rtol=1e-5)


def test_pixels_of_another_type_are_refused() -> None:
    """They are never converted in silence."""
    with pytest.raises(TypeError):
        engine().run(BATCH[:1].astype(np.float32), NAMES)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", model()[:100]])
def test_what_is_no_model(content: bytes) -> None:
    """Is the same on every device."""
    with pytest.raises(InputError, match="model: ONNX Runtime cannot load it as a model"):
        open_session(content, device="openvino")


def test_what_it_cannot_run_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """In its own words, without the places in its source."""
    made = onnx.load_from_string(model())
    made.graph.node[0].op_type = "Unheard"
    known = openvino_engine.described(model())
    monkeypatch.setattr(openvino_engine, "described", lambda _: known)
    with pytest.raises(
        FrostlineError, match=r"openvino cannot run this model: .*; use --device cpu"
    ) as caught:
        engine(made.SerializeToString())
    assert "\n" not in str(caught.value)
    assert ".cpp" not in str(caught.value)


@pytest.mark.parametrize(
    ("precision", "found", "shown"),
    [
        ("float32", {"float32": 3}, "3 of 3 convolutions and matrix products in float32"),
        ("float32", {}, "0 of 0 convolutions and matrix products in float32"),
        ("bfloat16", {"bfloat16": 2}, "2 of 2 convolutions and matrix products in bfloat16"),
        (
            "int8",
            {"int8": 2, "bfloat16": 1},
            "2 of 3 convolutions and matrix products in int8, 1 in bfloat16",
        ),
    ],
)
def test_the_arithmetic_in_words(precision: str, found: dict[str, int], shown: str) -> None:
    """What was asked for first; an int8 network leaves some in floats."""
    assert prove(precision, found) == shown


@pytest.mark.parametrize(
    ("precision", "found"),
    [
        ("float32", {"float32": 3, "bfloat16": 1}),
        ("float32", {"float16": 3}),
        ("bfloat16", {"bfloat16": 2, "float32": 1}),
        ("bfloat16", {}),
        ("int8", {"float32": 3}),
        ("int8", {"int8": 3, "float16": 1}),
    ],
)
def test_another_arithmetic_is_refused(precision: str, found: dict[str, int]) -> None:
    """Never another one under its name."""
    with pytest.raises(FrostlineError, match=f"openvino does not compute this model in {precision}"):
        prove(precision, found)


def test_int8_is_seen_where_it_is() -> None:
    """A variant computes in it; a model in floats does not become one by being called so."""
    with pytest.raises(FrostlineError, match=r"in int8 \(0 of 1 .* in int8, 1 in b?float"):
        engine(precision="int8")
    found = engine(variants.make("int8", convolved(), calibration=lambda: iter([BATCH[:8]])), "int8")
    assert found.proof.startswith("1 of 2 convolutions and matrix products in int8, 1 in ")


def convolved() -> bytes:
    """A model of two convolutions of 16 channels; the first, of pixels, stays in floats."""
    made = onnx.load_from_string(model())
    draw = np.random.default_rng(5).normal
    for name, channels in (("first", 3), ("second", 16)):
        kernel = draw(0, 0.1, (16, channels, 3, 3)).astype(np.float32)
        made.graph.initializer.append(numpy_helper.from_array(kernel, name))
    nodes = [
        made.graph.node[0],
        helper.make_node("Transpose", ["pixels"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "first"], ["edges"]),
        helper.make_node("Conv", ["edges", "second"], ["parts"]),
        helper.make_node("ReduceMean", ["parts"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Softmax", ["mean"], ["probs"]),
    ]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info("probs", TensorProto.FLOAT, ["N", 16]))
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def test_an_endless_loop_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is met by the first image or while constants are folded."""
    monkeypatch.setattr(trial, "SECONDS", 0.2)
    monkeypatch.setattr(trial, "GRACE", 0.2)
    with pytest.raises(InputError, match=r"a trial image took longer than 0\.2 s"):
        open_session(endless(nodes=True), device="openvino")
