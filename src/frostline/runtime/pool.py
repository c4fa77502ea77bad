"""A model's bytes → engines on one device, or on every GPU, that take batches together; each place is proven."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from frostline.errors import FrostlineError, InputError
from frostline.progress import note
from frostline.runtime import openvino, placement, providers
from frostline.runtime.buffers import Outputs
from frostline.runtime.engine import SILENT, Engine, OnnxEngine, Setup, Tensor
from frostline.runtime.openvino_engine import OpenVinoEngine

_AUTO = ("cuda", "openvino", "cpu")  # the fastest that works
# As CUDA, TensorRT, cuDNN, ONNX Runtime's arena and the system say it.
_NO_MEMORY = ("out of memory", "failed to allocate", "out_of_memory", "bad_alloc", "alloc_failed")


@dataclass
class RuntimePool:
    """A model that is up: one engine per GPU, or one on the CPU, each of which takes `runs_per_engine` at once.

    A batch that is more than the memory of a device holds runs in pieces of one shape, `limit` rows each; so does
    every batch where the model takes one size alone. `names` are the outputs asked for, `asked` is the device asked
    for, and `why` the reason where `auto` chose.
    """

    content: bytes = field(repr=False)
    device: str
    precision: str
    engines: Sequence[Engine] = field(repr=False)
    proof: str = ""
    asked: str = ""
    why: str = ""
    threads: int | None = None
    runs_per_engine: int = 1
    names: tuple[str, ...] = ()
    limit: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._free: queue.Queue[Engine] = queue.Queue()
        for engine in [*self.engines] * self.runs_per_engine:
            self._free.put(engine)
        self.limit = self.engines[0].size

    @property
    def provider(self) -> str:
        """ONNX Runtime's name of where it computes, or OpenVINO."""
        return self.engines[0].provider

    @property
    def where(self) -> str:
        """`cpu`, or the GPUs: `cuda:0`, `cuda:0,1`."""
        if self.device in {"cpu", "openvino"}:
            return "cpu"
        return "cuda:" + ",".join(str(gpu) for gpu in range(len(self.engines)))

    @property
    def streams(self) -> int:
        """How many runs may be under way at once."""
        return len(self.engines) * self.runs_per_engine

    @property
    def inputs(self) -> tuple[Tensor, ...]:
        """What the model takes."""
        return self.engines[0].inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """All outputs that the model has."""
        return self.engines[0].outputs

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the model's file says of itself."""
        return self.engines[0].metadata

    def run(self, batch: np.ndarray) -> Outputs:
        """One batch to the outputs asked for, on the next engine that is free."""
        engine = self._free.get()
        try:
            return self._in_pieces(engine, batch)
        finally:
            self._free.put(engine)

    def bind(self, shape: tuple[int, ...]) -> None:
        """Prepare all engines for batches of one shape; not while runs are under way."""
        for engine in self.engines:
            engine.bind(shape, self.names)
        self.limit = self.engines[0].size

    def stop(self) -> None:
        """End the runs that are under way; the pool is of no use then."""
        for engine in self.engines:
            engine.stop()

    def _in_pieces(self, engine: Engine, batch: np.ndarray) -> Outputs:
        """Out of memory halves the pieces, for good; the engine's own error where a single row is too much."""
        while True:
            limit = self.limit or len(batch)
            try:
                parts = [engine.run(piece, self.names) for piece in _pieces(batch, limit)]
                return _joined(parts, len(batch))
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
    return isinstance(error, MemoryError) or any(phrase in text for phrase in _NO_MEMORY)


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


def load(  # noqa: PLR0913  # a model, and how it is to run
    content: bytes,
    device: str,
    precision: str,
    *,
    threads: int | None = None,
    parallel: bool = False,
    batch: int = 1,
) -> RuntimePool:
    """Bring a model up on `cpu`, `openvino`, `cuda` or `tensorrt`, all GPUs of these; `auto` is the fastest of them.

    With `parallel` OpenVINO divides its threads among runs that are under way at once, `streams` of them; a run alone
    would then be slow. It compiles the model for a `batch` of images; `bind` compiles it anew for another.

    FrostlineError where the device does not come up or nodes would compute elsewhere, InputError where
    the file is no model or the device has no such precision.
    """
    setup = Setup(content, device, precision, threads=threads, batch=batch)
    if device != "auto":
        return _load(setup, parallel=parallel)
    reasons: list[str] = []
    for candidate in _AUTO:
        if precision not in providers.PRECISIONS[candidate]:
            reasons.append(f"{candidate} has no {precision}")
            continue
        try:
            pool = _load(replace(setup, device=candidate), parallel=parallel)
        except InputError:
            raise
        except FrostlineError as error:
            reasons.append(str(error).removesuffix(", or use --device cpu"))
        else:
            pool.asked, pool.why = "auto", "; ".join(reasons) or f"{candidate} came up"
            return pool
    raise FrostlineError(f"no device for --precision {precision} here: " + "; ".join(reasons))


def _load(setup: Setup, *, parallel: bool) -> RuntimePool:
    import onnxruntime  # 0.2 s and 300 MB of libraries

    onnxruntime.set_default_logger_severity(SILENT)
    device, precision, threads = setup.device, setup.precision, setup.threads
    providers.require_precision(device, precision)
    providers.require(device)
    runs = openvino.streams(threads) if parallel and device == "openvino" else 1
    setup = replace(setup, streams=runs)
    engines, proof = _by_openvino(setup) if device == "openvino" else _by_onnxruntime(setup)
    return RuntimePool(
        setup.content, device, precision, engines, proof, asked=device, threads=threads, runs_per_engine=runs
    )


def _by_openvino(setup: Setup) -> tuple[Sequence[Engine], str]:
    engine = OpenVinoEngine(setup)
    return [engine], engine.proof


def _by_onnxruntime(setup: Setup) -> tuple[Sequence[Engine], str]:
    if setup.device == "cpu":
        return [OnnxEngine(setup)], ""
    name, shown = providers.NAMES[setup.device], placement.prove(setup)
    graph = setup.device == "cuda" and shown.whole(name)
    gpus = range(max(1, providers.gpus()))
    return [OnnxEngine(replace(setup, gpu=gpu), graph=graph) for gpu in gpus], shown.summary(name)


def on_cpu(content: bytes) -> Callable[[np.ndarray], Outputs]:
    """A model's bytes as a function from its input to all its outputs, on the CPU in float32."""
    pool = load(content, "cpu", "float32")
    pool.names = pool.outputs
    return pool.run
