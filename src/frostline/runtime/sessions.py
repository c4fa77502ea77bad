"""Open a model on a device in a precision, and say truthfully what runs where.

ONNX Runtime comes up on the CPU without a word when a GPU's libraries are missing. Here every device
but the CPU is proven by a profile of a trial batch, node by node: it runs there or fails in one line.
`auto` may fall back, and says why.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from frostline.errors import FrostlineError, InputError
from frostline.files import printable, sha256
from frostline.runtime import contract as contracts
from frostline.runtime import loading, pool, providers
from frostline.runtime.contract import FEATURES, INPUT, PROBS, Contract
from frostline.runtime.foreign_models import Foreign
from frostline.runtime.pool import Opened
from frostline.runtime.running import out_of_memory

DEVICES = ("auto", "cpu", "openvino", "cuda", "tensorrt")
PRECISIONS = ("auto", "float32", "float16", "bfloat16", "int8")
SILENT = loading.SILENT
_AUTO = ("cuda", "openvino", "cpu")  # the fastest that comes up


@dataclass(frozen=True)
class Session:
    """A loaded model whose contract is met here.

    `asked` is the device asked for, `provider` ONNX Runtime's provider that really came up (such as
    "CUDAExecutionProvider"), `device` where that is ("cpu", "cuda:0"), `why` the reason when `auto`
    chose, `proof` what the profile showed. `precision` is what the network computes in, `sha256` the hash
    of the bytes that run. `streams` calls of `run` may be under way at once.
    """

    contract: Contract
    sha256: str
    asked: str
    provider: str
    device: str
    why: str
    precision: str
    proof: str
    streams: int
    threads: int | None
    _opened: Opened = field(repr=False)
    _prepare: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)
    _finish: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] | None = field(default=None, repr=False)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that `run` gives: `probs`, and `features` where asked for."""
        return self._opened.names

    @property
    def content(self) -> bytes:
        """The bytes of the model that runs."""
        return self._opened.content

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the model's file says of itself, the contract among it."""
        return dict(self._opened.runtime.get_modelmeta().custom_metadata_map)

    def give_features(self) -> None:
        """Give `features` too, if the model has them; before `bind`."""
        names = self._opened.names
        if FEATURES in self._opened.every and FEATURES not in names:
            self._opened.rename((*names, FEATURES))

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """(N, H, W, 3) uint8 RGB to the outputs by name; `probs` is (N, C) float32.

        Raises FrostlineError when the device fails; memory that runs out is met with smaller pieces.
        """
        try:
            given = self._opened.run(self._prepare(batch) if self._prepare else batch)
        except Exception as error:
            advice = "smaller images" if out_of_memory(error) else "another device"
            raise FrostlineError(
                f"the model failed on {self.device} with {len(batch)} images at once: {loading.line(error)}; "
                f"try {advice}"
            ) from error
        return self._finish(given) if self._finish else given

    def bind(self, batch_size: int) -> None:
        """Settle on one batch size: a GPU gets fixed buffers, and a CUDA graph where nodes allow."""
        self._opened.bind((batch_size, self.contract.height, self.contract.width, 3))


def open_session(  # noqa: PLR0913  # what the options of the command say
    source: Path | bytes,
    *,
    device: str,
    precision: str = "auto",
    threads: int | None = None,
    features: bool = False,
    parallel: bool = False,
    foreign: Foreign | None = None,
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
        opened, why = choose(content, device, exact, threads=threads, parallel=parallel)
        contract = foreign.contract if foreign else _contract(opened.runtime)
        contracts.require_met(contract)
        wanted: tuple[str, ...] = (PROBS, FEATURES) if features else (PROBS,)
        if foreign:
            foreign.check(opened.runtime)
            wanted = foreign.outputs(features=features)
        else:
            _check_input(opened.runtime, contract)
        digest = foreign.digest(content) if foreign else sha256(content)
        session = told(opened, contract, sha256=digest, asked=device, why=why, foreign=foreign)
        _check_outputs(session, wanted)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    return session


def told(  # noqa: PLR0913  # gathers
    opened: Opened,
    promised: Contract,
    *,
    sha256: str,
    asked: str,
    why: str,
    foreign: Foreign | None = None,
) -> Session:
    """An opened model as a session; `why` is the reason where `auto` chose."""
    return Session(
        contract=promised,
        sha256=sha256,
        asked=asked,
        provider=opened.provider,
        device=opened.where,
        why=why,
        precision=opened.precision,
        proof=opened.proof,
        streams=opened.streams,
        threads=opened.threads,
        _opened=opened,
        _prepare=foreign.prepare if foreign else None,
        _finish=foreign.finish if foreign else None,
    )


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


def choose(
    content: bytes, device: str, precision: str, *, threads: int | None, parallel: bool = False
) -> tuple[Opened, str]:
    """The opened model, and why it is where it is (only `auto` has a reason)."""
    if device != "auto":
        return pool.start(content, device, precision, threads=threads, parallel=parallel), ""
    reasons: list[str] = []
    for candidate in _AUTO:
        if precision not in providers.PRECISIONS[candidate]:
            reasons.append(f"{candidate} has no {precision}")
            continue
        try:
            opened = pool.start(content, candidate, precision, threads=threads, parallel=parallel)
        except InputError:
            raise
        except FrostlineError as error:
            reasons.append(str(error).removesuffix(", or use --device cpu"))
        else:
            return opened, "; ".join(reasons) or f"{candidate} came up"
    raise FrostlineError(f"no device for --precision {precision} here: " + "; ".join(reasons))


def _contract(runtime: Any) -> Contract:
    text = runtime.get_modelmeta().custom_metadata_map.get(contracts.KEY)
    if text is None:
        raise InputError(
            "it is not a model exported by frostline (no contract in it); export one, or describe it with "
            "--contract FILE"
        )
    return contracts.from_json(text)


def _check_input(runtime: Any, contract: Contract) -> None:
    inputs = [(one.name, one.type, one.shape) for one in runtime.get_inputs()]
    wanted = [contract.height, contract.width, 3]
    if len(inputs) != 1 or inputs[0][:2] != (INPUT, "tensor(uint8)"):
        found = ", ".join(f"{name} {kind}" for name, kind, _ in inputs)
        raise InputError(f"its input must be `image` of uint8 alone; is {found}; export it again")
    shape = inputs[0][2]
    if shape[1:] != wanted or isinstance(shape[0], int):
        raise InputError(f"its input must have the shape {['N', *wanted]}; has {shape}; export it again")


def _check_outputs(session: Session, wanted: tuple[str, ...]) -> None:
    """Run one grey image: (1, C) float32 probabilities that sum to 1 must come back."""
    contract = session.contract
    has = session._opened.every
    if FEATURES in wanted and FEATURES not in has:
        raise InputError("it has no output `features`; export it again, or leave out --features")
    session._opened.names = tuple(name for name in wanted if name in has)
    image = np.full((1, contract.height, contract.width, 3), 127, np.uint8)
    probs = session.run(image).get(PROBS) if session._opened.names else None
    shape = (1, len(contract.classes))
    if probs is None or probs.shape != shape or probs.dtype != np.float32:
        found = "nothing of that name" if probs is None else f"{probs.shape} {probs.dtype}"
        raise InputError(f"its output `probs` must be {shape} float32; is {found}; export it again")
    if not abs(float(probs.sum()) - 1) < 1e-3:
        raise InputError(f"its probabilities sum to {probs.sum():g}, not 1; export it again")
