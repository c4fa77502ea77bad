"""`frostline cache`: what it lists, what it deletes, what it finds damaged."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from frostline import arrow, checksums, files
from frostline.commands import cache
from frostline.errors import FrostlineError, InputError
from frostline.store import Store
from helpers.remarks import flip

IDS = [files.sha256(str(number).encode()) for number in range(20)]
KEY = {"backbone": "vgg19", "cut": "pool", "precision": "bfloat16", "shape": [32, 40, 3], "resize": "squash"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of two files of ten rows each, the first last used 40 days ago."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))
    monkeypatch.delenv("FROSTLINE_CACHE_LIMIT", raising=False)
    where = arrow.folder_of("features", KEY, cache=tmp_path)
    store = Store(where, shape=(100,), dtype="float32")
    store.append(IDS[:10], np.ones((10, 100)))
    then = time.time() - 40 * 86_400
    os.utime(next(where.glob("*.arrow")), (then, then))
    store.append(IDS[10:], np.zeros((10, 100)))
    return where


def test_list(folder: Path) -> None:
    """A line a key: size, rows, last use, what it is; then the sum."""
    heading, _, line, total = cache.show()
    assert [part for part in heading.split("  ") if part][1:3] == ["rows", "last use"]
    shown = f"20 today features {folder.name[:8]} vgg19 up to pool, bfloat16, 32x40 squash"
    assert " ".join(line.split()).endswith(shown)
    assert total.endswith("under 1 keys; no FROSTLINE_CACHE_LIMIT is set")


@pytest.mark.parametrize(("backbone", "expected"), [("vgg19", "vgg19"), (None, "a network from scratch")])
def test_list_features_of_scored_images(tmp_path: Path, backbone: str | None, expected: str) -> None:
    """What `score --keep-features` keeps is named by its trunk: an exported model does not tell its cut."""
    key = {"backbone": backbone, "precision": "float32", "trunk": "0123456789abcdef"}
    where = arrow.folder_of("features", key, cache=tmp_path)
    Store(where, shape=(100,), dtype="float32").append(IDS, np.ones((20, 100)))
    shown = f"{where.name[:8]}  {expected}, trunk 01234567 of scored images, float32"
    assert sum(line.endswith(shown) for line in cache.show()) == 1


def test_a_damaged_description(folder: Path, tmp_path: Path) -> None:
    """One that is not the folder's is not shown, and put right when the folder is used next."""
    for text in ("{", '{"shape": 7, "trunk": null}', "[]"):
        (folder / "key.json").write_text(text)
        assert cache.show()[2].endswith(folder.name[:8])
    assert arrow.folder_of("features", KEY, cache=tmp_path) == folder
    assert cache.show()[2].endswith("vgg19 up to pool, bfloat16, 32x40 squash")


def test_prune_by_age(folder: Path) -> None:
    """What was not used for 30 days goes."""
    assert cache.prune(unused_days=30).startswith("deleted 1 files, ")
    assert Store(folder, shape=(100,), dtype="float32").missing(IDS) == IDS[:10]


@pytest.mark.parametrize("by", ["option", "environment"])
def test_prune_to_a_limit(by: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option, or else the environment, says how much may stay."""
    monkeypatch.setenv("FROSTLINE_CACHE_LIMIT", "6kB" if by == "environment" else "1TB")
    cache.prune(limit="6kB" if by == "option" else None)
    assert len(list(folder.glob("*.arrow"))) == 1


def test_prune_needs_to_know() -> None:
    """Without a limit or an age nothing is deleted, and how to say it is told."""
    with pytest.raises(InputError, match=r"^say what may stay: --limit 20GB, --unused-days 30, or set "):
        cache.prune()


def test_verify(folder: Path) -> None:
    """Whole files pass; a changed one is deleted, named, and the command fails."""
    assert cache.verify()[0].startswith("2 files, ")
    victim = sorted(folder.glob("*.arrow"))[0]
    flip(victim, -1)
    with pytest.raises(FrostlineError, match=f"damaged, deleted: features {folder.name[:8]} {victim.name}"):
        cache.verify()
    assert cache.verify()[0].startswith("1 files, ")


def test_verify_every_kind(tmp_path: Path) -> None:
    """Models, their parts, kept trunks, weights and checkpoints too; what has no checksum is named."""
    content, digest = b"network", files.sha256(b"network")
    model, trunk = tmp_path / f"models/{digest}/model.onnx", tmp_path / f"features/key/{digest[:32]}.onnx"
    weights, state = tmp_path / "weights/key/backbone.weights.h5", tmp_path / "checkpoints/key/state.npz"
    for path in (model, trunk, weights, state, model.with_name("head.onnx"), tmp_path / "weights/old/x.h5"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(checksums.sealed(content) if path == state else content)
    checksums.keep(weights.parent, [weights.name], list)
    checksums.keep(model.parent, ["head.onnx"], list)
    whole, unknown = cache.verify()
    assert whole.startswith("7 files, ")
    assert unknown == "not checked, it has no checksum: weights old x.h5"
    for path in (model, trunk, weights, state, model.with_name("head.onnx")):
        flip(path, -1)
    with pytest.raises(FrostlineError, match="5 files were damaged"):
        cache.verify()
    assert [path.exists() for path in (model, trunk, weights, state)] == [False] * 4
