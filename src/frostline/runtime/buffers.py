"""Fixed buffers on a GPU, which a session reads and writes without allocating any."""

import contextlib
import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from frostline.runtime.contract import INPUT

Outputs = dict[str, np.ndarray]


class Buffers:
    """Fixed buffers on a device for batches of one shape: no allocation per batch, as CUDA graphs want it.

    Pixels go through page-locked memory, which the device reads directly.
    """

    def __init__(
        self, runtime: Any, like: Outputs, *, shape: tuple[int, ...], device: str, gpu: int = 0
    ) -> None:
        """`like` are outputs of any number of images: they tell how large the buffers must be for `shape`."""
        import onnxruntime

        self._runtime, self._shape = runtime, shape
        self._host = np.zeros(shape, np.uint8)
        self.pinned = device == "cuda" and pin(self._host)
        make = onnxruntime.OrtValue.ortvalue_from_shape_and_type
        self._input = make(list(shape), np.uint8, device, gpu)
        self._outputs = {
            name: make([shape[0], *value.shape[1:]], value.dtype.type, device, gpu)
            for name, value in like.items()
        }
        self._binding = runtime.io_binding()
        self._binding.bind_ortvalue_input(INPUT, self._input)
        for name, value in self._outputs.items():
            self._binding.bind_ortvalue_output(name, value)

    def fit(self, batch: np.ndarray, names: Sequence[str]) -> bool:
        """Whether they were made for such a batch and these outputs."""
        return batch.shape == self._shape and tuple(names) == tuple(self._outputs)

    def run(self, batch: np.ndarray) -> Outputs:
        """The outputs of one batch, copied out of the buffers."""
        np.copyto(self._host, batch)
        self._input.update_inplace(self._host)
        self._runtime.run_with_iobinding(self._binding)
        return {name: np.array(buffer.numpy()) for name, buffer in self._outputs.items()}


def pin(array: np.ndarray) -> bool:
    """Page-lock an array's memory for CUDA; False where there is no CUDA runtime to do it."""
    for name in ("libcudart.so.13", "libcudart.so.12"):
        with contextlib.suppress(OSError, AttributeError):
            register = ctypes.CDLL(name).cudaHostRegister
            register.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint)
            return bool(register(array.ctypes.data, array.nbytes, 0) == 0)
    return False
