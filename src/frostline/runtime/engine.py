"""One model, loaded on one device: what the rest of this package asks of a runtime, and ONNX Runtime doing it."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from frostline import system
from frostline.errors import FrostlineError, InputError, first_line
from frostline.runtime import providers
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


Description = tuple[tuple[Tensor, ...], tuple[str, ...], Mapping[str, str]]  # inputs, outputs, metadata


def fixed_batch(inputs: Sequence[Tensor]) -> int | None:
    """The size of the first axis of a model's first input; None where that is left open, and without any."""
    size = next(iter(inputs[0].shape), None) if inputs else None
    return size if isinstance(size, int) else None


class Engine(Protocol):
    """A model on one device. Several threads may call `run` at once where the engine was made for so many streams.

    `size` is that of the only batches it is given, None: of any size.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]
    provider: str
    size: int | None

    def run(self, batch: np.ndarray, names: Sequence[str]) -> Outputs:
        """The named outputs of one batch."""

    def bind(self, shape: tuple[int, ...], names: Sequence[str]) -> None:
        """Prepare for batches of one shape and these outputs; batches of other shapes still run, if slower."""

    def stop(self) -> None:
        """End a run that is under way, as soon as the runtime can; the engine is of no use then."""


@dataclass(frozen=True)
class Setup:
    """What an engine is made of: a model's bytes, where and in what they are computed, and by how many threads.

    `streams` runs may be under way at once, of so many images in a `batch` first. `gpu` counts those that the driver
    shows.
    """

    content: bytes = field(repr=False)
    device: str
    precision: str
    gpu: int = 0
    threads: int | None = None
    streams: int = 1
    batch: int = 1


class OnnxEngine:
    """An engine by ONNX Runtime. `graph`: every node runs on the GPU, so that `bind` may make a CUDA graph."""

    def __init__(self, setup: Setup, *, graph: bool = False) -> None:
        """FrostlineError where the device does not come up, InputError where the bytes are no model."""
        self._setup, self._graph = setup, graph
        self._use(session(setup))

    def _use(self, runtime: Any, *, graph: bool = False) -> None:
        """Run on a session from now on; beside its CUDA `graph`, which has one shape, not through it."""
        import onnxruntime

        self._runtime = runtime
        self._buffers: Buffers | None = None
        self._beside = onnxruntime.RunOptions()
        if graph:
            self._beside.add_run_config_entry("gpu_graph_id", "-1")
        self.inputs, self.outputs, self.metadata = _description(runtime)
        self.size = fixed_batch(self.inputs)
        self.provider = str(runtime.get_providers()[0])

    def run(self, batch: np.ndarray, names: Sequence[str]) -> Outputs:
        """The named outputs of one batch."""
        if self._buffers and self._buffers.fit(batch, names):
            return self._buffers.run(batch)
        given = self._runtime.run(list(names), {self.inputs[0].name: batch}, self._beside)
        return dict(zip(names, given, strict=True))

    def bind(self, shape: tuple[int, ...], names: Sequence[str]) -> None:
        """Prepare for batches of one shape: fixed buffers on a GPU, and a CUDA graph where all nodes are there."""
        if self._setup.device != "cpu" and self.inputs[0].name == INPUT:
            like = self.run(np.zeros((1, *shape[1:]), np.uint8), names)
            graph = self._with_graph() if self._graph else None
            self._use(graph or self._runtime, graph=graph is not None)
            self._buffers = Buffers(self._runtime, like, shape=shape, device="cuda", gpu=self._setup.gpu)

    def stop(self) -> None:
        """End a run that is under way, before its next node."""
        self._beside.terminate = True

    def _with_graph(self) -> Any | None:
        """The model once more, with a CUDA graph; None where that does not come up."""
        with contextlib.suppress(FrostlineError):
            return session(self._setup, graph=True)
        return None


def described(content: bytes) -> Description:
    """Inputs, outputs and metadata of a model's bytes, which are only read; InputError where they are no model."""
    return _description(session(Setup(content, "cpu", "float32"), optimized=False))


def _description(runtime: Any) -> Description:
    inputs = tuple(
        Tensor(one.name, _DTYPES.get(one.type, one.type), tuple(one.shape)) for one in runtime.get_inputs()
    )
    outputs = tuple(one.name for one in runtime.get_outputs())
    return inputs, outputs, dict(runtime.get_modelmeta().custom_metadata_map)


def session(setup: Setup, *, graph: bool = False, profile: Path | None = None, optimized: bool = True) -> Any:
    """An onnxruntime.InferenceSession whose first provider is the device's, or an error.

    `graph` asks for a CUDA graph, `profile` is the prefix of a profile's path; one that is not `optimized` is there
    sooner.
    """
    import onnxruntime

    options = _options(setup.threads, profile, optimized=optimized)
    chain = providers.chain(
        setup.device, precision=setup.precision, gpu=setup.gpu, graph=graph, cache=engines()
    )
    try:
        runtime = onnxruntime.InferenceSession(setup.content, options, providers=chain)
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


def _options(threads: int | None, profile: Path | None, *, optimized: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    if threads:
        options.intra_op_num_threads = threads
    if profile:
        options.enable_profiling = True
        options.profile_file_prefix = str(profile)
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
    # Its idle threads would spin on the processors that the decoders need: 1.08 instead of 0.80 ms of
    # processor time per image with a tiny network on 2 cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def engines() -> Path:
    """Where compiled engines and timings of this user's machines are kept; safe to delete."""
    return system.user_cache() / "engines"


def reason(error: BaseException) -> str:
    """A runtime's message as one line: without ONNX Runtime's numbered prefix and OpenVINO's places in its source."""
    lines = [line for line in str(error).splitlines() if not line.rstrip().endswith(":")]
    shown = first_line(FrostlineError("\n".join(lines)) if any(lines) else error)
    return shown.split(" : ")[-1].strip()
