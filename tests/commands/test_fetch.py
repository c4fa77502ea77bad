"""`frostline net fetch`: a file from elsewhere lies where a project looks for it, with what it says of its images."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml

from frostline import config
from frostline.commands import fetch
from frostline.errors import FrostlineError, InputError
from frostline.files import sha256
from frostline.pipeline import processes
from frostline.runtime import onnx_description
from frostline.template import weights
from helpers.downloads import serving
from helpers.onnx_networks import network

ROOT = Path(__file__).parents[2]
CONTENT = network().SerializeToString()
PROCESSOR = json.dumps({"image_mean": [0.5] * 3, "image_std": [0.25] * 3}).encode()


def test_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file as it came, its hash for next time, and that its input is a guess."""
    monkeypatch.chdir(tmp_path)
    with serving({"/a/x.onnx": CONTENT}) as site:
        lines = fetch.run(f"{site.url}/a/x.onnx")
    assert Path("x.onnx").read_bytes() == CONTENT
    assert f"--sha256 {sha256(CONTENT)}" in lines[1]
    assert "guess" in lines[2]
    assert "--weights x.onnx" in lines[-1]


def test_described_by_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the hub says of its images is in the file, and `init` guesses nothing."""
    monkeypatch.chdir(tmp_path)
    root = "/org/net/resolve/main"
    with serving({f"{root}/x.onnx": CONTENT, f"{root}/preprocessor_config.json": PROCESSOR}) as site:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        lines = fetch.run("hf:org/net/x.onnx", out=Path("mine.onnx"))
    described = onnx_description.read(onnx.load("mine.onnx"))
    assert described is not None
    assert (described.input.std, described.origin) == ([0.25] * 3, "hf:org/net/x.onnx")
    assert not [line for line in lines if "guess" in line]
    found = weights.recognise(Path("mine.onnx"))
    assert found.onnx is not None
    assert found.onnx.described == described
    assert weights.remarks(found) == ()


def test_weights_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder, which is a source as a file is."""
    monkeypatch.chdir(tmp_path)
    onnx.save(network(), tmp_path / "x.onnx", save_as_external_data=True, location="x.data", size_threshold=0)
    offered = {f"/{name}": (tmp_path / name).read_bytes() for name in ("x.onnx", "x.data")}
    with serving(offered) as site:
        fetch.run(f"{site.url}/x.onnx", out=Path("net.onnx"))
    assert sorted(path.name for path in Path("net").iterdir()) == ["x.data", "x.onnx"]
    assert weights.recognise(Path("net")).onnx is not None


def test_into_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under DVC in pretrained/, with an entry of params.yaml that holds; once."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    calls: list[tuple[str, ...]] = []
    monkeypatch.setattr(processes, "run", lambda *command: calls.append(command))
    with serving({"/x.onnx": CONTENT}) as site:
        lines = fetch.run(f"{site.url}/x.onnx", sha256=sha256(CONTENT))
        assert "params.yaml: weights.x added" in lines
        assert calls == [("dvc", "add", "pretrained/x.onnx")]
        entry = config.load().weights["x"]
        assert (entry.backbone, entry.source) == ("onnx", "x.onnx")
        before = Path("params.yaml").read_bytes()
        with pytest.raises(InputError, match="exists"):
            fetch.run(f"{site.url}/x.onnx")
    assert Path("params.yaml").read_bytes() == before
    assert yaml.safe_load(before)["weights"]["x"]["taps"] == {
        "vector": {"pooling": "none", "prefix_tokens": 0}
    }


def test_what_is_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left of it."""
    monkeypatch.chdir(tmp_path)
    with serving({"/x.onnx": b"something"}) as site, pytest.raises(InputError, match="no ONNX file"):
        fetch.run(f"{site.url}/x.onnx")
    assert not list(tmp_path.iterdir())


def test_options_of_other_sources() -> None:
    """A checkpoint is for timm, a hash for what is downloaded by us."""
    with pytest.raises(InputError, match="--size"):
        fetch.run("hf:org/net/x.onnx", size=64)
    with pytest.raises(InputError, match="--sha256"):
        fetch.run("timm:resnet18", sha256="0" * 64)
    with pytest.raises(InputError, match=r"\.onnx"):
        fetch.run("timm:resnet18", out=Path("x.pt"))
    with pytest.raises(InputError, match="write timm:NAME"):
        fetch.run("timm:")


def test_without_timm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(FrostlineError, match=r"frostline\[timm\]"):
        fetch.run("timm:resnet18")


def test_photos() -> None:
    """Real ones, each another, of the size that is asked for."""
    parts = fetch.photos((20, 30))
    assert parts.shape == (2 * fetch.CROPS, 20, 30, 3)
    assert len(np.unique(parts.reshape(len(parts), -1), axis=0)) == len(parts)
