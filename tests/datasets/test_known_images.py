"""Images by names that are known: the same bytes as by a listing, without one."""

import os
import pickle
import zipfile
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
    with (
        KnownImages(made) as known,
        pickle.loads(pickle.dumps(known)) as copy,
        ThreadPoolExecutor(8) as pool,
    ):
        for read in (known.read, copy.read):
            assert dict(zip(names, pool.map(read, names), strict=True)) == FILES


def test_known_names_that_are_no_files(tmp_path: Path) -> None:
    """In a folder of archives, printed otherwise than they are, gone; a folder that is gone is another error."""
    shards, odd = folder(tmp_path / "shards", {}), folder(tmp_path / "odd", {"a.png": b"a"})
    archive(shards / "one.zip", FILES)
    archive(shards / "two.zip", FILES)
    (odd / os.fsdecode(b"caf\xe9.png")).write_bytes(b"b")
    with KnownImages(shards) as known:
        assert known.read("one.zip/cats/a b.png") == b"blank"
        for gone in ("one.zip/cats/gone.png", "three.zip/cats/a b.png"):
            with pytest.raises(ImageError, match=r"^cannot be read: no such file$"):
                known.read(gone)
    with KnownImages(odd) as known:
        assert known.read("caf\\xe9.png") == b"b"
        with pytest.raises(ImageError, match=r"^cannot be read: no such file$"):
            known.read("gone.png")
    with KnownImages(tmp_path / "none") as known, pytest.raises(InputError, match=r"none is missing"):
        known.read("a.png")


def test_an_archive_is_read_without_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is listed, the archive is opened once, and others beside it may be no archives."""
    shards = folder(tmp_path / "shards", {"two.zip": b"PK half-copied"})
    archive(shards / "one.zip", FILES)
    opened: list[object] = []
    monkeypatch.setattr("frostline.datasets.known_images.open_source", None)
    monkeypatch.setattr("frostline.datasets.archives._zip_entries", None)
    monkeypatch.setattr(
        zipfile, "ZipFile", lambda path, whole=zipfile.ZipFile: opened.append(path) or whole(path)
    )
    with KnownImages(shards) as known, ThreadPoolExecutor(8) as pool:
        names = [f"one.zip/{name}" for name in FILES if "\n" not in name] * 20
        assert list(pool.map(known.read, names)) == [FILES[name.partition("/")[2]] for name in names]
    assert opened == [shards / "one.zip"]


def test_an_entry_in_an_old_code_page_is_none_of_the_name_that_its_bytes_spell_there(tmp_path: Path) -> None:
    """The byte 0x82 is an é in code page 437, which nobody meant: the listing finds both entries by their own names."""
    packed = archive(tmp_path / "shards/one.zip", {"a/é.png": b"as it is", "a/X.png": b"another"})
    packed.write_bytes(packed.read_bytes().replace(b"a/X.png", b"a/\x82.png"))
    with KnownImages(packed.parent) as known:
        assert known.read("one.zip/a/é.png") == b"as it is"
        assert known.read("one.zip/a/\\x82.png") == b"another"
