"""Photos in archives that only grow: what is there is not packed again, and equal photos give equal bytes."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.datasets import labels, shards
from frostline.datasets.shards import Photo
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError, InputError
from helpers.images import archive, classes, folder


def packed(root: Path, files: Mapping[str, bytes]) -> shards.Packed:
    """Pack photos by their place; the reader gives their bytes."""
    return shards.pack(
        (Photo(name, lambda content=content: content) for name, content in files.items()), root
    )


def contents(root: Path) -> list[dict[str, bytes]]:
    """What each archive holds, in their order."""
    found = []
    for path in sorted(root.glob("*.zip")):
        with zipfile.ZipFile(path) as opened:
            found.append({name: opened.read(name) for name in opened.namelist()})
    return found


def test_photos_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive has so many photos and not more; its name has its number and its hash."""
    monkeypatch.setattr(shards, "PHOTOS", 4)
    files = classes({"cat": 5, "dog": 4})
    done = packed(tmp_path, files)
    assert (done.new, done.known, done.elsewhere) == (9, 0, ())
    assert [len(one) for one in contents(tmp_path)] == [4, 4, 1]
    assert {name: content for one in contents(tmp_path) for name, content in one.items()} == files
    assert [path.name[:6] for path in done.paths] == ["00001-", "00002-", "00003-"]
    assert done.paths == tuple(sorted(tmp_path.iterdir()))
    assert shards.is_packed(tmp_path)


def test_many_bytes_close_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as it has so many."""
    monkeypatch.setattr(shards, "BYTES", 10)
    packed(tmp_path, {f"cat/{number}.png": bytes([number] * 6) for number in range(5)})
    assert [len(one) for one in contents(tmp_path)] == [2, 2, 1]


def test_equal_photos_equal_bytes(tmp_path: Path) -> None:
    """Whenever and wherever they are packed."""
    files = classes({"cat": 3, "dog": 3})
    one, two = (packed(tmp_path / name, files).paths for name in ("one", "two"))
    assert [path.name for path in one] == [path.name for path in two]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]


def test_only_what_is_new_is_appended(tmp_path: Path) -> None:
    """Archives that are there stay as they are; what they hold is known by its content, whatever its name."""
    files = classes({"cat": 3, "dog": 3})
    packed(tmp_path, files)
    [before] = tmp_path.iterdir()
    stamp, old = before.stat().st_mtime_ns, before.read_bytes()
    done = packed(tmp_path, {"cat/renamed.png": files["cat/cat-0.png"], "cat/new.png": b"new"})
    assert (done.new, done.known) == (1, 1)
    assert contents(tmp_path)[1] == {"cat/new.png": b"new"}
    assert (before.stat().st_mtime_ns, before.read_bytes()) == (stamp, old)
    assert packed(tmp_path, files).paths == ()


def test_the_same_photo_in_two_classes(tmp_path: Path) -> None:
    """It is packed, so that preprocess tells of the conflict, and it is said."""
    packed(tmp_path, {"cat/a.png": b"one", "dog/b.png": b"two"})
    done = packed(tmp_path, {"dog/a.png": b"one"})
    assert (done.new, done.elsewhere) == (1, ("dog/a.png",))


def test_names_that_are_taken(tmp_path: Path) -> None:
    """Two photos of one name and class are told apart by their content; upper and lower case count as one."""
    files = [
        Photo("cat/a.png", lambda: b"one"),
        Photo("cat/A.png", lambda: b"two"),
        Photo("cat/a.png", lambda: b"6"),
    ]
    shards.pack(files, tmp_path)
    [inside] = contents(tmp_path)
    assert sorted(inside.values()) == [b"6", b"one", b"two"]
    assert len({name.casefold() for name in inside}) == 3


def test_checksums_that_are_equal_by_chance(tmp_path: Path) -> None:
    """CRC-32 and size find candidates; bytes decide."""
    # Two texts of one CRC-32 (https://www.woodmann.com/crackz/Tutorials/Crcrev.htm has the method).
    one, two = b"plumless", b"buckeroo"
    packed(tmp_path, {"cat/one.png": one})
    assert packed(tmp_path, {"cat/two.png": two}).new == 1


@pytest.mark.parametrize("label", ["a/b", ".hidden"])
def test_classes_that_are_no_folders(tmp_path: Path, label: str) -> None:
    """Said before anything is packed."""
    table = f"path,label\na.png,{label}\nb.png,dog\n".encode()
    folder(tmp_path / "photos", {"a.png": b"1", "b.png": b"2", "labels.csv": table})
    with open_source(tmp_path / "photos") as source, pytest.raises(InputError, match="folder"):
        list(shards.placed(labels.read(source, tmp_path / "photos"), source.read, where="photos"))


def test_groups(tmp_path: Path) -> None:
    """Class folders cannot hold them."""
    table = b"path,label,group\na.png,cat,1\nb.png,dog,2\n"
    folder(tmp_path / "photos", {"a.png": b"1", "b.png": b"2", "labels.csv": table})
    with open_source(tmp_path / "photos") as source, pytest.raises(InputError, match="groups"):
        list(shards.placed(labels.read(source, tmp_path / "photos"), source.read, where="photos"))


def test_a_photo_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line names it; no archive that was made stays."""
    monkeypatch.setattr(shards, "PHOTOS", 1)
    folder(tmp_path / "photos", classes({"cat": 2, "dog": 2}))
    with open_source(tmp_path / "photos") as source:
        found = labels.read(source, tmp_path / "photos")
        (tmp_path / "photos/dog/dog-1.png").unlink()
        with pytest.raises(InputError, match=r"dog-1\.png"):
            shards.pack(shards.placed(found, source.read, where="photos"), tmp_path / "packed")
    assert not list((tmp_path / "packed").iterdir())


def test_a_damaged_archive(tmp_path: Path) -> None:
    """Named, with what brings it back."""
    [path] = packed(tmp_path, {"cat/a.png": b"one"}).paths
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match=path.name):
        packed(tmp_path, {"cat/b.png": b"two"})


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """One line, and nothing stands there."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FrostlineError, match="cannot write"):
        packed(tmp_path / "file/below", {"cat/a.png": b"one"})


def test_is_packed(tmp_path: Path) -> None:
    """Archives of other names, and photos beside them, are not ours to append to."""
    assert not shards.is_packed(tmp_path)
    assert not shards.is_packed(tmp_path / "missing")
    archive(tmp_path / "2026-01.zip", {"cat/a.png": b"one"})
    assert not shards.is_packed(tmp_path)


_FILES = st.dictionaries(
    st.tuples(st.sampled_from(["cat", "dog", "train/cat"]), st.sampled_from(["a.png", "A.png", "b.png"])),
    st.binary(max_size=2),
    max_size=6,
)


@given(arrivals=st.lists(_FILES, max_size=4), limit=st.integers(1, 4))
def test_any_arrivals(
    tmp_path_factory: pytest.TempPathFactory, arrivals: list[dict[tuple[str, str], bytes]], limit: int
) -> None:
    """Whatever arrives: each content lies once in each of its classes, and archives never change."""
    root = tmp_path_factory.mktemp("shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "PHOTOS", limit)
        for files in arrivals:
            before = {path.name: path.read_bytes() for path in root.iterdir()}
            packed(root, {"/".join(place): content for place, content in files.items()})
            assert before.items() <= {path.name: path.read_bytes() for path in root.iterdir()}.items()
    held = [(name.rpartition("/")[0], content) for one in contents(root) for name, content in one.items()]
    assert len(held) == len(set(held))
    assert set(held) == {(place[0], content) for files in arrivals for place, content in files.items()}
