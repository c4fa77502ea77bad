"""OpenVINO's plugin for ONNX Runtime (extra `cpu`): a faster CPU, in bfloat16 and int8 where it has them."""

import functools
from typing import Any

from frostline import system
from frostline.errors import first_line

NAME = "OpenVINOExecutionProvider"
PACKAGE = "onnxruntime-ep-openvino"


@functools.cache
def devices() -> tuple[Any, ...]:
    """The plugin's CPU as ONNX Runtime's devices, after registering the plugin once; () without it.

    ModuleNotFoundError where the extra is not installed.
    """
    import onnxruntime
    import onnxruntime_ep_openvino as plugin

    onnxruntime.register_execution_provider_library(NAME, plugin.get_library_path())
    every = [device for device in onnxruntime.get_ep_devices() if device.ep_name == NAME]
    return tuple(device for device in every if device.ep_metadata.get("ov_device", "CPU") == "CPU")[:1]


def missing() -> str:
    """What keeps the plugin from running here; "" if nothing."""
    try:
        cpus = devices()
    except ImportError:
        return f"the package {PACKAGE} is not installed"
    except Exception as error:  # ONNX Runtime's exceptions share no base
        return f"its plugin does not load ({first_line(error)})"
    return "" if cpus else f"its plugin takes Intel processors only, this one is {processor()}"


def processor() -> str:
    """The processor's maker and model as the system names them."""
    return system.cpu_field("vendor_id") + " " + system.cpu_field("model name")


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16 itself (AMX or AVX-512 BF16)."""
    return bool({"amx_bf16", "avx512_bf16"} & set(system.cpu_field("flags").split()))


def streams(threads: int | None = None) -> int:
    """How many runs at once keep `threads` busy (default: the processors this process may use).

    Up to four have a run each: within a run they would wait for the slowest after every layer, and decoders or other
    work always hold one up. More of them share, four or more to a run, for the sake of memory.
    """
    count = threads or system.processors()
    return count if count <= 4 else max(4, count // 4)
