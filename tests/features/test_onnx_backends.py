"""Who computes the trunk of an ONNX file: OpenVINO or ONNX Runtime, whose rows agree and never mix."""

from typing import Any

import numpy as np
import pytest

from frostline import config
from frostline.errors import FrostlineError
from frostline.features import backends, onnx_backends, trunks
from frostline.features.backends import available, packages
from frostline.features.exported import Exported
from frostline.features.extraction import Images, View, features
from frostline.features.trunks import OnnxTrunk
from frostline.runtime import onnx_trunk, openvino, providers
from helpers.networks import HEIGHT, WIDTH, augmentation
from helpers.onnx_networks import network as onnx_network

WITH_OPENVINO = pytest.mark.skipif(bool(openvino.missing()), reason="the extra cpu is not installed")
WITH_BFLOAT16 = pytest.mark.skipif(
    not openvino.has_bfloat16() or bool(openvino.missing()), reason="no processor for OpenVINO's bfloat16"
)


def processor(monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool, missing: str = "") -> None:
    """One that multiplies bfloat16 or not, with OpenVINO or without."""
    monkeypatch.setattr(openvino, "has_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(openvino, "missing", lambda: missing)


def of_onnx(precision: str) -> OnnxTrunk:
    """The trunk of a tiny ONNX file in a precision."""
    source = {"channels": "RGB", "scale": 1 / 255, "mean": [0.0] * 3, "std": [1.0] * 3}
    taps = {"vector": {"pooling": "none", "prefix_tokens": 0}}
    entry = config.OnnxWeights(backbone="onnx", source="net.onnx", input=source, taps=taps)
    made = onnx_trunk.make(onnx_network(size=None), entry.input, entry.taps)
    return trunks.opened(
        made, weights="net", size=config.Size(height=HEIGHT, width=WIDTH), precision=precision
    )


def test_who_computes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32 OpenVINO where it is, and ONNX Runtime; OpenVINO alone in bfloat16. The record names packages."""
    processor(monkeypatch, bfloat16=True)
    monkeypatch.setattr(openvino, "runtime", lambda: "OpenVINO 7.8.9")
    onnxruntime = providers.distribution()
    plain = f"ONNX Runtime {onnxruntime.version}"
    whole, halved = of_onnx("float32"), of_onnx("bfloat16")
    assert [backend.name for backend in available(whole)] == ["OpenVINO 7.8.9 in float32", plain]
    assert packages(whole) == (onnxruntime.name, openvino.PACKAGE)
    assert [backend.name for backend in available(halved)] == ["OpenVINO 7.8.9 in bf16"]
    assert packages(halved) == (openvino.PACKAGE,)
    processor(monkeypatch, bfloat16=True, missing="not installed")
    assert [backend.name for backend in available(whole)] == [plain]
    assert packages(whole) == (onnxruntime.name,)


@WITH_OPENVINO
def test_engines_agree_and_their_rows_are_kept_apart(of: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    """By rounding alone; where the extra is gone, nothing of what OpenVINO computed is read."""
    trunk = of_onnx("float32")
    rows = features(of, trunk=trunk, key={})[:]
    assert backends.name(trunk).startswith("OpenVINO")
    monkeypatch.setattr(openvino, "missing", lambda: "not installed")
    assert backends.name(trunk).startswith("ONNX Runtime")
    by_onnxruntime = features(of, trunk=trunk, key={})[:]
    np.testing.assert_allclose(rows, by_onnxruntime, atol=onnx_backends.AGREES * np.abs(rows).max())
    monkeypatch.setattr(onnx_backends, "_opened", lambda *_, **__: pytest.fail("computed again"))
    assert np.array_equal(features(of, trunk=trunk, key={})[:], by_onnxruntime)


@WITH_OPENVINO
@pytest.mark.parametrize("what", ["breaks", "differs"])
def test_onnx_runtime_steps_in(
    of: Images, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, what: str
) -> None:
    """For a network that OpenVINO cannot run, or computes otherwise; one note, and nothing under its name."""
    real = onnx_backends.Exported

    def other(content: bytes, device: str, *rest: str, **named: Any) -> Exported:
        if device == "openvino" and what == "breaks":
            raise FrostlineError("openvino cannot run this model: no such layer")
        made = real(content, device, *rest, **named)
        if device == "openvino":
            run = made._pool.run
            monkeypatch.setattr(made._pool, "run", lambda batch: {"features": 1.01 * run(batch)["features"]})
        return made

    monkeypatch.setattr(onnx_backends, "Exported", other)
    trunk = of_onnx("float32")
    rows = features(of, trunk=trunk, key={"of": what})[:]
    features(of, trunk=trunk, key={"of": what}, view=View(augmentation(rotation=20, views=2), 1))
    assert backends.name(trunk).startswith("ONNX Runtime")
    [note] = [line for line in capsys.readouterr().err.splitlines() if "note" in line]
    assert note.startswith("note: openvino cannot run this trunk (")
    assert note.endswith("; ONNX Runtime does")
    monkeypatch.setattr(openvino, "missing", lambda: "not installed")
    assert np.array_equal(features(of, trunk=trunk, key={"of": what})[:], rows)


@pytest.mark.parametrize(
    ("bfloat16", "missing", "said"),
    [
        (False, "", "this processor has neither AMX nor AVX-512 BF16; set `precision` to float32"),
        (
            True,
            "not installed",
            r"not installed; set `precision` to float32, or: pip install 'frostline\[cpu\]'",
        ),
    ],
)
def test_bfloat16_of_an_onnx_file_is_there_or_refused(
    monkeypatch: pytest.MonkeyPatch, bfloat16: bool, missing: str, said: str
) -> None:
    """Nothing imitates it."""
    processor(monkeypatch, bfloat16=bfloat16, missing=missing)
    with pytest.raises(FrostlineError, match=rf"{said}$"):
        available(of_onnx("bfloat16"))


@WITH_BFLOAT16
def test_an_onnx_file_in_bfloat16(of: Images) -> None:
    """The same function, in half of the space."""
    exact, halved = (
        features(of, trunk=of_onnx(name), key={"in": name})[:] for name in ("float32", "bfloat16")
    )
    assert 0 < np.linalg.norm(exact - halved) < 0.02 * np.linalg.norm(exact)
    assert trunks.dtype(of_onnx("bfloat16")) == "bfloat16"
