"""Pretrained weights at hand: a file that is given, what Keras has downloaded, what it can download."""

import itertools
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from frostline.config import ONNX, Weights
from frostline.config.backbones import TABLE
from frostline.errors import InputError, first_line
from frostline.files import printable
from frostline.paths import PRETRAINED
from frostline.template import onnx_weights
from frostline.template.names import slug
from frostline.template.onnx_weights import OnnxNetwork

KERAS_HOST = ("storage.googleapis.com", 443)  # where Keras downloads ImageNet weights from
SECONDS = 3.0
PREFERRED = "mobilenet"  # small, quick, and measured: README's table
KERAS_FILE = "mobilenet_1_0_224_tf_no_top.h5"


@dataclass(frozen=True)
class PretrainedFile:
    """A backbone of the table with where its weights come from: `imagenet`, or a file (else None).

    `entry`: what params.yaml calls them, "" for the backbone's own name. `onnx`: what is in an ONNX file, whose
    backbone is `onnx`.
    """

    backbone: str
    file: Path | None = None
    entry: str = ""
    onnx: OnnxNetwork | None = None

    @property
    def source(self) -> str:
        """As params.yaml names it."""
        return self.file.name if self.file else "imagenet"

    @property
    def name(self) -> str:
        """The name of their entry in params.yaml."""
        return self.entry or (slug(self.file.stem) if self.onnx and self.file else self.backbone)


def find(given: str | None) -> PretrainedFile | None:
    """What `--weights` names: `imagenet`, `none` (None), or a file; without it, ImageNet's where they can be had.

    InputError for a file that is missing or holds no known backbone's weights.
    """
    if given == "none":
        return None
    if given == "imagenet" or (given is None and (_downloaded() or _reachable())):
        return PretrainedFile(PREFERRED)
    return recognise(Path(given)) if given is not None else None


def recognise(file: Path) -> PretrainedFile:
    """The network of an ONNX file; else the backbone whose number of parameters a weights file holds, without its
    classification layers."""
    if file.suffix == ".onnx" or file.is_dir():
        return PretrainedFile(ONNX, file, onnx=onnx_weights.read(file))
    if not file.is_file():
        raise InputError(
            f"{printable(file)} does not exist; --weights takes imagenet, none or a weights file"
        )
    try:
        count = _count(file)
    except (OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{printable(file)} cannot be read as a Keras weights file ({first_line(error)}); "
            "it is made by model.save_weights('NAME.weights.h5'); an ONNX file ends in .onnx"
        ) from None
    for name, row in TABLE.items():
        if row.parameters == count:
            return PretrainedFile(name, file)
    raise InputError(
        f"{printable(file)} holds {count:,} parameters, which no known backbone has without its classification "
        "layers; `frostline net backbones` lists them"
    )


def _count(file: Path) -> int:
    """The number of values in all arrays of an HDF5 file."""
    import h5py

    sizes: list[int] = []
    with h5py.File(file, "r") as opened:
        opened.visititems(lambda _, node: sizes.append(node.size) if isinstance(node, h5py.Dataset) else None)
    return sum(sizes)


def remarks(weights: PretrainedFile | None) -> tuple[str, ...]:
    """A line on what was guessed, as no file of floats says how its input was normalised."""
    if weights is None or weights.onnx is None or weights.onnx.known:
        return ()
    return (
        f"{weights.source} does not say how its input is normalised, ImageNet's mean and std are a guess: compare "
        f"weights.{weights.name}.input in params.yaml with how it was trained",
    )


def _downloaded() -> bool:
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")  # noqa: PTH111 - as Keras finds it
    return (Path(home) / "models" / KERAS_FILE).is_file()


def _reachable() -> bool:
    try:
        with socket.create_connection(KERAS_HOST, timeout=SECONDS):
            return True
    except OSError:
        return False


def named(entries: Mapping[str, Weights]) -> PretrainedFile | None:
    """The backbone that a project uses already, the first that is no smoke test; None where there is none."""
    for name, entry in entries.items():
        if entry.backbone and entry.source not in ("random", "scratch"):
            file = None if entry.source == "imagenet" else PRETRAINED / entry.source
            if entry.backbone == ONNX and file:
                return PretrainedFile(ONNX, file, name, onnx_weights.read(file))
            return PretrainedFile(entry.backbone, file, name)
    return None


def among(entries: Mapping[str, Weights], weights: PretrainedFile) -> PretrainedFile:
    """The same weights, by the name of the entry that has them already, or by one that no other weights have."""
    for name, entry in entries.items():
        if (entry.backbone, entry.source) == (weights.backbone, weights.source):
            return replace(weights, entry=name)
    numbered = (f"{weights.name}-{number}" for number in itertools.count(2))
    free = (name for name in itertools.chain([weights.name], numbered) if name not in entries)
    return replace(weights, entry=next(free))
