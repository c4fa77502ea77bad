"""Running a batch: through bound buffers, in halves, on several devices, always the same rows."""

import threading

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.runtime.running import Bound, Halving, Outputs, Replicas, out_of_memory, pin, plain
from helpers.models import model

BATCH = np.random.default_rng(1).integers(0, 256, (6, 20, 28, 3), np.uint8)


@pytest.fixture(scope="module")
def runtime() -> onnxruntime.InferenceSession:
    """A small model on the CPU."""
    return onnxruntime.InferenceSession(model(features=True), providers=["CPUExecutionProvider"])


def test_bound_buffers_give_the_same_rows(runtime: onnxruntime.InferenceSession) -> None:
    """Batch after batch through one pair of buffers; another shape runs beside them; results are copies."""
    run = plain(runtime, ["probs", "features"])
    bound = Bound(runtime, run(BATCH), shape=BATCH.shape, device="cpu", gpu=0)
    first = bound(BATCH)
    other = bound(BATCH[::-1])
    for name in ("probs", "features"):
        np.testing.assert_array_equal(first[name], run(BATCH)[name])
        np.testing.assert_array_equal(other[name], run(BATCH[::-1])[name])
        np.testing.assert_allclose(bound(BATCH[:2])[name], first[name][:2], atol=1e-6)
    assert bound.pinned is False


def test_pinning_without_cuda_is_no_error() -> None:
    """Where there is no CUDA runtime the memory stays as it is."""
    assert pin(np.zeros(3)) in {True, False}


class Small:
    """A device that holds `room` images."""

    def __init__(self, room: int, message: str = "CUDA error: out of memory") -> None:
        self.room, self.message, self.sizes = room, message, list[int]()

    def __call__(self, batch: np.ndarray) -> Outputs:
        """Sums of pixels, if they fit."""
        self.sizes.append(len(batch))
        if len(batch) > self.room:
            raise RuntimeError(self.message)
        return {"sum": batch.reshape(len(batch), -1).sum(axis=1, dtype=np.float64)}


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 17), room=st.integers(1, 20))
def test_out_of_memory_halves_and_goes_on(count: int, room: int) -> None:
    """Whatever fits, every row comes once, in order; the next batch begins where the last one ended."""
    batch = np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)
    device = Small(room)
    run = Halving(device)
    expected = batch.reshape(count, -1).sum(axis=1)
    np.testing.assert_array_equal(run(batch)["sum"], expected)
    device.sizes.clear()
    np.testing.assert_array_equal(run(batch)["sum"], expected)
    assert max(device.sizes) <= room, "what did not fit is not tried again"
    assert len(set(device.sizes)) == 1, "one shape"


def test_halving_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Once for each step down."""
    run = Halving(Small(2))
    run(np.zeros((7, 1, 1, 3), np.uint8))
    run(np.zeros((7, 1, 1, 3), np.uint8))
    assert capsys.readouterr().err.splitlines() == [
        "out of memory with 7 images at once, going on with 4",
        "out of memory with 4 images at once, going on with 2",
    ]


@pytest.mark.parametrize(("room", "message"), [(0, "out of memory"), (2, "illegal address")])
def test_what_smaller_batches_do_not_mend_is_raised(room: int, message: str) -> None:
    """A single image that does not fit, and every other fault."""
    device = Small(room, message)
    with pytest.raises(RuntimeError, match=message):
        Halving(device)(np.zeros((4, 1, 1, 3), np.uint8))
    assert len(device.sizes) == (3 if room == 0 else 1)


def test_a_fixed_batch_is_kept() -> None:
    """A model that takes 4 at once gets 4 at once."""
    device = Small(4)
    batch = np.arange(6 * 3, dtype=np.uint8).reshape(6, 1, 1, 3)
    np.testing.assert_array_equal(Halving(device, limit=4)(batch)["sum"], batch.reshape(6, -1).sum(axis=1))
    np.testing.assert_array_equal(Halving(device, limit=4)(batch[:1])["sum"], [3])
    assert device.sizes == [4, 4, 4]


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (RuntimeError("CUDA failure 2: out of memory ; GPU=0"), True),
        (RuntimeError("BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer"), True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("std::bad_alloc"), True),
        (MemoryError(), True),
        (RuntimeError("CUDA failure 700: an illegal memory access"), False),
    ],
)
def test_which_errors_mean_memory(error: Exception, memory: bool) -> None:
    """As the libraries word it."""
    assert out_of_memory(error) is memory


def test_replicas_work_at_the_same_time() -> None:
    """Two calls meet inside two devices; each device has one call at a time."""
    meeting = threading.Barrier(2, timeout=10)

    def device(batch: np.ndarray) -> Outputs:
        meeting.wait()
        return {"sum": batch.sum(axis=1)}

    run = Replicas([device, device])
    found: list[Outputs] = []
    threads = [threading.Thread(target=lambda: found.append(run(np.ones((2, 2))))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert run.count == len(found) == 2
