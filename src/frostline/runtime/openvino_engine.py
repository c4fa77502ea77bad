"""An engine by OpenVINO: a model compiled for the CPU, proven to compute in the precision that was asked for."""

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from frostline.errors import FrostlineError
from frostline.runtime import openvino, trial
from frostline.runtime.buffers import Outputs
from frostline.runtime.engine import Setup, described, fixed_batch, reason

# Convolutions and matrix products, nearly all of the arithmetic, as the compiled network names its layers.
_PRODUCTS = {
    "Convolution", "Deconvolution", "FullyConnected", "GatherMatmul", "LSTMCell", "LSTMSequence", "MatMul",
    "RNNCell", "RNNSeq", "ScaledDotProductAttention", "ScaledDotProductAttentionWithKVCache",
}  # fmt: skip
_PRECISIONS = {"f32": "float32", "bf16": "bfloat16", "f16": "float16", "i8": "int8", "u8": "int8"}
# What computes in each precision; an int8 network keeps some layers in floats.
_ALLOWED = {
    "float32": {"float32"},
    "bfloat16": {"bfloat16"},
    "int8": {"int8", "bfloat16", "float32"},
}
Shape = tuple[int, ...]


class OpenVinoEngine:
    """An engine by OpenVINO. `proof` says how many convolutions and matrix products are in which precision.

    The network is compiled for one shape of its input: where sizes are known it is faster, up to twice in int8.
    """

    provider = openvino.NAME

    def __init__(self, setup: Setup) -> None:
        """InputError where the bytes are no model, FrostlineError where OpenVINO cannot run it in the precision."""
        self._setup, self._lock = setup, threading.Lock()
        self._network: _Network | None = None
        # ONNX Runtime reads it too: the same files are models on every device, and OpenVINO drops their metadata.
        self.inputs, self.outputs, self.metadata = described(setup.content)
        self._fixed = fixed_batch(self.inputs)
        self.size: int | None = self._fixed or setup.batch
        sides = self.inputs[0].shape[1:]
        known = [side for side in sides if isinstance(side, int)]
        if len(known) == len(sides):
            self.proof = self._for((self.size, *known)).proof
        else:  # the first image brings its sizes
            _, self.proof = compile_proven(setup, None)

    def _for(self, shape: Shape) -> "_Network":
        with self._lock:
            if self._network is None or self._network.shape != shape:
                self._network = _Network(self._setup, shape)
            return self._network

    def run(self, batch: np.ndarray, names: Sequence[str]) -> Outputs:
        """The named outputs of one batch."""
        found = self._for(batch.shape).run(batch, [self.outputs.index(name) for name in names])
        return dict(zip(names, found, strict=True))

    def bind(self, shape: Shape, names: Sequence[str]) -> None:  # noqa: ARG002  # one network for all outputs
        """Compile the network anew for that many images at once; one that is for fewer inside keeps its size."""
        if self._fixed is not None:
            return
        with contextlib.suppress(FrostlineError):
            if self._network:
                self._for((shape[0], *self._network.shape[1:]))
            self.size = shape[0]

    def stop(self) -> None:
        """End the runs that are under way, before their next layer."""
        if self._network:
            self._network.stop()


class _Network:
    """A network compiled for inputs of one shape, with as many requests as may be under way at once."""

    def __init__(self, setup: Setup, shape: Shape) -> None:
        compiled, self.proof = compile_proven(setup, shape)
        self.shape = shape
        self._requests = [_Request(compiled) for _ in range(setup.streams)]
        self._free: queue.SimpleQueue[_Request] = queue.SimpleQueue()
        for request in self._requests:
            self._free.put(request)

    def run(self, batch: np.ndarray, outputs: Sequence[int]) -> list[np.ndarray]:
        """Some outputs of a batch, by their numbers."""
        request = self._free.get()
        try:
            return request.run(batch, outputs)
        finally:
            self._free.put(request)

    def stop(self) -> None:
        """As the engine's."""
        for request in self._requests:
            request.stop()


class _Request:
    """One run at a time, in memory of its own that it asks OpenVINO for once.

    With an array of NumPy's as input two threads end in a deadlock: one waits, in Python, for the tensors of its
    request, which another's run has locked that lets go of its array, for which it waits for Python.
    """

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        [port, *_] = compiled.inputs
        tensor = openvino.library().Tensor(port.get_element_type(), port.get_shape())
        self._request.set_input_tensor(0, tensor)
        self._input = tensor.data
        self._outputs = [self._own(number, port) for number, port in enumerate(compiled.outputs)]

    def _own(self, number: int, port: Any) -> np.ndarray | None:
        """The memory of an output; None where its shape is known only after a run."""
        if port.get_partial_shape().is_dynamic:
            return None
        tensor = openvino.library().Tensor(port.get_element_type(), port.get_shape())
        self._request.set_output_tensor(number, tensor)
        return np.asarray(tensor.data)

    def run(self, batch: np.ndarray, outputs: Sequence[int]) -> list[np.ndarray]:
        """Copies of some outputs."""
        np.copyto(self._input, batch, casting="no")
        self._request.start_async()
        self._request.wait()
        return [np.array(self._output(number)) for number in outputs]

    def _output(self, number: int) -> np.ndarray:
        own = self._outputs[number]
        return np.asarray(self._request.get_output_tensor(number).data) if own is None else own

    def stop(self) -> None:
        """Heeded between two layers."""
        self._request.cancel()


def compile_proven(setup: Setup, shape: Shape | None) -> tuple[Any, str]:
    """An openvino.CompiledModel for inputs of one shape, None: of any, and its arithmetic in words."""
    compiled = trial.run(
        lambda: _compiled(setup, shape),
        device="openvino",
        stop=lambda: None,  # nothing stops it
        compiles=True,
    )
    return compiled, prove(setup.precision, products(compiled))


def _compiled(setup: Setup, shape: Shape | None) -> Any:
    settings = openvino.settings(precision=setup.precision, threads=setup.threads, streams=setup.streams)
    try:
        core = openvino.library().Core()
        network = core.read_model(setup.content)
        if shape is not None:
            network.reshape({0: list(shape)})
        return core.compile_model(network, "CPU", settings)
    except RuntimeError as error:
        raise FrostlineError(f"openvino cannot run this model: {reason(error)}; use --device cpu") from error


def products(compiled: Any) -> Mapping[str, int]:
    """How many convolutions and matrix products of a compiled network are in which precision."""
    about = [node.rt_info for node in compiled.get_runtime_model().get_ops()]
    found = [one["runtimePrecision"].value for one in about if one["layerType"].value in _PRODUCTS]
    return Counter(_PRECISIONS.get(name, name) for name in found)


def prove(precision: str, found: Mapping[str, int]) -> str:
    """They in words, such as "53 of 54 convolutions and matrix products in int8, 1 in bfloat16".

    FrostlineError where they compute in another precision than was asked for.
    """
    total, asked = sum(found.values()), found.get(precision, 0)
    others = [f"{count} in {name}" for name, count in sorted(found.items()) if name != precision]
    shown = ", ".join([f"{asked} of {total} convolutions and matrix products in {precision}", *others])
    if (total or precision != "float32") and (not asked or not found.keys() <= _ALLOWED[precision]):
        raise FrostlineError(
            f"openvino does not compute this model in {precision} ({shown}); use --precision float32, or --device cpu"
        )
    return shown
