"""What stands below the frost line, as the cache asks for it: a Keras model, or the trunk of an ONNX file."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from frostline import files
from frostline.config import OnnxWeights, Size
from frostline.errors import FrostlineError, InputError
from frostline.paths import PRETRAINED
from frostline.runtime import onnx_file, onnx_trunk


@dataclass(frozen=True, eq=False)
class OnnxTrunk:
    """A trunk that the `weights` stage made of an ONNX file, for images of one size.

    `content`: `image` (N, H, W, 3) uint8 → `features` (N, width) float32, computed and kept in `precision`; in int8,
    which a Keras network's trunk may be too, it is the calibrated graph, and rows are kept in float32.
    `parameters`: the numbers that it holds.
    """

    content: bytes = field(repr=False)
    width: int
    parameters: int
    precision: str = "float32"


@dataclass(frozen=True, eq=False)
class ConvertedTrunk:
    """A Keras trunk in float32 that was converted before: Keras comes up only where rows of it are missing.

    `content`: its graph; `shape` of what it makes of one image; `keras` gives the model itself.
    """

    content: bytes = field(repr=False)
    shape: tuple[int, ...]
    keras: Callable[[], Any] = field(repr=False)


def make(name: str, entry: OnnxWeights, *, root: Path = Path()) -> bytes:
    """The trunk of an entry of `weights` of the project at `root`; InputError for a file that does not fit it."""
    model = onnx_file.read(root / PRETRAINED / entry.source)
    try:
        return onnx_trunk.make(model, entry.input, entry.taps)
    except InputError as error:
        raise InputError(f"weights.{name}: {error}") from None


def entry_digest(entry: OnnxWeights) -> str:
    """Of all that `make` goes by, and of the file's name, but for the order of taps: DVC runs no stage for that."""
    return files.digest(entry.model_dump(mode="json"))


def read(path: Path, *, weights: str, size: Size, precision: str = "float32") -> OnnxTrunk:
    """The trunk in a weights folder for images of a size, to be computed in a precision.

    InputError where its network takes another size, FrostlineError where the file is missing.
    """
    return opened(content(path, weights=weights), weights=weights, size=size, precision=precision)


def content(path: Path, *, weights: str) -> bytes:
    """The bytes of the trunk in a weights folder."""
    try:
        return path.read_bytes()
    except OSError:
        raise FrostlineError(f"{path} is missing; run `dvc repro weights@{weights}`") from None


def opened(made: bytes, *, weights: str, size: Size, precision: str = "float32") -> OnnxTrunk:
    """A trunk's bytes for images of a size; InputError where its network takes another."""
    try:
        sized, width = onnx_trunk.sized(made, height=size.height, width=size.width)
    except InputError as error:
        raise InputError(f"image.size: the network of '{weights}' {error}") from None
    return OnnxTrunk(sized, width, onnx_trunk.parameters(made), precision)


def shape(trunk: Any) -> tuple[int, ...]:
    """The shape of what a trunk makes of one image."""
    if isinstance(trunk, ConvertedTrunk):
        return trunk.shape
    return (trunk.width,) if isinstance(trunk, OnnxTrunk) else tuple(map(int, trunk.output.shape[1:]))


def dtype(trunk: Any) -> str:
    """NumPy's name (or bfloat16) of the type of a trunk's rows."""
    if isinstance(trunk, ConvertedTrunk):
        return "float32"
    if not isinstance(trunk, OnnxTrunk):
        return str(trunk.output.dtype)
    return "float32" if trunk.precision == "int8" else trunk.precision


def values(trunk: Any) -> int:
    """How many numbers a trunk makes of one image."""
    return prod(shape(trunk))


def parameters(trunk: Any) -> int:
    """How many numbers a trunk holds."""
    return trunk.parameters if isinstance(trunk, OnnxTrunk) else int(trunk.count_params())
