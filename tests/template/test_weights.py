"""PretrainedFile weights at hand: files by their number of parameters, Keras' downloads, nothing."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from frostline.config import KerasWeights, OnnxWeights, Tap
from frostline.config.backbones import TABLE
from frostline.errors import InputError
from frostline.template import onnx_weights, weights
from helpers.onnx_networks import WIDTH, written


def weights_file(path: Path, count: int) -> Path:
    """An HDF5 file whose arrays hold so many numbers."""
    with h5py.File(path, "w") as file:
        file["layers/a/vars/0"] = np.zeros(count - 3, np.int8)
        file["layers/b/vars/0"] = np.zeros(3, np.int8)
    return path


@pytest.mark.parametrize("name", ["mobilenet", "vgg16", "efficientnetb0"])
def test_recognise(tmp_path: Path, name: str) -> None:
    """A file is known by how many parameters it holds."""
    file = weights_file(tmp_path / "mine.weights.h5", TABLE[name].parameters)
    found = weights.find(str(file))
    assert found is not None
    assert (found.backbone, found.file, found.source) == (name, file, "mine.weights.h5")


def test_every_backbone_has_its_own_number() -> None:
    """Else a file could be taken for another network's."""
    assert len({row.parameters for row in TABLE.values()}) == len(TABLE)


@pytest.mark.parametrize("content", [None, b"no hdf5", b""])
def test_what_is_no_weights_file(tmp_path: Path, content: bytes | None) -> None:
    """Missing or something else: an input error that names the file."""
    file = tmp_path / "x.h5"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.h5"):
        weights.find(str(file))


def test_an_unknown_network(tmp_path: Path) -> None:
    """The number that nothing has is said."""
    with pytest.raises(InputError, match="holds 1,234 parameters"):
        weights.find(str(weights_file(tmp_path / "x.h5", 1234)))


def test_imagenet_where_it_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word: what Keras has downloaded or can download, else none; `none` and `imagenet` decide."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "_reachable", lambda: False)
    assert weights.find(None) is None
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / weights.KERAS_FILE).touch()
    assert weights.find(None) == weights.find("imagenet") == weights.PretrainedFile("mobilenet")
    assert weights.find("none") is None


def test_those_that_a_project_has() -> None:
    """The first backbone with weights that say something."""
    entries = {
        name: KerasWeights.model_validate({"backbone": backbone, "source": source})
        for name, backbone, source in (
            ("a", None, "scratch"), ("b", "vgg19", "random"), ("c", "vgg16", "x.h5"), ("d", "xception", "imagenet")
        )
    }  # fmt: skip
    found = weights.named(entries)
    assert found is not None
    assert (found.backbone, found.source) == ("vgg16", "x.h5")
    assert weights.named({"a": entries["a"]}) is None


def test_an_onnx_file(tmp_path: Path) -> None:
    """Its size, tap and width are read from it; its name is that of the file."""
    found = weights.find(str(written(tmp_path / "My Net.onnx", size=(20, 30))))
    assert found is not None
    assert found.onnx is not None
    assert (found.backbone, found.name, found.source) == ("onnx", "my-net", "My Net.onnx")
    assert (found.onnx.height, found.onnx.width, found.onnx.free) == (20, 30, False)
    assert (found.onnx.tap, found.onnx.features) == ("vector", WIDTH)
    assert found.onnx.ends == {"convolved": Tap(pooling="mean", prefix_tokens=0)}
    text = onnx_weights.entry("mine", "x.onnx", found.onnx)
    assert "    #   convolved: {pooling: mean, prefix_tokens: 0}\n    taps:\n" in text


def test_an_onnx_file_that_is_none(tmp_path: Path) -> None:
    """One line with its name."""
    (tmp_path / "x.onnx").write_bytes(b"something")
    with pytest.raises(InputError, match=r"x\.onnx is no ONNX file"):
        weights.find(str(tmp_path / "x.onnx"))


def test_the_onnx_network_that_a_project_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`frostline data add` takes it by its entry's name."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "pretrained/net.onnx")
    entry = {
        "backbone": "onnx", "source": "net.onnx",
        "input": {"channels": "RGB", "scale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3},
        "taps": {"vector": {"pooling": "none", "prefix_tokens": 0}},
    }  # fmt: skip
    found = weights.named({"mine": OnnxWeights.model_validate(entry)})
    assert found is not None
    assert (found.name, found.source, found.onnx is not None) == ("mine", "net.onnx", True)
    assert weights.among({"mine": OnnxWeights.model_validate(entry)}, found).name == "mine"
