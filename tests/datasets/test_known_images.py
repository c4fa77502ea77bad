"""Images by names that are known: the same bytes as by a listing, without one."""

import os
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from frostline.datasets.known_images import KnownImages
from frostline.errors import InputError
from frostline.images import ImageError
from helpers.images import archive, classes, folder, tar

FILES = classes({"cats": 3, "dogs": 4}) | {"cats/a b.png": b"blank", "cats/line\nbreak.png": b"line"}


@pytest.mark.parametrize("make", [folder, archive, tar])
def test_names_that_are_known_need_no_listing(
    tmp_path: Path, make: Callable[[Path, Mapping[str, bytes]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bytes from eight threads at once, and where a copy arrives; nothing walks through a folder."""
    made = make(tmp_path / "data", FILES)
    monkeypatch.setattr("frostline.datasets.source.walk_images", None)
    names = list(FILES) * 20
    with KnownImages(made) as known, ThreadPoolExecutor(8) as pool:
        copy = pickle.loads(pickle.dumps(known))
        for read in (known.read, copy.read):
            assert dict(zip(names, pool.map(read, names), strict=True)) == FILES


def test_known_names_that_are_no_files(tmp_path: Path) -> None:
    """In a folder of archives, printed otherwise than they are, gone; a folder that is gone is another error."""
    shards, odd = folder(tmp_path / "shards", {}), folder(tmp_path / "odd", {"a.png": b"a"})
    archive(shards / "one.zip", FILES)
    (odd / os.fsdecode(b"caf\xe9.png")).write_bytes(b"b")
    with KnownImages(shards) as known:
        assert known.read("one.zip/cats/a b.png") == b"blank"
    with KnownImages(odd) as known:
        assert known.read("caf\\xe9.png") == b"b"
        with pytest.raises(ImageError, match=r"^cannot be read: no such file$"):
            known.read("gone.png")
    with KnownImages(tmp_path / "none") as known, pytest.raises(InputError, match=r"none is missing"):
        known.read("a.png")
