"""Devices and precisions: which runtime and provider they mean, and what is missing here."""

import contextlib
import ctypes
import io
import warnings
from importlib import metadata
from pathlib import Path
from typing import Any

from frostline.errors import FrostlineError, InputError, first_line
from frostline.runtime import openvino

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
NAMES = {"cpu": CPU, "cuda": CUDA, "tensorrt": TENSORRT}

LIBRARIES = {"cuda": "libonnxruntime_providers_cuda.so", "tensorrt": "libonnxruntime_providers_tensorrt.so"}
INSTALL = {
    "cpu": "pip install onnxruntime-gpu",
    "cuda": "pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "tensorrt": "pip install 'onnxruntime-gpu[cuda,cudnn]' and NVIDIA TensorRT's libraries",
    "openvino": "pip install 'frostline[cpu]'",
}

# No package of Python's brings it: it comes with the system, for an NVIDIA GPU that is there.
NO_DRIVER = "there is no NVIDIA driver (libcuda.so.1); install it where there is such a GPU"

# What each device computes in, and the exported file that it needs for it.
PRECISIONS = {
    "cpu": ("float32", "int8", "float16"),
    "openvino": ("float32", "bfloat16", "int8"),
    "cuda": ("float32", "float16"),
    "tensorrt": ("float32", "float16", "int8"),
}
VARIANTS = ("float16", "int8")

Options = dict[str, str]


def distribution() -> metadata.Distribution:
    """ONNX Runtime as it is installed: where there are wheels that also run on GPUs, it is these."""
    try:
        return metadata.distribution("onnxruntime-gpu")
    except metadata.PackageNotFoundError:
        return metadata.distribution("onnxruntime")


def runtime(device: str) -> str:
    """What computes on a device, by name and version."""
    return openvino.runtime() if device == "openvino" else f"ONNX Runtime {distribution().version}"


def require(device: str) -> None:
    """FrostlineError names what a device misses here, and the command that installs it."""
    if problem := missing(device):
        advice = f"; {INSTALL[device]}" if problem != NO_DRIVER else ""
        raise FrostlineError(f"{device} cannot be used: {problem}{advice}, or use --device cpu")


def require_precision(device: str, precision: str) -> None:
    """InputError where a device does not compute in a precision, FrostlineError where this processor does not."""
    if precision not in PRECISIONS[device]:
        able = ", ".join(PRECISIONS[device])
        raise InputError(
            f"--precision {precision}: {device} has {able}; use one of these or another --device"
        )
    if precision == "bfloat16" and not openvino.has_bfloat16():
        raise FrostlineError(
            "--precision bfloat16: this processor has neither AMX nor AVX-512 BF16, bfloat16 would be computed as "
            "float32; use --precision float32 or int8"
        )


def missing(device: str) -> str:
    """What keeps a device's runtime or provider from loading, such as "libcublas.so.13 is missing"; "" if nothing.

    Loading the provider's own shared object tells: ONNX Runtime's list of available providers names
    what was compiled, not what works.
    """
    if device == "cpu":
        return ""
    if device == "openvino":
        return openvino.missing()
    import onnxruntime

    library = Path(onnxruntime.__file__).parent / "capi" / LIBRARIES[device]
    if not library.exists():
        return f"the installed onnxruntime has no {library.name}"
    if _driver() is None:
        return NO_DRIVER
    _preload(onnxruntime)
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return _explain(error)
    return ""


def gpus() -> int:
    """How many NVIDIA GPUs the driver shows to this process (CUDA_VISIBLE_DEVICES counts); 0 without one."""
    count = ctypes.c_int(0)
    driver = _driver()
    if driver is None or driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def _driver() -> ctypes.CDLL | None:
    """The interface of NVIDIA's driver."""
    try:
        return ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None


def chain(device: str, *, precision: str, gpu: int = 0, graph: bool = False, cache: Path) -> list[Any]:
    """The providers to ask for with their options, best first: what one does not take goes to the next.

    `graph` asks for a CUDA graph, `cache` is the folder of TensorRT's engines.
    """
    gpu_chain: list[Any] = [(CUDA, cuda_options(gpu, graph=graph)), CPU]
    if device == "tensorrt":
        return [(TENSORRT, tensorrt_options(gpu, precision=precision, cache=cache, graph=graph)), *gpu_chain]
    return gpu_chain if device == "cuda" else [CPU]


def cuda_options(gpu: int, *, graph: bool = False) -> Options:
    """CUDA: float32 is float32 (no TF32), memory grows by what is asked for, algorithms are searched once."""
    return {
        "device_id": str(gpu),
        "use_tf32": "0",
        "arena_extend_strategy": "kSameAsRequested",
        "cudnn_conv_algo_search": "EXHAUSTIVE",  # batches have one shape: it pays after the first
        "cudnn_conv_use_max_workspace": "1",
        "enable_cuda_graph": str(int(graph)),
    }


def tensorrt_options(gpu: int, *, precision: str, cache: Path, graph: bool = False) -> Options:
    """TensorRT: engines and timings are kept in `cache`, so that only the first job of a model builds them."""
    return {
        "device_id": str(gpu),
        "trt_fp16_enable": str(int(precision == "float16")),
        "trt_int8_enable": str(int(precision == "int8")),
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(cache),
        "trt_timing_cache_enable": "1",
        "trt_timing_cache_path": str(cache),
        "trt_builder_optimization_level": "3",
        "trt_cuda_graph_enable": str(int(graph)),
    }


def _preload(onnxruntime: object) -> None:
    """Let it find the CUDA libraries that pip installs; it prints about each one it does not find."""
    preload = getattr(onnxruntime, "preload_dlls", None)
    if preload is None:
        return
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        preload()


def _explain(error: OSError) -> str:
    """The dynamic loader's message in a few words."""
    message = first_line(error)
    library, _, rest = message.partition(":")
    return f"{library} is missing" if "No such file" in rest else message
