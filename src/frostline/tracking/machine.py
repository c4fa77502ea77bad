"""What a machine is and how busy it is, in MLflow's names for both."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from frostline import system

SECONDS = 10.0  # between two samples, as MLflow's own
FIRST_SECONDS = 0.5  # the first comes sooner, so that short trainings have one
SYSTEM = "system/"  # MLflow shows these metrics on a page of their own
GPU_QUERY = ("index", "utilization.gpu", "memory.used", "memory.total")


@dataclass
class Sampler:
    """How busy the machine is while a block runs: `samples` of (milliseconds since 1970, figures)."""

    samples: list[tuple[int, Mapping[str, float]]] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Sampler":
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(SECONDS)

    def _watch(self) -> None:
        """Sample soon, then regularly, and once more at the end; what cannot be seen is left out."""
        import psutil

        psutil.cpu_percent()  # the next call says what was used since this one
        pause = FIRST_SECONDS
        while not self._stop.wait(pause):
            self.samples.append((int(time.time() * 1000), busy()))
            pause = SECONDS
        self.samples.append((int(time.time() * 1000), busy()))


def busy() -> dict[str, float]:
    """Load now: `cpu_utilization_percentage` since the call before, memory, and each NVIDIA GPU's."""
    import psutil

    memory = psutil.virtual_memory()
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": round(memory.used / 1e6, 1),
        "system_memory_usage_percentage": round(100 * memory.used / memory.total, 1),
        "process_memory_usage_megabytes": round(psutil.Process().memory_info().rss / 1e6, 1),
        **_gpus(),
    }


def _gpus() -> dict[str, float]:
    """As nvidia-smi says it; {} where there is none or it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return {}
    asked = [program, f"--query-gpu={','.join(GPU_QUERY)}", "--format=csv,noheader,nounits"]
    try:
        table = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=True).stdout
        load: dict[str, float] = {}
        for line in table.splitlines():
            index, used, memory, total = (float(cell) for cell in line.split(","))
            load |= {
                f"gpu_{index:g}_utilization_percentage": used,
                f"gpu_{index:g}_memory_usage_megabytes": memory,
                f"gpu_{index:g}_memory_usage_percentage": round(100 * memory / total, 1),
            }
    except (OSError, ValueError, ZeroDivisionError, subprocess.SubprocessError):
        return {}
    return load


def described() -> dict[str, str]:
    """Python, system and processor: results are the same bytes only on processors of one class."""
    processor = system.cpu_field("model name") or platform.processor() or "unknown"
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpu": f"{processor}, {os.cpu_count()} cores",
    }


def requirements() -> list[str]:
    """Every installed package as a pin, by name."""
    packages = map(_named, importlib.metadata.distributions())
    versions = {name: version for name, version in packages if name}
    return [f"{name}=={versions[name]}" for name in sorted(versions, key=str.lower)]


def _named(package: importlib.metadata.Distribution) -> tuple[str, str]:
    """Name and version by the head of its description: parsing all of each takes seconds for an environment."""
    head = (package.read_text("METADATA") or "").partition("\n\n")[0]
    name, version = (re.search(rf"^{field}: *(.+?)\s*$", head, re.MULTILINE) for field in ("Name", "Version"))
    return (name[1], version[1]) if name and version else (package.name, package.version)
