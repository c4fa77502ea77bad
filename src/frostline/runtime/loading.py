"""A model's bytes → one onnxruntime.InferenceSession on one device, or a clear error."""

import os
from pathlib import Path
from typing import Any

from frostline.errors import FrostlineError, InputError, first_line
from frostline.runtime import openvino, providers

SILENT = 4  # ONNX Runtime's severity "fatal": its own lines on stderr are not for users

# Faults of the file, whatever the device.
_MODEL_FAULTS = {"InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NoModel", "NotImplemented"}


def load(  # noqa: PLR0913  # what ONNX Runtime must be told
    content: bytes,
    device: str,
    precision: str,
    *,
    gpu: int = 0,
    threads: int | None = None,
    streams: int = 1,
    graph: bool = False,
    profile: Path | None = None,
    axes: dict[str, int] | None = None,
) -> Any:
    """An onnxruntime.InferenceSession whose first provider is the device's, or an error.

    `axes` are sizes of axes, by name, that the model leaves open.
    """
    import onnxruntime

    options = _options(threads, profile)
    for axis, size in (axes or {}).items():
        options.add_free_dimension_override_by_name(axis, size)
    given: dict[str, Any] = {}
    if device == "openvino":
        settings = providers.openvino_options(
            precision=precision, threads=threads, streams=streams, cache=engines()
        )
        options.add_provider_for_devices(list(openvino.devices()), settings)
    else:
        given["providers"] = providers.chain(
            device, precision=precision, gpu=gpu, graph=graph, cache=engines()
        )
    try:
        runtime = onnxruntime.InferenceSession(content, options, **given)
    except Exception as error:  # its exceptions share no base
        if device == "cpu" or type(error).__name__ in _MODEL_FAULTS:
            raise InputError(f"ONNX Runtime cannot load it as a model: {line(error)}") from error
        raise FrostlineError(f"{device} did not come up: {line(error)}") from error
    if runtime.get_providers()[0] != providers.NAMES[device]:
        raise FrostlineError(
            f"{device} did not come up, though its libraries load: is there an NVIDIA GPU with a recent "
            "driver (nvidia-smi)? Else use --device cpu"
        )
    return runtime


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
    # processor time an image with a tiny network on 2 cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def engines() -> Path:
    """Where engines and timings of this user's machines are kept; safe to delete."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "frostline" / "engines"


def line(error: BaseException) -> str:
    """An ONNX Runtime message as one line, without its numbered prefix."""
    return first_line(error).split(" : ")[-1].strip()
