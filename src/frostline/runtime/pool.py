"""A model's bytes → a running session on one device, or on every GPU, proven node by node."""

import contextlib
import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from frostline.errors import FrostlineError
from frostline.runtime import loading, openvino, placement, providers
from frostline.runtime.contract import INPUT
from frostline.runtime.placement import Proof
from frostline.runtime.running import Bound, Halving, Outputs, Replicas, Run, plain


@dataclass
class Opened:
    """A model that is up: one runtime for each GPU, one elsewhere. `names` are the outputs asked for.

    Each runtime takes `each` runs at once.
    """

    content: bytes = field(repr=False)
    device: str
    precision: str
    runtimes: list[Any] = field(repr=False)
    proof: str
    graph: bool
    threads: int | None = None
    each: int = 1
    names: tuple[str, ...] = ()
    _run: Run | None = field(default=None, repr=False)

    @property
    def runtime(self) -> Any:
        """The first onnxruntime.InferenceSession."""
        return self.runtimes[0]

    @property
    def provider(self) -> str:
        """ONNX Runtime's name of where it computes."""
        return str(self.runtime.get_providers()[0])

    @property
    def where(self) -> str:
        """`cpu`, or the GPUs: `cuda:0`, `cuda:0,1`."""
        if self.device in {"cpu", "openvino"}:
            return "cpu"
        return "cuda:" + ",".join(str(each) for each in range(len(self.runtimes)))

    @property
    def streams(self) -> int:
        """How many runs may be under way at once."""
        return len(self.runtimes) * self.each

    @property
    def every(self) -> tuple[str, ...]:
        """All outputs that the model has."""
        return tuple(each.name for each in self.runtime.get_outputs())

    @property
    def taken(self) -> str:
        """The name of the model's input."""
        return str(self.runtime.get_inputs()[0].name)

    def rename(self, names: tuple[str, ...]) -> None:
        """Give these outputs from now on; before `bind`."""
        self.names, self._run = names, None

    def run(self, batch: np.ndarray) -> Outputs:
        """One batch to the outputs asked for."""
        if self._run is None:
            fixed = self.runtime.get_inputs()[0].shape[0]  # of a foreign model, for example
            limit = fixed if isinstance(fixed, int) else None
            runs = [plain(one, self.names, taken=self.taken) for one in self.runtimes * self.each]
            self._run = Replicas([Halving(run, limit=limit) for run in runs])
        return self._run(batch)

    def bind(self, shape: tuple[int, ...]) -> None:
        """Give each GPU fixed buffers for batches of one shape, and a CUDA graph where all nodes are there.

        OpenVINO reads the network anew for that many images: where it knows sizes it is faster, up to twice in int8.
        """
        if self.device == "openvino":
            self._fix(shape[0])
        if self.where == "cpu" or self.taken != INPUT:
            return
        like = self.run(np.zeros(shape, np.uint8))
        runs: list[Run] = []
        for gpu, runtime in enumerate(self.runtimes):
            graph = self._graph(gpu) if self.graph else None
            kept = graph or runtime
            self.runtimes[gpu] = kept
            bound = Bound(kept, like, shape=shape, device="cuda", gpu=gpu, graph=graph is not None)
            runs.append(Halving(bound))
        self._run = Replicas(runs)

    @functools.cached_property
    def _axis(self) -> str | None:
        """The name of the first axis as the file has it; None where its size is given."""
        axis = self.runtime.get_inputs()[0].shape[0]
        return axis if isinstance(axis, str) else None

    def _fix(self, count: int) -> None:
        if self._axis and self.runtime.get_inputs()[0].shape[0] != count:
            runtime = loading.load(
                self.content,
                self.device,
                self.precision,
                threads=self.threads,
                streams=self.each,
                axes={self._axis: count},
            )
            self.runtimes, self._run = [runtime], None

    def _graph(self, gpu: int) -> Any | None:
        """The model once more, with a CUDA graph; None where that does not come up."""
        with contextlib.suppress(FrostlineError):
            return loading.load(self.content, self.device, self.precision, gpu=gpu, graph=True)
        return None


def start(
    content: bytes, device: str, precision: str, *, threads: int | None, parallel: bool = False
) -> Opened:
    """Bring a model up on `cpu`, `openvino`, `cuda` or `tensorrt`, all GPUs of these.

    With `parallel` OpenVINO divides its threads among runs that are under way at once, `streams` of them; a run alone
    would then be slow.

    FrostlineError where the device does not come up or nodes would compute elsewhere, InputError where
    the file is no model or the device has no such precision.
    """
    import onnxruntime  # 0.2 s and 300 MB of libraries

    onnxruntime.set_default_logger_severity(loading.SILENT)
    providers.require_precision(device, precision)
    providers.require(device)
    proven, graph = "", False
    if device != "cpu":
        name, shown = providers.NAMES[device], _prove(content, device, precision, threads=threads)
        proven, graph = shown.told(name), device == "cuda" and shown.whole(name)
    count = max(1, providers.gpus()) if device in {"cuda", "tensorrt"} else 1
    each = openvino.streams(threads) if parallel and device == "openvino" else 1
    runtimes = [
        loading.load(content, device, precision, gpu=gpu, threads=threads, streams=each)
        for gpu in range(count)
    ]
    return Opened(content, device, precision, runtimes, proven, graph, threads, each)


def _prove(content: bytes, device: str, precision: str, *, threads: int | None) -> Proof:
    """The profile of a trial image; FrostlineError where a node computes elsewhere than on the device."""
    allowed = {providers.NAMES[device]} | ({providers.CUDA} if device == "tensorrt" else set())

    def opened(profile: Path) -> Any:
        return loading.load(content, device, precision, threads=threads, profile=profile)

    shown = placement.profiled(opened, _try, allowed=allowed)
    name = providers.NAMES[device]
    if not shown.nodes.get(name):
        raise FrostlineError(
            f"{device} did not come up, though its libraries load: not one node ran there; is there an NVIDIA "
            "GPU with a recent driver (nvidia-smi)? Else use --device cpu"
        )
    if shown.strays:
        raise FrostlineError(
            f"{device} would leave {', '.join(shown.strays)} to another provider ({shown.told(name)}); "
            "use --device cpu"
        )
    return shown


def _try(runtime: Any) -> None:
    """One image of zeros."""
    taken = runtime.get_inputs()[0]
    shape = [side if isinstance(side, int) else 1 for side in taken.shape]
    runtime.run(None, {taken.name: np.zeros(shape, np.float32 if "float" in taken.type else np.uint8)})
