"""A trunk as an executor calls it: by Keras; in bfloat16 by OpenVINO, on processors that multiply it themselves.

There OpenVINO is the faster one, and it runs scoring too; so it does for the networks of ONNX files in float32, which
else are ONNX Runtime's. Engines round in other places, so that their features are kept apart: who computed them is part
of the key.
"""

import contextlib
import pickle
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files
from frostline.features import onnx_backends
from frostline.features.executor import Network
from frostline.features.exported import Backend, Exported, UnfitError
from frostline.features.trunks import ConvertedTrunk, OnnxTrunk
from frostline.models import transform
from frostline.models.keras_backend import framework, in_float32, keras
from frostline.progress import note
from frostline.runtime import conversion, engine, openvino


def available(trunk: Any, *, parallel: bool = False) -> list[Backend]:
    """How features of a trunk (a Keras model from pixels) can be had here, the fastest first; Keras always can.

    With `parallel` a network may say what it is fastest with: `streams` calls at once of `batch_size` images. The
    trunk of an ONNX file is computed by OpenVINO or ONNX Runtime, and nothing of Keras is imported.
    """
    if isinstance(trunk, OnnxTrunk):
        return onnx_backends.available(trunk, parallel=parallel)
    if isinstance(trunk, ConvertedTrunk):
        return [Backend(framework(), lambda _: Forward(trunk.keras()))]
    plain = Backend(framework(), lambda _: Forward(trunk))
    if str(trunk.output.dtype) != "bfloat16" or keras().backend.backend() != "tensorflow":
        return [plain]
    if not openvino.has_bfloat16() or openvino.missing():
        return [plain]
    # Its wording stands in keys of the cache: another would compute all features anew.
    name = f"{openvino.runtime()} in bf16"
    return [
        Backend(name, partial(exported, trunk, device="openvino", precision="bfloat16", parallel=parallel)),
        plain,
    ]


def packages(trunk: Any) -> tuple[str, ...]:
    """What computes features of a trunk here beside Keras: it belongs in the record of a training."""
    if isinstance(trunk, OnnxTrunk):
        return onnx_backends.packages(trunk)
    return (openvino.PACKAGE,) if len(available(trunk)) > 1 else ()


def fastest(trunk: Any) -> Network:
    """The first backend that runs this trunk, for one call at a time."""
    return _first(trunk)[1]


def name(trunk: Any, *, parallel: bool = False) -> str:
    """Of the backend that computes rows of this trunk; it is opened with `parallel` or without."""
    return _first(trunk, parallel=parallel)[0].name


def _first(trunk: Any, *, parallel: bool = False) -> tuple[Backend, Network]:
    for backend in available(trunk, parallel=parallel):
        with contextlib.suppress(UnfitError):
            return backend, backend.open(None)
    raise RuntimeError("the last backend runs every trunk")


class Forward:
    """What a trunk makes of a batch, by Keras; pickled, it opens again where it arrives."""

    def __init__(self, trunk: Any) -> None:
        self._trunk = trunk

    def __call__(self, batch: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """(N, H, W, 3) uint8 to `rows` in the trunk's own precision."""
        return {"rows": np.asarray(self._trunk.predict_on_batch(batch))}

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return _arrived, (pickle.dumps(self._trunk),)


class Together:
    """What several trunks make of a batch, by one Keras model with an output for each; proven on the first batch."""

    def __init__(self, whole: Any, alone: Sequence[Any]) -> None:
        self._whole, self._alone, self._proven = whole, alone, False

    def __call__(self, batch: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """(N, H, W, 3) uint8 to the rows of each by its number; UnfitError where they differ from one's alone."""
        rows = [np.asarray(output) for output in self._whole.predict_on_batch(batch)]
        if not self._proven:
            pairs = zip(rows, self._alone, strict=True)
            if not all(
                np.array_equal(row, np.asarray(trunk.predict_on_batch(batch))) for row, trunk in pairs
            ):
                raise UnfitError("the layers give other bits together than alone")
            self._proven = True
        return {str(number): row for number, row in enumerate(rows)}


def _arrived(content: bytes) -> Forward:
    """In another process: Keras comes up there as it does here, deterministic, before the trunk is read."""
    with transform.opening():
        return Forward(pickle.loads(content))


def exported(
    trunk: Any, folder: Path | None = None, *, device: str, precision: str, parallel: bool = False
) -> Exported:
    """A trunk through its ONNX file on a device, opened once per process, since every view asks anew.

    UnfitError where it cannot be converted, or the device leaves out one of its layers.
    """
    result = _try_export(trunk, folder, device, precision, parallel)
    if isinstance(result, str):
        raise UnfitError(result)
    return result


@lru_cache(maxsize=4)
def _try_export(
    trunk: Any, folder: Path | None, device: str, precision: str, parallel: bool
) -> Exported | str:
    """The exported trunk, or why there is none; a line says which, once."""
    try:
        content = _converted(trunk, folder)
        result = Exported(content, device, precision, str(trunk.output.dtype), parallel=parallel)
    except Exception as error:  # the converter's have no base
        reason = engine.reason(error)
        note(f"note: {device} cannot run this trunk ({reason}); Keras does")
        return reason
    note(f"trunk: on {device} in {precision}{result.proof}")
    return result


def _converted(trunk: Any, folder: Path | None) -> bytes:
    """A trunk's ONNX bytes, kept beside its features by their hash: converting costs more than a few new images."""
    for path in sorted(folder.glob("*.onnx")) if folder else ():
        content = path.read_bytes()
        if path.stem == _name(content):
            path.touch()  # what was used last is pruned last
            return content
        if not path.name.startswith("."):  # somebody is writing those
            note(f"damaged in the cache: {files.printable(path)}; the trunk is converted anew")
            path.unlink(missing_ok=True)
    with in_float32(trunk):
        content = conversion.trunk(partial(trunk, training=False), shape=trunk.input.shape[1:])
    if folder:
        with files.writing(folder / f"{_name(content)}.onnx") as temporary:
            temporary.write_bytes(content)
    return content


def _name(content: bytes) -> str:
    return files.sha256(content)[:32]
