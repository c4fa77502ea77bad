"""Who computes features: Keras, or an exported trunk whose rows agree with it and never mix with its own."""

import pickle
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.features import backends, cut_model, trunks
from frostline.features.backends import Backend, Exported, Forward, available, exported, fastest, packages
from frostline.features.extraction import Images, View, features
from frostline.models import keras_backend, network
from frostline.models.keras_backend import framework
from frostline.runtime import conversion, openvino
from helpers.networks import HEIGHT, KERAS_COPIES, WIDTH, augmentation, classifier, residual
from helpers.remarks import remarks

pytestmark = KERAS_COPIES
PICTURES = np.random.default_rng(4).integers(0, 256, (5, HEIGHT, WIDTH, 3), np.uint8)
HERE = {"device": "cpu", "precision": "float32"}  # ONNX Runtime's own provider stands in for OpenVINO's


def frozen(precision: str, backbone: str = "mobilenet") -> Any:
    """A pretrained network's trunk in a precision, its weights drawn."""
    entry = classifier(backbone=backbone, precision=precision)
    return cut_model.cut(network.build(entry, backbone=backbone, weights=None, classes=3), "all").trunk


@pytest.fixture(scope="module")
def halved() -> Any:
    """A trunk in bfloat16."""
    return frozen("bfloat16")


def processor(monkeypatch: pytest.MonkeyPatch, *, bfloat16: bool, missing: str = "") -> None:
    """One that multiplies bfloat16 or not, with OpenVINO or without."""
    monkeypatch.setattr(openvino, "has_bfloat16", lambda: bfloat16)
    monkeypatch.setattr(openvino, "missing", lambda: missing)


@pytest.mark.parametrize(
    ("backbone", "tolerance"),
    # The last one's normalisation of pixels holds constants, which it rounded when it was built.
    [
        ("mobilenet", 2**-8),
        pytest.param("resnet50", 2**-8, marks=pytest.mark.slow),
        pytest.param("efficientnetv2b0", 2**-6, marks=pytest.mark.slow),
    ],
)
def test_an_exported_trunk_computes_in_float32_and_rounds_once(backbone: str, tolerance: float) -> None:
    """Its rows are those of the same weights in float32, rounded; what Keras says stays what it was."""
    halved, whole = frozen("bfloat16", backbone), frozen("float32", backbone)
    whole.set_weights(halved.get_weights())
    before = Forward(halved)(PICTURES)["rows"]
    found = exported(halved, **HERE)(PICTURES)["rows"]
    assert found.dtype.name == "bfloat16"
    expected = Forward(whole)(PICTURES)["rows"]
    off = np.linalg.norm(found.astype(np.float32) - expected, axis=1)
    assert (off < tolerance * np.linalg.norm(expected, axis=1)).all()
    assert np.array_equal(Forward(halved)(PICTURES)["rows"], before)


def test_layers_get_their_precision_back(halved: Any) -> None:
    """Also where the conversion fails."""
    before = [layer.dtype_policy.name for layer in halved.layers]
    with pytest.raises(backends.UnfitError):
        exported(halved, device="cuda", precision="float32")
    assert [layer.dtype_policy.name for layer in halved.layers] == before
    assert "mixed_bfloat16" in before


def test_it_travels(halved: Any) -> None:
    """Pickled and opened again it gives the same bits."""
    here = exported(halved, **HERE)
    there = pickle.loads(pickle.dumps(here))
    assert isinstance(there, Exported)
    assert np.array_equal(there(PICTURES)["rows"], here(PICTURES)["rows"])


def test_keras_alone_where_nothing_is_faster(monkeypatch: pytest.MonkeyPatch, halved: Any) -> None:
    """float32, a processor without bfloat16, no OpenVINO: one backend, whose name is Keras' and TensorFlow's."""
    processor(monkeypatch, bfloat16=True)
    assert [backend.name for backend in available(residual().body)] == [framework()]
    processor(monkeypatch, bfloat16=False)
    assert [backend.name for backend in available(halved)] == [framework()]
    processor(monkeypatch, bfloat16=True, missing="not installed")
    assert [backend.name for backend in available(halved)] == [framework()]


def test_openvino_first_in_bfloat16(monkeypatch: pytest.MonkeyPatch, halved: Any) -> None:
    """Its version is in the name, which is part of the key of the features."""
    processor(monkeypatch, bfloat16=True)
    monkeypatch.setattr(openvino, "runtime", lambda: "OpenVINO 7.8.9")
    assert [backend.name for backend in available(halved)] == ["OpenVINO 7.8.9 in bf16", framework()]
    assert packages(halved) == (openvino.PACKAGE,)
    assert packages(residual().body) == ()


