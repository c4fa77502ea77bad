"""What is seen of a dataset before there is a project, and how it is linked into one."""

import os
from pathlib import Path

import pytest

from frostline.errors import InputError
from frostline.template import photos
from helpers.images import archive, classes, encoded, folder


@pytest.mark.parametrize(
    ("prefix", "splits"),
    [("", {"": 7}), ("photos/", {"": 7}), ("train/", {"": 7}), ("a/b/", {"": 7})],
)
@pytest.mark.parametrize("packed", [False, True])
def test_look(tmp_path: Path, prefix: str, splits: dict[str, int], *, packed: bool) -> None:
    """Folder or archive, however it is nested: classes and given splits are counted."""
    files = classes({"cat": 4, "dog, big": 3}, prefix=prefix)
    place = archive(tmp_path / "x.zip", files) if packed else folder(tmp_path / "x", files)
    found = photos.look(place)
    assert (found.classes, found.splits, found.total) == ({"cat": 4, "dog, big": 3}, splits, 7)
    assert 30 <= found.side <= 34


def test_given_splits_in_their_order(tmp_path: Path) -> None:
    """Expected sizes are those that are given, else a share of what is drawn from."""
    files = {}
    for split, count in (("test", 2), ("train", 10)):
        files |= classes({"a": count, "b": count}, prefix=f"{split}/", kind="png")
    found = photos.look(
        folder(tmp_path / "x", {name: content + name.encode() for name, content in files.items()})
    )
    assert list(found.splits.items()) == [("train", 20), ("test", 4)]
    assert (found.expected("test", 0.15), found.expected("validation", 0.15)) == (4, 3)


def test_other_files_are_counted(tmp_path: Path) -> None:
    """What is no image is not passed over without a word; hidden files are nobody's photos."""
    files = {**classes({"a": 2, "b": 2}), "a/notes.txt": b"x", "b/a.xcf": b"x", ".hidden/x.png": b"x"}
    assert photos.look(folder(tmp_path / "x", files)).other == 2


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "no images"),
        (classes({"only": 3}), "only one class, 'only'"),
        ({"a/1.png": b"broken", "b/1.png": b"broken"}, "none of the photos can be read"),
    ],
)
def test_what_is_no_dataset(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    """An input error says what is wrong."""
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match=words):
        photos.look(folder(tmp_path / "x", files))


def test_missing(tmp_path: Path) -> None:
    """Named with its path."""
    with pytest.raises(InputError, match="nowhere does not exist"):
        photos.look(tmp_path / "nowhere")


def test_link_shares_the_bytes(tmp_path: Path) -> None:
    """Hard links; hidden names, endless and broken links stay behind."""
    source = folder(tmp_path / "x", {"a/1.png": encoded(1), "a/.thumbs/1.png": b"x", ".DS_Store": b"x"})
    (source / "a" / "up").symlink_to(source)
    (source / "a" / "gone.png").symlink_to(tmp_path / "gone.png")
    target = tmp_path / "project" / "data" / "x"
    photos.link(source, target)
    assert [path.relative_to(target).as_posix() for path in sorted(target.rglob("*"))] == ["a", "a/1.png"]
    assert (target / "a/1.png").stat().st_ino == (source / "a/1.png").stat().st_ino


def test_link_leaves_nothing_where_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up: one line, and no half of the photos."""

    def full(*_: str) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(photos, "link_file", full)
    source = folder(tmp_path / "x", {"a/1.png": b"1", "b/2.png": b"2"})
    with pytest.raises(photos.FrostlineError, match="nothing was changed"):
        photos.link(source, tmp_path / "y")
    assert not (tmp_path / "y").exists()


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
def test_ending(tmp_path: Path, name: str) -> None:
    """An archive keeps its ending, a folder has none, whatever dots are in its name."""
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "photos.2024").mkdir()
    assert photos.ending(tmp_path / name) == name[1:]
    assert photos.ending(tmp_path / "photos.2024") == ""
