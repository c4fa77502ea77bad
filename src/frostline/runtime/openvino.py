"""OpenVINO (extra `cpu`), the faster runtime of processors: x86-64 of any maker and Arm."""

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

from frostline import system
from frostline.errors import first_line

NAME, PACKAGE = "OpenVINO", "openvino"
_TELEMETRY = "openvino_telemetry"


@functools.cache
def library() -> Any:
    """The package, without its telemetry, which would report every import over the network.

    ModuleNotFoundError where the extra is not installed.
    """
    with _absent(_TELEMETRY):
        import openvino
    return openvino


@contextmanager
def _absent(name: str) -> Iterator[None]:
    """As if a module were not installed; who can do without it does so from then on."""
    modules: dict[str, Any] = sys.modules
    before = {name: modules[name]} if name in modules else {}
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
        modules.update(before)


def missing() -> str:
    """What keeps it from running here; "" if nothing."""
    try:
        library()
    except ModuleNotFoundError:
        return f"the package {PACKAGE} is not installed"
    except (ImportError, OSError) as error:
        return f"its libraries do not load ({first_line(error)})"
    return ""


def runtime() -> str:
    """Its name and version."""
    return f"{NAME} {metadata.version(PACKAGE)}"


def settings(*, precision: str, threads: int | None, streams: int) -> dict[str, str]:
    """`streams` runs at once share its threads; the arithmetic is named, for its own would be the fastest there is.

    What an int8 network leaves in floats is bfloat16 where the processor has it (2e-4 in a probability of a ResNet50
    with random weights).
    """
    halved = precision == "bfloat16" or (precision == "int8" and has_bfloat16())
    asked = {
        "INFERENCE_PRECISION_HINT": "bf16" if halved else "f32",
        "PERFORMANCE_HINT": "THROUGHPUT",
        "NUM_STREAMS": str(streams),
    }
    return asked | ({"INFERENCE_NUM_THREADS": str(threads)} if threads else {})


def processor() -> str:
    """The processor's maker and model as the system names them, by numbers on Arm."""
    names = ("vendor_id", "model name", "CPU implementer", "CPU part")
    return " ".join(filter(None, map(system.cpu_field, names)))


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
