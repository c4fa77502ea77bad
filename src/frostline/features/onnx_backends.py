"""Who computes the trunk of an ONNX file, or one in int8: OpenVINO, or in float32 ONNX Runtime.

In float32 OpenVINO is taken where it is installed and gives the rows of ONNX Runtime on images of noise, but for
rounding.
"""

from functools import lru_cache

import numpy as np

from frostline.errors import FrostlineError
from frostline.features import trunks
from frostline.features.exported import Backend, Exported, UnfitError
from frostline.features.trunks import OnnxTrunk
from frostline.progress import note
from frostline.runtime import engine, openvino, providers

AGREES = 1e-4  # of the largest feature: how far the rows of two engines may be apart in float32
_LEAST = float(np.finfo(np.float32).tiny)
_SHORT = {"bfloat16": "bf16"}  # as it stands in keys of the cache


def available(trunk: OnnxTrunk, *, parallel: bool) -> list[Backend]:
    """OpenVINO where it is there, and ONNX Runtime in float32; FrostlineError for bfloat16 and int8 without it."""
    if trunk.precision != "float32":
        require(trunk.precision)
    elif openvino.missing():
        return [_by_onnxruntime(trunk)]
    # Its wording stands in keys of the cache: another would compute all features anew.
    name = f"{openvino.runtime()} in {_SHORT.get(trunk.precision, trunk.precision)}"
    own = Backend(name, lambda _: _by_openvino(trunk, parallel=parallel))
    return [own] if trunk.precision != "float32" else [own, _by_onnxruntime(trunk)]


def _by_onnxruntime(trunk: OnnxTrunk) -> Backend:
    return Backend(providers.runtime("cpu"), lambda _: _opened(trunk, "cpu", parallel=False))


def _by_openvino(trunk: OnnxTrunk, *, parallel: bool) -> Exported:
    """UnfitError where it does not give the rows of ONNX Runtime in float32."""
    if trunk.precision != "float32":
        return _opened(trunk, "openvino", parallel=parallel)
    result = _try_open(trunk, parallel=parallel)
    if isinstance(result, str):
        raise UnfitError(result)
    return result


@lru_cache(maxsize=2)
def _try_open(trunk: OnnxTrunk, *, parallel: bool) -> Exported | str:
    """A float32 trunk on OpenVINO, or why it is not taken; a line says the latter, once."""
    try:
        made = Exported(trunk.content, "openvino", "float32", "float32", parallel=parallel)
        reason = _apart(made, _opened(trunk, "cpu", parallel=False))
    except FrostlineError as error:
        reason = engine.reason(error)
    if reason:
        _tell(trunk, reason)
        return reason
    return made


@lru_cache(maxsize=2)
def _tell(_: OnnxTrunk, reason: str) -> None:
    """Once for a trunk, however it is opened."""
    note(f"note: openvino cannot run this trunk ({reason}); ONNX Runtime does")


def _apart(one: Exported, other: Exported) -> str:
    """How far two engines' rows of images of noise are apart, in words; "" where no further than by rounding."""
    images = np.random.default_rng(0).integers(0, 256, (2, *one.shape), dtype=np.uint8)
    rows, expected = (network(images)["rows"] for network in (one, other))
    distance = float(np.abs(rows - expected).max() / max(float(np.abs(expected).max()), _LEAST))
    return "" if distance <= AGREES else f"its features are {distance:.1g} of the largest off"


@lru_cache(maxsize=2)
def _opened(trunk: OnnxTrunk, device: str, *, parallel: bool) -> Exported:
    """An ONNX trunk on a device, opened once per process; a line says in which smaller arithmetic it computes."""
    made = Exported(trunk.content, device, trunk.precision, trunks.dtype(trunk), parallel=parallel)
    if made.proof:
        note(f"trunk: on {device} in {trunk.precision}{made.proof}")
    return made


def require(precision: str) -> None:
    """FrostlineError where OpenVINO does not compute in bfloat16 or int8 here, with what to do."""
    problem, advice = openvino.missing(), f", or: {providers.INSTALL['openvino']}"
    whose = "features have it"
    if precision == "bfloat16":
        whose = "a network from an ONNX file has it"
        if not openvino.has_bfloat16():
            problem, advice = "this processor has neither AMX nor AVX-512 BF16", ""
    if problem:
        raise FrostlineError(
            f"precision {precision}: {whose} by OpenVINO alone, and {problem}; set `precision` to float32{advice}"
        )


def packages(trunk: OnnxTrunk) -> tuple[str, ...]:
    """What computes its features here: it belongs in the record of a training."""
    onnxruntime = str(providers.distribution().metadata["Name"])
    if trunk.precision == "bfloat16":
        return (openvino.PACKAGE,)
    # Ranges of int8 are those that ONNX Runtime sees, and in float32 it is what OpenVINO has to agree with.
    return (onnxruntime,) if openvino.missing() else (onnxruntime, openvino.PACKAGE)
