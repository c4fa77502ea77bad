"""ONNX Runtime's providers: which one a device means, and which shared library it misses here."""

import contextlib
import ctypes
import io
import warnings
from pathlib import Path

from frostline.errors import FrostlineError

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"

# Nodes that a provider does not take go to the next one in its list.
PROVIDERS = {"cpu": [CPU], "cuda": [CUDA, CPU], "tensorrt": [TENSORRT, CUDA, CPU]}
LIBRARIES = {"cuda": "libonnxruntime_providers_cuda.so", "tensorrt": "libonnxruntime_providers_tensorrt.so"}
INSTALL = {
    "cuda": "pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "tensorrt": "pip install 'onnxruntime-gpu[cuda,cudnn]' and NVIDIA TensorRT's libraries",
}


def require(device: str) -> list[str]:
    """The providers to ask for on "cpu", "cuda" or "tensorrt"; FrostlineError names what is missing."""
    if problem := missing(device):
        raise FrostlineError(f"{device} cannot be used: {problem}; {INSTALL[device]}, or use --device cpu")
    return PROVIDERS[device]


def missing(device: str) -> str:
    """What keeps a device's provider from loading, such as "libcublas.so.13 is missing"; "" if nothing.

    Loading the provider's own shared object tells: ONNX Runtime's list of available providers names
    what was compiled, not what works.
    """
    if device == "cpu":
        return ""
    import onnxruntime

    library = Path(onnxruntime.__file__).parent / "capi" / LIBRARIES[device]
    if not library.exists():
        return f"the installed onnxruntime has no {library.name}"
    _preload(onnxruntime)
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return _explain(str(error))
    return ""


def _preload(onnxruntime: object) -> None:
    """Let it find the CUDA libraries that pip installs; it prints about each one it does not find."""
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is None:
        return
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        preload()


def _explain(message: str) -> str:
    """The dynamic loader's message in a few words."""
    library, _, rest = message.partition(":")
    return f"{library} is missing" if "No such file" in rest else message.splitlines()[0]
