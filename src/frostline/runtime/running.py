"""Ways to run a loaded model on a batch: plainly, through bound buffers, in halves, on several devices."""

import contextlib
import ctypes
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from frostline.progress import note
from frostline.runtime.contract import INPUT

Outputs = dict[str, np.ndarray]
Run = Callable[[np.ndarray], Outputs]

# As CUDA, TensorRT, cuDNN, ONNX Runtime's arena and the system say it.
_NO_MEMORY = ("out of memory", "failed to allocate", "out_of_memory", "bad_alloc", "alloc_failed")


def plain(runtime: Any, names: Sequence[str], *, taken: str = INPUT, graph: bool = False) -> Run:
    """A batch in, the named outputs out; beside a CUDA `graph`, not through it (it has one shape)."""
    import onnxruntime

    how = onnxruntime.RunOptions()
    if graph:
        how.add_run_config_entry("gpu_graph_id", "-1")

    def run(batch: np.ndarray) -> Outputs:
        return dict(zip(names, runtime.run(list(names), {taken: batch}, how), strict=True))

    return run


class Bound:
    """Fixed buffers on a device for batches of one shape: no allocation a batch, as CUDA graphs want it.

    Pixels go through page-locked memory, which the device reads directly. Other shapes run plainly.
    """

    def __init__(  # noqa: PLR0913  # what a device's buffers are made from
        self,
        runtime: Any,
        like: Outputs,
        *,
        shape: tuple[int, ...],
        device: str,
        gpu: int,
        graph: bool = False,
    ) -> None:
        """`like` are outputs of a batch of that shape: they tell how large the buffers must be."""
        import onnxruntime

        self._runtime, self._shape = runtime, shape
        self._plain = plain(runtime, list(like), graph=graph)
        self._host = np.zeros(shape, np.uint8)
        self.pinned = device == "cuda" and pin(self._host)
        make = onnxruntime.OrtValue.ortvalue_from_shape_and_type
        self._input = make(list(shape), np.uint8, device, gpu)
        self._outputs = {
            name: make(list(value.shape), value.dtype.type, device, gpu) for name, value in like.items()
        }
        self._binding = runtime.io_binding()
        self._binding.bind_ortvalue_input(INPUT, self._input)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)

    def __call__(self, batch: np.ndarray) -> Outputs:
        """The named outputs of one batch, copied out of the buffers."""
        if batch.shape != self._shape:
            return self._plain(batch)
        np.copyto(self._host, batch)
        self._input.update_inplace(self._host)
        self._runtime.run_with_iobinding(self._binding)
        return {name: np.array(each.numpy()) for name, each in self._outputs.items()}


def pin(array: np.ndarray) -> bool:
    """Page-lock an array's memory for CUDA; False where there is no CUDA runtime to do it."""
    for name in ("libcudart.so.13", "libcudart.so.12"):
        with contextlib.suppress(OSError, AttributeError):
            register = ctypes.CDLL(name).cudaHostRegister
            register.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint)
            return bool(register(array.ctypes.data, array.nbytes, 0) == 0)
    return False


class Halving:
    """Run batches in as many pieces as the device's memory asks for: out of memory halves them, for good.

    Every piece has one shape, the last one padded; rows do not depend on it. `limit` is the size of a
    model that takes no other.
    """

    def __init__(self, run: Run, *, limit: int | None = None) -> None:
        self._run, self._lock, self.limit = run, threading.Lock(), limit

    def __call__(self, batch: np.ndarray) -> Outputs:
        """As the run it wraps; its own error when a single image is too much."""
        while True:
            limit = self.limit or len(batch)
            try:
                return _joined([self._run(piece) for piece in _pieces(batch, limit)], len(batch))
            except Exception as error:  # ONNX Runtime's exceptions share no base
                if limit == 1 or not out_of_memory(error):
                    raise
                self._halve(limit)

    def _halve(self, limit: int) -> None:
        with self._lock:
            if self.limit is None or self.limit >= limit:
                self.limit = (limit + 1) // 2
                note(f"out of memory at batch size {limit}; going on with {self.limit}")


def out_of_memory(error: BaseException) -> bool:
    """Whether a device's error means that a smaller batch could do."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(mark in text for mark in _NO_MEMORY)


def _pieces(batch: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(batch), size):
        piece = batch[start : start + size]
        if len(piece) < size:
            piece = np.concatenate([piece, np.zeros((size - len(piece), *batch.shape[1:]), batch.dtype)])
        yield piece


def _joined(parts: list[Outputs], count: int) -> Outputs:
    if len(parts) == 1 and all(len(value) == count for value in parts[0].values()):
        return parts[0]
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}


class Replicas:
    """The same model on several devices: each call takes the next one that is free."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.count = len(runs)
        self._free: queue.Queue[Run] = queue.Queue()
        for run in runs:
            self._free.put(run)

    def __call__(self, batch: np.ndarray) -> Outputs:
        """As the run that was free."""
        run = self._free.get()
        try:
            return run(batch)
        finally:
            self._free.put(run)
