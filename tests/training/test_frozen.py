"""Frozen layers are named without contradiction, and wrongly named ones are refused before anything is built."""

from pathlib import Path
from typing import Any

import pytest

from frostline.errors import InputError
from frostline.files import sha256
from frostline.models import backbones
from frostline.training import frozen
from frostline.training.features import extract_features
from helpers.images import encoded, folder
from helpers.remarks import flip, remarks


@pytest.mark.parametrize(
    ("layers", "named"),
    [
        ({}, "classifier"),
        ({"classifier": "x", "size": 32, "pooling": "max"}, "size, pooling"),
        ({"backbone": "mobilnet"}, "mobilenet"),
        ({"backbone": "onnx", "weights": "x.onnx"}, "entry of weights in a project.*no backbone"),
        ({"backbone": "mobilenet", "weights": "x.onnx"}, "entry of weights in a project"),
        ({"backbone": "mobilenet", "weights": "none.h5"}, r"none\.h5"),
        ({"backbone": "mobilenet", "weights": "random", "size": 4}, "height"),
        ({"backbone": "mobilenet", "weights": "random", "pooling": "sum"}, "pooling"),
        ({"backbone": "mobilenet", "weights": "random", "size": 32, "end_at": "block9"}, "block9"),
        ({"classifier": "x", "project": "nowhere"}, "nowhere"),
    ],
)
def test_what_is_named_wrongly(
    layers: dict[str, Any], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """InputError that names it."""
    monkeypatch.chdir(folder(tmp_path, {"photos/a.png": encoded(1)}))
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(InputError, match=named):
        extract_features("photos", **layers)


def test_no_images(tmp_path: Path) -> None:
    """An empty folder is an error, an empty list an empty result is not asked for."""
    folder(tmp_path, {"photos/readme.txt": b"nothing"})
    with pytest.raises(InputError, match="no images"):
        extract_features(tmp_path / "photos", backbone="mobilenet", weights="random", size=32)


def test_kept_weights_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights of no project are written once; a flipped bit is found, so that no features are made with it."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    written = []

    def save(_: str, __: object, *, seed: int, to: Path) -> None:
        written.append(seed)
        to.write_bytes(b"weights" * 1000)

    monkeypatch.setattr(backbones, "save_weights", save)
    layers = frozen.LayerSelection(backbone="mobilenet", weights="random")
    for _ in range(2):
        weights, file = frozen._own_weights(layers, "mobilenet")
        assert weights["sha256"] == sha256(b"weights" * 1000)
    assert len(written) == 1
    flip(file, 3000)
    with remarks() as lines:
        assert frozen._own_weights(layers, "mobilenet")[0] == weights
    assert (len(written), len(lines)) == (2, 1)
