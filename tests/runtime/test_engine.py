"""An engine: the same rows through fixed buffers and beside them."""

from functools import partial

import numpy as np
import onnxruntime
import pytest

from frostline.runtime.buffers import Buffers, Outputs, pin
from frostline.runtime.engine import OnnxEngine, Setup, Tensor, fixed_batch, reason
from helpers.models import model

BATCH = np.random.default_rng(1).integers(0, 256, (6, 20, 28, 3), np.uint8)
NAMES = ("probs", "features")


def plain(runtime: onnxruntime.InferenceSession, batch: np.ndarray) -> Outputs:
    """The outputs of a batch without any buffers of ours."""
    return dict(zip(NAMES, runtime.run(list(NAMES), {"image": batch}), strict=True))


@pytest.fixture(scope="module")
def runtime() -> onnxruntime.InferenceSession:
    """A small model on the CPU."""
    return onnxruntime.InferenceSession(model(features=True), providers=["CPUExecutionProvider"])


def test_bound_buffers_give_the_same_rows(runtime: onnxruntime.InferenceSession) -> None:
    """Batch after batch through one pair of buffers, made from the outputs of one image; results are copies."""
    run = partial(plain, runtime)
    bound = Buffers(runtime, run(BATCH[:1]), shape=BATCH.shape, device="cpu")
    first = bound.run(BATCH)
    other = bound.run(BATCH[::-1])
    for name in NAMES:
        np.testing.assert_array_equal(first[name], run(BATCH)[name])
        np.testing.assert_array_equal(other[name], run(BATCH[::-1])[name])
    assert bound.pinned is False


def test_buffers_fit_one_shape_and_the_same_outputs(runtime: onnxruntime.InferenceSession) -> None:
    """Everything else runs beside them."""
    bound = Buffers(runtime, plain(runtime, BATCH), shape=BATCH.shape, device="cpu")
    assert bound.fit(BATCH, NAMES)
    assert bound.fit(BATCH, list(NAMES))
    assert not bound.fit(BATCH[:2], NAMES)
    assert not bound.fit(BATCH, NAMES[:1])


def test_an_engine_runs_other_shapes_beside_its_buffers() -> None:
    """The same rows, whichever way a batch takes."""
    engine = OnnxEngine(Setup(model(features=True), "cpu", "float32"))
    whole = engine.run(BATCH, NAMES)
    engine._buffers = Buffers(engine._runtime, whole, shape=BATCH.shape, device="cpu")
    for batch in (BATCH, BATCH[:2]):
        for names in (NAMES, NAMES[:1]):
            there = engine.run(batch, names)
            assert tuple(there) == names
            for name in names:
                np.testing.assert_allclose(there[name], whole[name][: len(batch)], atol=1e-6)


def test_pinning_without_cuda_is_no_error() -> None:
    """Where there is no CUDA runtime the memory stays as it is."""
    assert pin(np.zeros(3)) in {True, False}


def test_an_engine_says_what_its_model_takes_and_gives() -> None:
    """Names, NumPy's types and sizes; an open axis has its name."""
    engine = OnnxEngine(Setup(model(features=True), "cpu", "float32"))
    assert engine.inputs == (Tensor("image", "uint8", ("N", 20, 28, 3)),)
    assert sorted(engine.outputs) == ["features", "probs"]
    assert engine.provider == "CPUExecutionProvider"
    assert "frostline" in engine.metadata
    assert engine.size is fixed_batch(engine.inputs) is None
    assert fixed_batch(()) is fixed_batch((Tensor("x", "float32", ()),)) is None
    assert OnnxEngine(Setup(model(shape=(8, 20, 28, 3)), "cpu", "float32")).size == 8


@pytest.mark.parametrize(
    ("message", "short"),
    [
        (
            "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions.\nmore",
            "Got invalid dimensions",
        ),
        (
            "Exception from src/core.cpp:105:\nException from src/reader.cpp:188:\nUnable to read.\n\n",
            "Unable to read",
        ),
        ("Exception from src/core.cpp:105:\n", "Exception from src/core.cpp:105:"),
        ("", "RuntimeError"),
    ],
)
def test_reasons_are_one_line(message: str, short: str) -> None:
    """ONNX Runtime's without its number, OpenVINO's without places in its source."""
    assert reason(RuntimeError(message)) == short
