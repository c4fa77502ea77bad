"""`frostline net fetch`: a network from timm, the Hugging Face hub or an address becomes an ONNX file that says what
its images are."""

import io
import math
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import config, files, paths
from frostline.config import entries
from frostline.errors import InputError, shell_command
from frostline.files import printable
from frostline.images import decode
from frostline.pipeline import processes
from frostline.progress import announce, note
from frostline.runtime import graph_edits, onnx_description, onnx_download, onnx_file, timm_network
from frostline.runtime.onnx_description import Description
from frostline.template import recipe, weights
from frostline.template.weights import PretrainedFile

TIMM = "timm:"
CROPS = 4  # of each photo


def run(  # noqa: PLR0913  # what a person may choose
    source: str,
    *,
    checkpoint: Path | None = None,
    size: int | None = None,
    sha256: str | None = None,
    out: Path | None = None,
    until: float = math.inf,
) -> list[str]:
    """Write the network that `source` names as an ONNX file; what was done, a line each.

    `source`: `timm:NAME`, with the weights of a `checkpoint` and for images of `size` pixels if they are given;
    `hf:OWNER/REPOSITORY/FILE.onnx` or an address, whose file must have the `sha256` if one is given. In a project it
    lies in `pretrained/`, under DVC, with an entry in params.yaml; elsewhere, or with `out`, as a file alone.
    FrostlineError where what is downloaded is not whole at the time `until` (of `time.monotonic`).
    """
    of_timm = source.startswith(TIMM) and source != TIMM
    _require_fitting(source, {"sha256": sha256} if of_timm else {"checkpoint": checkpoint, "size": size})
    place = out or _place(
        source.removeprefix(TIMM) + ".onnx" if of_timm else onnx_download.source(source).name
    )
    _require_free(place)
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder, "network")
        written.mkdir()
        if of_timm:
            proof = _of_timm(source.removeprefix(TIMM), written / place.name, checkpoint, size)
        else:
            proof = _downloaded(source, written, sha256, until)
        found = weights.recognise(_whole(written))
        place = _moved(written, place)
    lines = [f"Wrote {printable(place)}: {_facts(found)}", proof, *weights.remarks(found)]
    return [*lines, *(_named(place) if out is None and paths.PARAMS.is_file() else _next(place))]


def _require_fitting(source: str, others: Mapping[str, object]) -> None:
    """None of the options that go with other sources is given."""
    for name in (name for name, value in others.items() if value is not None):
        raise InputError(f"--{name} does not go with {source}; leave it out")


def _place(name: str) -> Path:
    """Where the file goes: into the project, else here."""
    return (paths.PRETRAINED if paths.PARAMS.is_file() else Path()) / name


def _require_free(place: Path) -> None:
    if place.suffix != ".onnx":
        raise InputError(f"{printable(place)} must end in .onnx; choose another name: --out FILE.onnx")
    if place.exists():
        raise InputError(f"{printable(place)} exists; remove it, or choose another name: --out FILE.onnx")


def _of_timm(name: str, path: Path, checkpoint: Path | None, size: int | None) -> str:
    announce(f"loading {TIMM}{name} by PyTorch", about=20)
    network = timm_network.load(name, checkpoint=checkpoint, size=size)
    model = timm_network.exported(network)
    pixels = photos(network.side)
    distance = timm_network.disagreement(network, model, pixels)
    onnx_description.write(model, network.description)
    path.write_bytes(graph_edits.serialized(model))
    return (
        f"agrees with PyTorch on {len(pixels)} parts of photos: {distance:.1g} of the largest feature at most"
    )


def photos(side: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Parts of scikit-learn's two photos, (N, H, W, 3) uint8."""
    from sklearn.datasets import load_sample_images

    parts = []
    for photo in load_sample_images().images:
        height, width = photo.shape[:2]
        for number in range(CROPS):
            part = min(height, width) * (CROPS - number) // CROPS
            top, left = (height - part) * number // CROPS, (width - part) * number // CROPS
            parts.append(_scaled(photo[top : top + part, left : left + part], side))
    return np.stack(parts)


def _scaled(photo: npt.NDArray[np.uint8], side: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """As a project scales its photos."""
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(photo).save(content, "PNG")
    return decode(content.getvalue(), height=side[0], width=side[1], resize="squash")


def _downloaded(source: str, folder: Path, sha256: str | None, until: float) -> str:
    given = onnx_download.source(source)
    digest = onnx_download.download(given, folder, digest=sha256, until=until)
    model_file = folder / given.name
    if found := onnx_download.described(given):
        model = onnx_file.parsed(model_file)
        if onnx_description.read(model) is None:
            onnx_description.write(model, Description(found.input, source, side=found.side))
            model_file.write_bytes(graph_edits.serialized(model))
    checked = "as asked" if sha256 else f"next time: --sha256 {digest}"
    return f"SHA-256 of the download: {digest[:16]}… ({checked})"


def _whole(folder: Path) -> Path:
    """The file, or the folder where its weights lie beside it."""
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 else folder


def _moved(folder: Path, place: Path) -> Path:
    """To its final place in one step: a file, or a folder of the file's name without its ending."""
    found = _whole(folder)
    if found.is_file():
        with files.writing(place) as temporary:
            shutil.copyfile(found, temporary)
        return place
    target = place.with_suffix("")
    if target.exists():
        raise InputError(f"{printable(target)} exists; remove it, or choose another name: --out FILE.onnx")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.part")
    shutil.rmtree(beside, ignore_errors=True)
    shutil.copytree(found, beside)
    beside.replace(target)
    return target


def _facts(found: PretrainedFile) -> str:
    network = found.onnx
    assert network is not None  # it is an ONNX file
    size = "images of any size" if network.free else f"images of {network.height}x{network.width}"
    return f"{size}, {network.features:,} numbers per image from '{network.tap}'"


def _named(place: Path) -> list[str]:
    """Under DVC, with an entry in params.yaml; what is next."""
    text = config.text(paths.PARAMS)
    used = weights.among(config.parse(config.plain(text)).weights, weights.recognise(place))
    note("DVC takes the file …")
    processes.run("dvc", "add", str(place))
    files.write_text(paths.PARAMS, entries.added(text, "weights", recipe.weights_entries(used, cnn=False)))
    search = shell_command("frostline", "search", "DATASET", "--trunks", used.name)
    return [
        f"params.yaml: weights.{used.name} added",
        f"next: name it as `weights` of a classifier, or try it: {search}",
    ]


def _next(place: Path) -> list[str]:
    command: list[Any] = ["frostline", "init", "NAME", "--data", "PHOTOS", "--weights", place]
    return [f"next: {shell_command(*command)}"]
