"""Open a model on a device in a precision, and say truthfully what runs where.

ONNX Runtime comes up on the CPU without a word when a GPU's libraries are missing. Here every device
but ONNX Runtime's CPU is proven, by a profile of a trial batch or by the network that OpenVINO compiled: it runs
there, in the precision asked for, or fails in one line.
`auto` may fall back, and says why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from frostline.errors import FrostlineError, InputError
from frostline.files import printable, sha256
from frostline.runtime import contract as contracts
from frostline.runtime import pool, providers, trial
from frostline.runtime.buffers import Outputs
from frostline.runtime.contract import FEATURES, INPUT, PROBS, UNKNOWN, Contract
from frostline.runtime.engine import reason
from frostline.runtime.foreign_models import ForeignModel
from frostline.runtime.pool import RuntimePool, out_of_memory

DEVICES = ("auto", "cpu", "openvino", "cuda", "tensorrt")
PRECISIONS = ("auto", "float32", "float16", "bfloat16", "int8")


@dataclass(frozen=True)
class Session:
    """A loaded model whose contract is met here.

    `sha256` is the hash of the bytes that run, `precision` what the network computes in, `asked` the device asked
    for, and `why` the reason when `auto` chose.
    """

    contract: Contract
    sha256: str
    precision: str
    asked: str
    why: str
    _pool: RuntimePool = field(repr=False)
    _foreign: ForeignModel | None = field(default=None, repr=False)

    @property
    def provider(self) -> str:
        """ONNX Runtime's provider that really came up, such as "CUDAExecutionProvider", or "OpenVINO"."""
        return self._pool.provider

    @property
    def engine(self) -> str:
        """The runtime that computes, by name and version."""
        return providers.runtime(self._pool.device)

    @property
    def device(self) -> str:
        """Where that is: "cpu", "cuda:0"."""
        return self._pool.where

    @property
    def proof(self) -> str:
        """What was shown of where, or in which precision, nodes run; "" on ONNX Runtime's CPU provider."""
        return self._pool.proof

    @property
    def streams(self) -> int:
        """How many calls of `run` may be under way at once."""
        return self._pool.streams

    @property
    def threads(self) -> int | None:
        """The threads asked for; None without a limit."""
        return self._pool.threads

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of what `run` gives: `probs`, `unknown` where the model tells it, `features` where asked for."""
        return self._pool.names

    @property
    def content(self) -> bytes:
        """The bytes of the model that runs."""
        return self._pool.content

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the model's file says of itself, the contract among it."""
        return self._pool.metadata

    def give_features(self) -> None:
        """Give `features` too, if the model has them; before `bind`."""
        if FEATURES in self._pool.outputs and FEATURES not in self._pool.names:
            self._pool.names = (*self._pool.names, FEATURES)

    def run(self, batch: np.ndarray) -> Outputs:
        """(N, H, W, 3) uint8 RGB to the outputs by name; `probs` is (N, C) float32.

        Raises FrostlineError when the device fails; memory that runs out is met with smaller pieces.
        """
        try:
            given = self._pool.run(self._foreign.prepare(batch) if self._foreign else batch)
        except Exception as error:
            advice = "smaller images" if out_of_memory(error) else "another device"
            raise FrostlineError(
                f"the model failed on {self.device} with {len(batch)} images at once: {reason(error)}; "
                f"try {advice}"
            ) from error
        return self._foreign.finish(given) if self._foreign else given

    def patience(self, batch_size: int) -> trial.Patience:
        """How long a batch may take: what a trial image may, for each of the images that are at work at once."""
        return trial.Patience(trial.SECONDS * batch_size * self.streams, self._pool.stop)

    def bind(self, batch_size: int) -> None:
        """Settle on one batch size: a GPU gets fixed buffers, and a CUDA graph where nodes allow."""
        self._pool.bind((batch_size, self.contract.height, self.contract.width, 3))


