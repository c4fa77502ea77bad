"""`frostline cache`: what it lists, what it deletes, what it finds damaged."""

import os
import time
from pathlib import Path

import numpy as np
import pytest

from frostline import files
from frostline.commands import cache
from frostline.errors import FrostlineError, InputError
from frostline.store import Store

IDS = [files.sha256(str(number).encode()) for number in range(20)]
KEY = {"backbone": "vgg19", "cut": "pool", "precision": "bfloat16", "shape": [32, 40, 3], "resize": "squash"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of two files of ten rows each, the first last used 40 days ago."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))
    monkeypatch.delenv("FROSTLINE_CACHE_LIMIT", raising=False)
    where = tmp_path / "features" / "abcdef0123"
    files.write_json(where / "key.json", KEY)
    store = Store(where, shape=(100,), dtype="float32")
    store.append(IDS[:10], np.ones((10, 100)))
    then = time.time() - 40 * 86_400
    os.utime(next(where.glob("*.arrow")), (then, then))
    store.append(IDS[10:], np.zeros((10, 100)))
    return where


def test_list() -> None:
    """A line a key: size, rows, last use, what it is; then the sum."""
    line, total = cache.show()
    assert line.split("  features ")[1] == "abcdef01  vgg19 up to pool, bfloat16, 32x40 squash"
    assert "20 rows  used today" in line
    assert total.endswith("under 1 keys; no FROSTLINE_CACHE_LIMIT is set")


def test_list_features_of_scored_images(folder: Path) -> None:
    """What `score --keep-features` keeps is named by its trunk: an exported model does not tell its cut."""
    for backbone, expected in (("vgg19", "vgg19"), (None, "a network from scratch")):
        key = {"backbone": backbone, "precision": "float32", "trunk": "0123456789abcdef"}
        files.write_json(folder / "key.json", key)
        line, _ = cache.show()
        assert line.endswith(f"abcdef01  {expected}, trunk 01234567 of scored images, float32")


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
    assert cache.verify().startswith("2 files, ")
    victim = sorted(folder.glob("*.arrow"))[0]
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    with pytest.raises(FrostlineError, match=f"damaged, deleted: features abcdef01 {victim.name}"):
        cache.verify()
    assert cache.verify().startswith("1 files, ")
