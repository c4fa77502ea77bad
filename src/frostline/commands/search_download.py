"""`frostline search --download`: well-known networks are fetched before a search, the cheapest first."""

import importlib.util
import time
from dataclasses import dataclass

from frostline import paths
from frostline.commands import fetch
from frostline.errors import FrostlineError
from frostline.pipeline import processes
from frostline.progress import note
from frostline.runtime import onnx_download

SHARE = 0.25  # of the search's time that downloads may take
LOADING = 40.0  # seconds for PyTorch's import, an export and its proof


@dataclass(frozen=True)
class Offered:
    """A network that `frostline net fetch` takes: its source, what its file is called, the weights' megabytes and
    licence, and the side of its images in pixels."""

    source: str
    name: str
    megabytes: float
    licence: str
    side: int

    @property
    def of_timm(self) -> bool:
        """Whether it needs the extra timm."""
        return self.source.startswith(fetch.TIMM)


# By what an image costs. Licences as the weights' pages name them; what the weights were trained on has its own terms.
OFFERED = (
    Offered(
        "hf:onnx-community/mobilenetv4_conv_small.e2400_r224_in1k/onnx/model.onnx",
        "mobilenetv4_conv_small", 15, "Apache-2.0", 224,
    ),
    Offered("timm:mobilenetv3_large_100", "mobilenetv3_large_100", 22, "Apache-2.0", 224),
    Offered("timm:tf_efficientnet_lite0", "tf_efficientnet_lite0", 19, "Apache-2.0", 224),
    Offered(
        "hf:onnx-community/mobilenetv4_conv_medium.e500_r224_in1k/onnx/model.onnx",
        "mobilenetv4_conv_medium", 39, "Apache-2.0", 224,
    ),
    Offered("timm:convnext_nano", "convnext_nano", 62, "Apache-2.0", 224),
    Offered("hf:onnx-community/dinov2-small/onnx/model.onnx", "dinov2-small", 89, "Apache-2.0", 224),
    Offered("timm:convnext_tiny", "convnext_tiny", 114, "Apache-2.0", 224),
)  # fmt: skip


def run(*, until: float, most_mb: float = float("inf")) -> list[str]:
    """Fetch what is not in `pretrained/` yet, as far as a share of the time `until` (of `time.monotonic`) allows; the
    names of the files that came.

    Without internet, without an extra, or without time a line says so, and nothing is raised. Networks of more than
    `most_mb` megabytes are left alone.
    """
    if not onnx_download.reachable():
        note(f"--download: {onnx_download.hub()} does not answer; the search goes on with what is at hand")
        return []
    start = time.monotonic()
    end, came, megabytes = start + SHARE * (until - start), list[str](), 0.0
    for one in _wanted(most_mb):
        each = (time.monotonic() - start) / megabytes if megabytes else 0.0  # seconds
        if time.monotonic() + each * one.megabytes + LOADING * one.of_timm > end:
            note(f"--download: no time for {one.name} ({one.megabytes:.0f} MB) and larger ones")
            break
        if _fetched(one, end):
            came.append(one.name)
            megabytes += one.megabytes
    if came:
        processes.run("dvc", "add", *(str(_place(name)) for name in came))
    return came


def _wanted(most_mb: float) -> list[Offered]:
    """What is not here and can be had: timm's networks only where its extra is installed."""
    extra = all(importlib.util.find_spec(name) for name in ("timm", "torch"))
    some = [one for one in OFFERED if one.megabytes <= most_mb and not _here(one.name)]
    if not extra and any(one.of_timm for one in some):
        note("--download: networks of timm need its extra: pip install 'frostline[train,timm]'")
    return [one for one in some if extra or not one.of_timm]


def _here(name: str) -> bool:
    return any((paths.PRETRAINED / found).exists() for found in (name, f"{name}.onnx"))


def _place(name: str) -> str:
    """The file, or the folder of one whose weights lie beside it."""
    folder = paths.PRETRAINED / name
    return str(folder if folder.exists() else paths.PRETRAINED / f"{name}.onnx")


def _fetched(one: Offered, until: float) -> bool:
    """Whether it came; a line why it did not."""
    size = one.side if one.of_timm else None
    note(f"--download: {one.source}, {one.megabytes:.0f} MB, {one.licence}")
    try:
        fetch.run(one.source, size=size, out=paths.PRETRAINED / f"{one.name}.onnx", until=until)
    except FrostlineError as error:
        note(f"--download: {one.name} is left out: {error}")
        return False
    return True