def test_one_conversion_for_all_views(
    of: Images, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The trunk is exported once, and said to be; what is cached asks for nothing; Keras' features lie elsewhere."""
    processor(monkeypatch, bfloat16=False)
    net, made = frozen("bfloat16"), []
    real = conversion.trunk

    def counting(*given: Any, **named: Any) -> bytes:
        made.append(1)
        return real(*given, **named)

    monkeypatch.setattr(conversion, "trunk", counting)
    plain = features(of, trunk=net, key={})[:]
    assert made == []
    backend = Backend("exported", partial(exported, net, **HERE))
    monkeypatch.setattr(backends, "available", lambda _, **__: [backend])
    view = View(augmentation(rotation=20, views=2), 1)
    fresh = features(of, trunk=net, key={})[:]
    features(of, trunk=net, key={}, view=view)
    assert made == [1]
    assert capsys.readouterr().err.count("trunk: on cpu in float32\n") == 1
    monkeypatch.setattr(
        backends, "available", lambda _, **__: [Backend("exported", lambda _: pytest.fail("computed again"))]
    )
    assert np.array_equal(features(of, trunk=net, key={})[:], fresh)
    assert not np.array_equal(fresh, plain)
    np.testing.assert_allclose(fresh, plain, rtol=0.1, atol=0.05)


def test_the_file_is_kept_beside_the_features(
    of: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process with a few new images opens it; a damaged one is made anew."""
    net = frozen("bfloat16")
    monkeypatch.setattr(
        backends, "available", lambda _, **__: [Backend("exported", partial(exported, net, **HERE))]
    )
    few = replace(of, paths=of.paths[:5], ids=of.ids[:5])
    features(few, trunk=net, key={})
    [kept] = (tmp_path / "cache/features").glob("*/*.onnx")
    content = kept.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(conversion, "trunk", lambda *_, **__: pytest.fail("converted again"))
        backends._try_export.cache_clear()
        features(of, trunk=net, key={})
    kept.write_bytes(content[:-1])
    assert exported(net, kept.parent, **HERE) is exported(net, kept.parent, **HERE)
    backends._try_export.cache_clear()
    with remarks() as lines:
        exported(net, kept.parent, **HERE)
    assert kept.read_bytes() == content
    assert sum("the trunk is converted anew" in line for line in lines) == 1


def test_keras_steps_in(of: Images, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """A device that does not come up costs one note, not the training; nothing is kept under its name."""
    processor(monkeypatch, bfloat16=False)
    net = frozen("bfloat16")
    expected = features(of, trunk=net, key={"of": "Keras"})[:]
    plain = available(net)[-1]
    absent = Backend("absent", partial(exported, net, device="cuda", precision="float32"))
    monkeypatch.setattr(backends, "available", lambda _, **__: [absent, plain])
    assert np.array_equal(features(of, trunk=net, key={"of": "both"})[:], expected)
    view = View(augmentation(rotation=20, views=2), 1)
    features(of, trunk=net, key={"of": "both"}, view=view)
    [note] = [line for line in capsys.readouterr().err.splitlines() if "note" in line]
    assert note.startswith("note: cuda cannot run this trunk (")
    assert note.endswith("; Keras does")
    assert isinstance(fastest(net), Forward)


WITH_BFLOAT16 = pytest.mark.skipif(
    not openvino.has_bfloat16() or bool(openvino.missing()), reason="no processor for OpenVINO's bfloat16"
)


@WITH_BFLOAT16
@pytest.mark.parametrize(
    ("backbone", "width"), [("mobilenet", 1024), pytest.param("resnet50", 2048, marks=pytest.mark.slow)]
)
def test_openvino_itself(of: Images, backbone: str, width: int) -> None:
    """On such a processor it is the one that computes, and it computes the same function; the two round otherwise."""
    net = frozen("bfloat16", backbone)
    assert isinstance(fastest(net), Exported)
    alone, keras = (backend.open(None)(PICTURES)["rows"].astype(np.float32) for backend in available(net))
    assert np.linalg.norm(alone - keras) < 0.05 * np.linalg.norm(keras)
    shared = available(net, parallel=True)[0].open(None)
    assert isinstance(shared, Exported)
    assert shared.streams == openvino.streams()
    assert np.array_equal(shared(PICTURES)["rows"].astype(np.float32), alone)
    assert features(of, trunk=net, key={})[:].shape == (35, width)


def test_versions_are_told_without_loading_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name stands in keys: it is the same before and after the import, and another backend is asked itself."""
    keras_backend.keras()
    loaded = framework()
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setattr(keras_backend, "keras", lambda: pytest.fail("Keras was loaded"))
    assert framework() == loaded
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(pytest.fail.Exception, match="Keras was loaded"):
        framework()


def test_a_converted_trunk_loads_keras_only_when_it_is_opened() -> None:
    """Its rows are those of Keras, under the same name."""
    trunk = trunks.ConvertedTrunk(b"", (3,), lambda: pytest.fail("Keras was loaded"))
    assert (trunks.shape(trunk), trunks.dtype(trunk)) == ((3,), "float32")
    [backend] = backends.available(trunk)
    assert backend.name == framework()
    with pytest.raises(pytest.fail.Exception, match="Keras was loaded"):
        backend.open(None)
