"""A pool of engines: batches in pieces where memory is short, several at once, always the same rows."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.runtime.buffers import Outputs
from frostline.runtime.engine import Tensor
from frostline.runtime.pool import RuntimePool, out_of_memory


class Fake:
    """An engine that does what a function does; `size` is that of the only batches it takes."""

    outputs, metadata, provider = ("sum",), dict[str, str](), "Fake"

    def __init__(self, work: Callable[[np.ndarray], Outputs], size: int | None = None) -> None:
        self.work, self.size, self.inputs = work, size, (Tensor("image", "uint8", ("N", 2, 2, 3)),)

    def run(self, batch: np.ndarray, names: Sequence[str]) -> Outputs:
        """What was asked for of it."""
        return {name: value for name, value in self.work(batch).items() if name in names}

    def bind(self, shape: tuple[int, ...], names: Sequence[str]) -> None:
        """Nothing to prepare."""

    def stop(self) -> None:
        """Nothing to end."""


def pooled(*work: Callable[[np.ndarray], Outputs], size: int | None = None) -> RuntimePool:
    """A pool of such engines."""
    return RuntimePool(b"", "cuda", "float32", [Fake(each, size) for each in work], names=("sum",))


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


@given(count=st.integers(1, 17), room=st.integers(1, 20))
def test_out_of_memory_halves_and_goes_on(count: int, room: int) -> None:
    """Whatever fits, every row comes once, in order; the next batch begins where the last one ended."""
    batch = np.arange(count * 12, dtype=np.uint8).reshape(count, 2, 2, 3)
    device = Small(room)
    run = pooled(device).run
    expected = batch.reshape(count, -1).sum(axis=1)
    np.testing.assert_array_equal(run(batch)["sum"], expected)
    device.sizes.clear()
    np.testing.assert_array_equal(run(batch)["sum"], expected)
    assert max(device.sizes) <= room, "what did not fit is not tried again"
    assert len(set(device.sizes)) == 1, "one shape"


def test_binding_tries_whole_batches_again() -> None:
    """Another batch size may have other buffers; what a model takes alone stays."""
    pool = pooled(Small(2))
    pool.run(np.zeros((7, 1, 1, 3), np.uint8))
    assert pool.limit == 2
    pool.bind((4, 1, 1, 3))
    assert pool.limit is None
    fixed = pooled(Small(4), size=4)
    fixed.bind((4, 1, 1, 3))
    assert fixed.limit == 4


def test_halving_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Once for each step down."""
    run = pooled(Small(2)).run
    run(np.zeros((7, 1, 1, 3), np.uint8))
    run(np.zeros((7, 1, 1, 3), np.uint8))
    assert capsys.readouterr().err.splitlines() == [
        "out of memory at batch size 7; going on with 4",
        "out of memory at batch size 4; going on with 2",
    ]


@pytest.mark.parametrize(("room", "message"), [(0, "out of memory"), (2, "illegal address")])
def test_what_smaller_batches_do_not_mend_is_raised(room: int, message: str) -> None:
    """A single image that does not fit, and every other fault."""
    device = Small(room, message)
    with pytest.raises(RuntimeError, match=message):
        pooled(device).run(np.zeros((4, 1, 1, 3), np.uint8))
    assert len(device.sizes) == (3 if room == 0 else 1)


def test_a_fixed_batch_is_kept() -> None:
    """A model that takes 4 at once gets 4 at once."""
    device = Small(4)
    batch = np.arange(6 * 3, dtype=np.uint8).reshape(6, 1, 1, 3)
    np.testing.assert_array_equal(pooled(device, size=4).run(batch)["sum"], batch.reshape(6, -1).sum(axis=1))
    np.testing.assert_array_equal(pooled(device, size=4).run(batch[:1])["sum"], [3])
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


def test_engines_work_at_the_same_time() -> None:
    """Two calls meet inside two devices; each device has one call at a time."""
    meeting = threading.Barrier(2, timeout=10)

    def device(batch: np.ndarray) -> Outputs:
        meeting.wait()
        return {"sum": batch.sum(axis=1)}

    pool = pooled(device, device)
    found: list[Outputs] = []
    threads = [threading.Thread(target=lambda: found.append(pool.run(np.ones((2, 2))))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert pool.streams == len(found) == 2
