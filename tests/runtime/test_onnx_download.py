"""ONNX files from elsewhere: by a server on this machine that stands in for the hub."""

import json
from pathlib import Path
from typing import Any

import onnx
import pytest

from frostline.errors import FrostlineError, InputError
from frostline.files import sha256
from frostline.runtime import onnx_download
from helpers.downloads import serving
from helpers.onnx_networks import network

CONTENT = network().SerializeToString()
ROOT = "/org/net/resolve/main"


def hub(monkeypatch: pytest.MonkeyPatch, url: str, token: str = "") -> None:
    """The server takes the hub's place."""
    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setenv("HF_TOKEN", token)


def test_from_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file as it is, at the revision; its token goes to the hub, and to nobody that it leads to."""
    with serving({"/stored": CONTENT}) as other:
        path = "/org/net/resolve/v1/onnx/model.onnx"
        with serving({}, moved={path: f"{other.url}/stored"}) as site:
            hub(monkeypatch, site.url, "secret")
            found = onnx_download.download(onnx_download.source("hf:org/net/onnx/model.onnx@v1"), tmp_path)
    assert found == sha256(CONTENT)
    assert (tmp_path / "model.onnx").read_bytes() == CONTENT
    assert site.asked == [("GET", path, "Bearer secret")]
    assert other.asked == [("GET", "/stored", "")]


def test_weights_beside(tmp_path: Path) -> None:
    """Files that the model names come too."""
    onnx.save(network(), tmp_path / "x.onnx", save_as_external_data=True, location="x.data", size_threshold=0)
    offered = {f"/a/{name}": (tmp_path / name).read_bytes() for name in ("x.onnx", "x.data")}
    with serving(offered) as site:
        onnx_download.download(onnx_download.source(f"{site.url}/a/x.onnx"), tmp_path / "there")
    assert (tmp_path / "there/x.data").read_bytes() == offered["/a/x.data"]


def test_another_hash(tmp_path: Path) -> None:
    """Nothing is kept of what is not what was asked for; the right hash passes in any case."""
    with serving({"/x.onnx": CONTENT}) as site:
        given = onnx_download.source(f"{site.url}/x.onnx")
        with pytest.raises(InputError, match="SHA-256"):
            onnx_download.download(given, tmp_path, digest="0" * 64)
        assert not list(tmp_path.iterdir())
        assert onnx_download.download(given, tmp_path, digest=sha256(CONTENT).upper())


def test_what_ends_too_early(tmp_path: Path) -> None:
    """No half of a file."""
    with (
        serving({"/x.onnx": CONTENT}, short=9) as site,
        pytest.raises(FrostlineError, match=r"ended|cannot be downloaded"),
    ):
        onnx_download.download(onnx_download.source(f"{site.url}/x.onnx"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_not_there(tmp_path: Path) -> None:
    """The server's answer, and a server that is none."""
    with serving({}) as site, pytest.raises(FrostlineError, match="404"):
        onnx_download.download(onnx_download.source(f"{site.url}/x.onnx"), tmp_path)
    with pytest.raises(FrostlineError, match="cannot be downloaded"):
        onnx_download.download(onnx_download.source(f"{site.url}/x.onnx"), tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "x.onnx",
        "hf:x.onnx",
        "hf:a/b/c.pt",
        "https://a.b/c",
        "http://example.org/x.onnx",
        "ftp://a/x.onnx",
        "",
    ],
)
def test_no_source(text: str) -> None:
    """What is no name of a file, or no safe way to it."""
    with pytest.raises(InputError):
        onnx_download.source(text)


HALF = [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("file", "values", "scale", "mean", "side"),
    [
        (
            "preprocessor_config.json",
            {"image_mean": HALF, "image_std": HALF, "rescale_factor": 1 / 255, "size": {"height": 8, "width": 9}},
            1 / 255, 0.5, (8, 9),
        ),
        (
            "preprocessor_config.json",
            {"image_mean": HALF, "image_std": HALF, "size": 9, "do_center_crop": True, "crop_size": 8},
            1 / 255, 0.5, (8, 8),
        ),
        ("preprocessor_config.json", {"do_normalize": False, "do_rescale": False}, 1.0, 0.0, None),
        ("config.json", {"pretrained_cfg": {"mean": HALF, "std": HALF, "input_size": [3, 8, 9]}}, 1 / 255, 0.5, (8, 9)),
    ],
)  # fmt: skip
def test_described(
    file: str, values: Any, scale: float, mean: float, side: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By transformers' processor, or timm's configuration."""
    with serving({f"{ROOT}/{file}": json.dumps(values).encode()}) as site:
        hub(monkeypatch, site.url)
        found = onnx_download.described(onnx_download.source("hf:org/net/x.onnx"))
    assert found is not None
    assert (found.input.scale, found.input.mean, found.side) == (pytest.approx(scale), [mean] * 3, side)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"image_mean": [0, 0], "image_std": [1, 1]}', b"\xff"]
)
def test_not_described(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that say nothing that is understood."""
    with serving({f"{ROOT}/preprocessor_config.json": content}) as site:
        hub(monkeypatch, site.url)
        assert onnx_download.described(onnx_download.source("hf:org/net/x.onnx")) is None
