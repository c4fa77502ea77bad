"""Open an exported model on a device, and say truthfully on which.

ONNX Runtime comes up on the CPU without a word when a GPU's libraries are missing. Here `cuda` and
`tensorrt` run there or fail in one line; `auto` may fall back, and says why.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from frostline.errors import FrostlineError, InputError
from frostline.files import printable, sha256
from frostline.onnx import contract as contracts
from frostline.onnx import providers
from frostline.onnx.contract import Contract

DEVICES = ("auto", "cpu", "cuda", "tensorrt")
SILENT = 4  # ONNX Runtime's severity "fatal": its own lines on stderr are not for users

# Faults of the file, whatever the device.
_MODEL_FAULTS = {"InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NotImplemented"}


@dataclass(frozen=True)
class Session:
    """A loaded model whose contract is met here.

    `asked` is the device asked for, `provider` ONNX Runtime's provider that really came up (such as
    "CUDAExecutionProvider"), `device` where that is ("cpu", "cuda:0"), `why` the reason when `auto`
    chose. `sha256` is the hash of the model's bytes.
    """

    contract: Contract
    sha256: str
    asked: str
    provider: str
    device: str
    why: str
    precision: str
    _runtime: Any = field(repr=False)

    def run(self, batch: np.ndarray) -> dict[str, np.ndarray]:
        """(N, H, W, 3) uint8 RGB to every output by name; `probs` is (N, C) float32.

        Raises FrostlineError when the device fails, out of memory for example.
        """
        names = [output.name for output in self._runtime.get_outputs()]
        try:
            return dict(zip(names, self._runtime.run(names, {"image": batch}), strict=True))
        except Exception as error:
            raise FrostlineError(
                f"the model failed on {self.device} with {len(batch)} images at once: {_line(error)}; "
                "try a smaller batch size or another device"
            ) from error


def open_session(source: Path | bytes, *, device: str) -> Session:
    """Load a model file, or its bytes, on `device`; one trial image proves that it runs.

    InputError for a file that is not a model exported by frostline, or whose contract is not met
    here; FrostlineError where the device asked for does not come up.
    """
    if device not in DEVICES:
        raise InputError(f"unknown device {device!r}; use one of {', '.join(DEVICES)}")
    name, content = _content(source)
    try:
        runtime, chosen, why = _choose(content, device)
        contract = _contract(runtime)
        contracts.require_met(contract)
        _check_input(runtime, contract)
    except InputError as error:
        raise InputError(f"{name}: {error}") from error
    where = "cpu" if chosen == "cpu" else "cuda:0"
    provider = runtime.get_providers()[0]
    session = Session(contract, sha256(content), device, provider, where, why, "fp32", runtime)
    _check_outputs(session, name)
    return session


def _content(source: Path | bytes) -> tuple[str, bytes]:
    if isinstance(source, bytes):
        return "model", source
    name = printable(source)
    try:
        return name, source.read_bytes()
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror}; name a model.onnx file") from None


def _choose(content: bytes, device: str) -> tuple[Any, str, str]:
    """The runtime session, the device it is on, and why (only `auto` has a reason)."""
    if device != "auto":
        return _start(content, device), device, ""
    try:
        return _start(content, "cuda"), "cuda", "CUDA came up"
    except InputError:
        raise
    except FrostlineError as error:
        return _start(content, "cpu"), "cpu", str(error)


def _start(content: bytes, device: str) -> Any:
    """An onnxruntime.InferenceSession whose first provider is the device's, or an error."""
    import onnxruntime  # 0.2 s and 300 MB of libraries

    onnxruntime.set_default_logger_severity(SILENT)
    wanted = providers.require(device)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = SILENT
    # Its idle threads would spin on the processors that the decoders need: 1.08 instead of 0.80 ms of
    # processor time an image with a tiny network on 2 cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        runtime = onnxruntime.InferenceSession(content, options, providers=wanted)
    except Exception as error:  # its exceptions share no base
        if device == "cpu" or type(error).__name__ in _MODEL_FAULTS:
            raise InputError(f"ONNX Runtime cannot load it as a model: {_line(error)}") from error
        raise FrostlineError(f"{device} did not come up: {_line(error)}") from error
    if runtime.get_providers()[0] != wanted[0]:
        raise FrostlineError(
            f"{device} did not come up, though its libraries load: is there an NVIDIA GPU with a recent "
            "driver (nvidia-smi)? Else use --device cpu"
        )
    return runtime


def _line(error: BaseException) -> str:
    """An ONNX Runtime message as one line, without its numbered prefix."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].split(" : ")[-1].strip().rstrip(".")


def _contract(runtime: Any) -> Contract:
    text = runtime.get_modelmeta().custom_metadata_map.get(contracts.KEY)
    if text is None:
        raise InputError("it is not a model exported by frostline (no contract in it); export one")
    return contracts.from_json(text)


def _check_input(runtime: Any, contract: Contract) -> None:
    inputs = [(one.name, one.type, one.shape) for one in runtime.get_inputs()]
    wanted = [contract.height, contract.width, 3]
    if len(inputs) != 1 or inputs[0][:2] != ("image", "tensor(uint8)"):
        found = ", ".join(f"{name} {kind}" for name, kind, _ in inputs)
        raise InputError(f"its input must be `image` of uint8 alone; is {found}; export it again")
    shape = inputs[0][2]
    if shape[1:] != wanted or isinstance(shape[0], int):
        raise InputError(f"its input must have the shape {['N', *wanted]}; has {shape}; export it again")


def _check_outputs(session: Session, name: str) -> None:
    """Run one grey image: (1, C) float32 probabilities that sum to 1 must come back."""
    contract = session.contract
    image = np.full((1, contract.height, contract.width, 3), 127, np.uint8)
    probs = session.run(image).get("probs")
    shape = (1, len(contract.classes))
    if probs is None or probs.shape != shape or probs.dtype != np.float32:
        found = "nothing of that name" if probs is None else f"{probs.shape} {probs.dtype}"
        raise InputError(f"{name}: its output `probs` must be {shape} float32; is {found}; export it again")
    if not abs(float(probs.sum()) - 1) < 1e-3:
        raise InputError(f"{name}: its probabilities sum to {probs.sum():g}, not 1; export it again")
