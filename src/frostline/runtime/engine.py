"""One model, loaded on one device: what the rest of this package asks of a runtime, and ONNX Runtime doing it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from frostline import system
from frostline.errors import FrostlineError, InputError, first_line
from frostline.runtime import openvino, providers
from frostline.runtime.buffers import Buffers, Outputs
from frostline.runtime.contract import INPUT

SILENT = 4  # ONNX Runtime's severity "fatal": its own lines on stderr are not for users

# Faults of the file, whatever the device.
_MODEL_FAULTS = {"InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NotImplemented"}
_DTYPES = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}  # others keep ONNX Runtime's name


@dataclass(frozen=True)
class Tensor:
    """An input of a model: its name, NumPy's name of its type, its sizes (an axis' name where that is left open)."""

    name: str
    dtype: str
    shape: tuple[int | str | None, ...]


def batch_axis(inputs: Sequence[Tensor]) -> int | str | None:
    """The first axis of a model's first input: its size, or its name where that is left open; None without any."""
    return next(iter(inputs[0].shape), None) if inputs else None


class Engine(Protocol):
    """A model on one device. Several threads may call `run` at once where the engine was made for so many streams."""

    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]
    provider: str

    def run(self, batch: np.ndarray, names: Sequence[str]) -> Outputs:
        """The named outputs of one batch."""

    def bind(self, shape: tuple[int, ...], names: Sequence[str]) -> None:
        """Prepare for batches of one shape and these outputs; batches of other shapes still run, if slower."""

    def stop(self) -> None:
        """End a run that is under way, as soon as the runtime can; the engine is of no use then."""


@dataclass(frozen=True)
class Setup:
    """What an engine is made of: a model's bytes, where and in what they are computed, and by how many threads.

    `streams` runs may be under way at once. `gpu` counts those that the driver shows.
    """

    content: bytes = field(repr=False)
    device: str
    precision: str
    gpu: int = 0
    threads: int | None = None
    streams: int = 1


class OnnxEngine:
    """An engine by ONNX Runtime. `graph`: every node runs on the GPU, so that `bind` may make a CUDA graph."""

    def __init__(self, setup: Setup, *, graph: bool = False) -> None:
        """FrostlineError where the device does not come up, InputError where the bytes are no model."""
        self._setup, self._graph = setup, graph
        self._use(session(setup))
        axis = batch_axis(self.inputs)
        self._batch_axis = axis if isinstance(axis, str) else None

    def _use(self, runtime: Any, *, graph: bool = False) -> None:
        """Run on a session from now on; beside its CUDA `graph`, which has one shape, not through it."""
        import onnxruntime

        self._runtime = runtime
        self._buffers: Buffers | None = None
        self._beside = onnxruntime.RunOptions()
        if graph:
            self._beside.add_run_config_entry("gpu_graph_id", "-1")
        self.inputs = tuple(
            Tensor(one.name, _DTYPES.get(one.type, one.type), tuple(one.shape))
            for one in runtime.get_inputs()
        )
        self.outputs = tuple(one.name for one in runtime.get_outputs())
        self.metadata: Mapping[str, str] = dict(runtime.get_modelmeta().custom_metadata_map)
        self.provider = str(runtime.get_providers()[0])

    def run(self, batch: np.ndarray, names: Sequence[str]) -> Outputs:
        """The named outputs of one batch."""
        if self._buffers and self._buffers.fit(batch, names):
            return self._buffers.run(batch)
        given = self._runtime.run(list(names), {self.inputs[0].name: batch}, self._beside)
        return dict(zip(names, given, strict=True))

    def bind(self, shape: tuple[int, ...], names: Sequence[str]) -> None:
        """Prepare for batches of one shape: fixed buffers on a GPU, and a CUDA graph where all nodes are there.

        OpenVINO reads the network anew for that many images: where it knows sizes it is faster, up to twice in int8.
        """
        if self._setup.device == "openvino":
            self._fix_batch(shape[0])
        elif self._setup.device != "cpu" and self.inputs[0].name == INPUT:
            like = self.run(np.zeros((1, *shape[1:]), np.uint8), names)
            graph = self._with_graph() if self._graph else None
            self._use(graph or self._runtime, graph=graph is not None)
            self._buffers = Buffers(self._runtime, like, shape=shape, device="cuda", gpu=self._setup.gpu)

    def stop(self) -> None:
        """End a run that is under way, before its next node."""
        self._beside.terminate = True

    def _fix_batch(self, count: int) -> None:
        if self._batch_axis and batch_axis(self.inputs) != count:
            self._use(session(self._setup, axes={self._batch_axis: count}))

    def _with_graph(self) -> Any | None:
        """The model once more, with a CUDA graph; None where that does not come up."""
        with contextlib.suppress(FrostlineError):
            return session(self._setup, graph=True)
        return None


def session(
    setup: Setup, *, graph: bool = False, profile: Path | None = None, axes: dict[str, int] | None = None
) -> Any:
    """An onnxruntime.InferenceSession whose first provider is the device's, or an error.

    `graph` asks for a CUDA graph, `profile` is the prefix of a profile's path, `axes` are sizes of axes, by name,
    that the model leaves open.
    """
    import onnxruntime

    options = _options(setup.threads, profile)
    for axis, size in (axes or {}).items():
        options.add_free_dimension_override_by_name(axis, size)
    try:
        runtime = onnxruntime.InferenceSession(setup.content, options, **_placed(setup, options, graph=graph))
    except Exception as error:  # its exceptions share no base
        if setup.device == "cpu" or type(error).__name__ in _MODEL_FAULTS:
            raise InputError(f"ONNX Runtime cannot load it as a model: {reason(error)}") from error
        raise FrostlineError(f"{setup.device} did not come up: {reason(error)}") from error
    if runtime.get_providers()[0] != providers.NAMES[setup.device]:
        raise FrostlineError(
            f"{setup.device} did not come up, though its libraries load: is there an NVIDIA GPU with a recent "
            "driver (nvidia-smi)? Else use --device cpu"
        )
    return runtime


def _placed(setup: Setup, options: Any, *, graph: bool) -> dict[str, Any]:
    """The arguments that say where to compute; OpenVINO, a plugin, is named in the options instead."""
    if setup.device != "openvino":
        chain = providers.chain(
            setup.device, precision=setup.precision, gpu=setup.gpu, graph=graph, cache=engines()
        )
        return {"providers": chain}
    settings = providers.openvino_options(
        precision=setup.precision, threads=setup.threads, streams=setup.streams, cache=engines()
    )
    options.add_provider_for_devices(list(openvino.devices()), settings)
    return {}


def _options(threads: int | None, profile: Path | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    if threads:
        options.intra_op_num_threads = threads
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    # Its idle threads would spin on the processors that the decoders need: 1.08 instead of 0.80 ms of
    # processor time per image with a tiny network on 2 cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def engines() -> Path:
    """Where compiled engines and timings of this user's machines are kept; safe to delete."""
    return system.user_cache() / "engines"


def reason(error: BaseException) -> str:
    """An ONNX Runtime message as one line, without its numbered prefix."""
    return first_line(error).split(" : ")[-1].strip()