def open_session(  # noqa: PLR0913  # what the options of the command say
    source: Path | bytes,
    *,
    device: str,
    precision: str = "auto",
    threads: int | None = None,
    features: bool = False,
    parallel: bool = False,
    foreign: ForeignModel | None = None,
) -> Session:
    """Load a model file, or its bytes, on `device`; a trial image proves that it runs, and where.

    `precision` other than float32 takes the variant that export wrote beside the file; `auto` is float32:
    accuracy is never given up unasked. `parallel` is for callers that keep `streams` runs under way. `foreign`
    describes a model that frostline did not export.
    InputError for a file that is no such model, or whose contract is not met here; FrostlineError where
    the device asked for does not come up.
    """
    for option, value, known in (("device", device, DEVICES), ("precision", precision, PRECISIONS)):
        if value not in known:
            raise InputError(f"unknown {option} {value!r}; use one of {', '.join(known)}")
    exact = "float32" if precision == "auto" else precision
    name, content = _content(source, exact)
    try:
        model = pool.load(content, device, exact, threads=threads, parallel=parallel)
        contract = foreign.contract if foreign else _contract(model)
        contracts.require_met(contract)
        if foreign:
            foreign.check(model)
            wanted = foreign.outputs(features=features)
        else:
            _check_input(model, contract)
            tells = [UNKNOWN] if UNKNOWN in model.outputs else []
            wanted = (PROBS, *tells, FEATURES) if features else (PROBS, *tells)
        digest = foreign.digest(content) if foreign else sha256(content)
        session = make_session(model, contract, sha256=digest, foreign=foreign)
        _check_outputs(session, wanted)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return session


def make_session(
    model: RuntimePool, contract: Contract, *, sha256: str, foreign: ForeignModel | None = None
) -> Session:
    """A model that is up as a session that keeps a contract."""
    return Session(contract, sha256, model.precision, model.asked, model.why, model, foreign)


def _content(source: Path | bytes, precision: str) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return "model", source
    path = variant(source, precision)
    try:
        return printable(path), path.read_bytes()
    except FileNotFoundError:
        if path != source and source.exists():
            raise InputError(
                f"--precision {precision}: there is no {printable(path)}; name it in the classifier's "
                f"`variants` in params.yaml and export again, or use --precision float32"
            ) from None
        raise InputError(f"{printable(path)}: cannot be read: No such file; name a model.onnx file") from None
    except OSError as error:
        raise InputError(
            f"{printable(path)}: cannot be read: {error.strerror}; name a model.onnx file"
        ) from None


def variant(model: Path, precision: str) -> Path:
    """The file of a model in a precision: `model.int8.onnx` beside `model.onnx`; bfloat16 needs none."""
    return model.with_suffix(f".{precision}.onnx") if precision in providers.VARIANTS else model


def _contract(model: RuntimePool) -> Contract:
    text = model.metadata.get(contracts.KEY)
    if text is None:
        raise InputError(
            "it is not a model exported by frostline (no contract in it); export one, or describe it with "
            "--contract FILE"
        )
    return contracts.from_json(text)


def _check_input(model: RuntimePool, contract: Contract) -> None:
    wanted = [contract.height, contract.width, 3]
    if [(tensor.name, tensor.dtype) for tensor in model.inputs] != [(INPUT, "uint8")]:
        has = ", ".join(f"{tensor.name} of {tensor.dtype}" for tensor in model.inputs)
        raise InputError(f"its only input must be `image` of uint8; is {has}; export it again")
    shape = list(model.inputs[0].shape)
    if shape[1:] != wanted:
        raise InputError(f"its input must have the shape {['N', *wanted]}; has {shape}; export it again")


def _check_outputs(session: Session, wanted: tuple[str, ...]) -> None:
    """Run one grey image: (1, C) float32 probabilities that sum to 1 must come back, and in time."""
    contract, model = session.contract, session._pool
    if FEATURES in wanted and FEATURES not in model.outputs:
        raise InputError("it has no output `features`; export it again, or leave out --features")
    model.names = tuple(name for name in wanted if name in model.outputs)
    image = np.full((1, contract.height, contract.width, 3), 127, np.uint8)
    outputs = (
        trial.run(lambda: session.run(image), device=model.device, stop=model.stop) if model.names else {}
    )
    probs = outputs.get(PROBS)
    shape = (1, len(contract.classes))
    if probs is None or probs.shape != shape or probs.dtype != np.float32:
        has = "nothing of that name" if probs is None else f"{probs.shape} {probs.dtype}"
        raise InputError(f"its output `probs` must be {shape} float32; is {has}; export it again")
    if not abs(float(probs.sum()) - 1) < 1e-3:
        raise InputError(f"its probabilities sum to {probs.sum():g}, not 1; export it again")
