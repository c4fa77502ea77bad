"""What is seen of a dataset before there is a project, and how it is linked into one."""

import os
import shutil
from pathlib import Path

import pytest

from frostline.errors import InputError
from frostline.template import photos
from frostline.template.photos import Extent
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


def test_photos_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is linked, for DVC could not read them either."""
    place = folder(tmp_path / "x", classes({"a": 2, "b": 2}))
    closed = f"{place}/b/b-1.png"
    monkeypatch.setattr(os, "access", lambda path, _: str(path) != closed)
    with pytest.raises(InputError) as told:
        photos.look(place)
    assert "1 of the photos in" in str(told.value)
    assert "cannot be read, the first 'b/b-1.png'; check their permissions" in str(told.value)


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    """Other files, hidden images, folders without images and links to nothing."""
    files = {
        **classes({"a": 3, "b": 3}),
        "a/notes.txt": b"x",
        "owl/a.xcf": b"x",
        ".hidden/x.png": b"x",
        "b/.x": b"x",
    }
    place = folder(tmp_path / "x", files)
    (place / "a/gone.png").symlink_to("nowhere.png")
    found = photos.look(place)
    assert (found.total, found.classes) == (6, {"a": 3, "b": 3})
    assert found.remarks == (
        "skipped, not images: 2 files (.txt 1, .xcf 1), the first 'a/notes.txt'",
        "skipped, hidden or left by a system: 1 image, the first '.hidden/x.png'",
        "folders without images, not classes: 'owl'",
        "left out, broken links: 1 file, the first 'a/gone.png'",
    )
    photos.link(place, tmp_path / "y")
    assert sum(path.suffix == ".png" for path in (tmp_path / "y").rglob("*")) == found.total


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            classes({"a": 3, "b": 2}),
            "class 'b' has 2 usable different images, too few to appear in train, valid",
        ),
        (
            classes({"a": 3, "b": 3}, prefix="train/") | classes({"a": 2}, prefix="test/"),
            "class 'b' has 0 usable images in test of 3 in all",
        ),
        (
            classes({"a": 3, "b": 1}, prefix="train/") | classes({"a": 2, "b": 2}, prefix="test/"),
            "class 'b' has 1 usable different image, too few to appear in train, validation",
        ),
        (classes({"a": 3, "b": 3}), ""),
        (classes({"a": 2, "b": 2}, prefix="train/") | classes({"a": 1, "b": 1}, prefix="test/"), ""),
    ],
)
def test_a_class_that_misses_in_a_split(tmp_path: Path, files: dict[str, bytes], words: str) -> None:
    """Said before there is a project; photos can still be added."""
    for place in (folder(tmp_path / "x", files), archive(tmp_path / "x.zip", files)):
        remarks = [line for line in photos.look(place).remarks if line.startswith("to be mended before")]
        assert len(remarks) == bool(words)
        assert not words or words in remarks[0]


def test_names_that_dvc_cannot_hold(tmp_path: Path) -> None:
    """Refused by name before anything is linked, be it an image or a file beside; in an archive it is no matter."""
    place = folder(tmp_path / "x", {**classes({"a": 2, "b": 2}), os.fsdecode(b"a/caf\xe9.txt"): b"x"})
    with pytest.raises(
        InputError, match=r"x: the name 'a/caf\\\\xe9.txt' is not UTF-8, which DVC cannot hold"
    ):
        photos.look(place)


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


def linked(source: Path, target: Path) -> list[str]:
    """What lies there after linking."""
    photos.link(source, target)
    return [path.relative_to(target).as_posix() for path in sorted(target.rglob("*"))]


def test_link_shares_the_bytes(tmp_path: Path) -> None:
    """Hard links; hidden names, DVC's own files, endless and broken links stay behind."""
    own = [".dvcignore", ".dvc/config", "dvc.yaml", "dvc.lock", "a.dvc"]
    source = folder(
        tmp_path / "x",
        {"a/1.png": encoded(1), "a/.thumbs/1.png": b"x", ".DS_Store": b"x", "b.dvc/labels.csv": b"x"}
        | dict.fromkeys(own, b"x"),
    )
    (source / "a" / "up").symlink_to(source)
    (source / "a" / "gone.png").symlink_to(tmp_path / "gone.png")
    target = tmp_path / "project" / "data" / "x"
    assert linked(source, target) == ["a", "a/1.png", "b.dvc", "b.dvc/labels.csv"]
    assert (target / "a/1.png").stat().st_ino == (source / "a/1.png").stat().st_ino


def test_linked_folders_can_be_written(tmp_path: Path) -> None:
    """Whatever the modes of those of the photos: files are added to them, and removed."""
    source = folder(tmp_path / "x", {"a/1.png": encoded(1)})
    for path in (source / "a/1.png", source / "a", source):
        path.chmod(0o555 if path.is_dir() else 0o444)
    photos.link(source, tmp_path / "y")
    for path in (source, source / "a"):
        path.chmod(0o755)
    assert all(path.stat().st_mode & 0o700 == 0o700 for path in (tmp_path / "y", tmp_path / "y/a"))


def test_linked_folders_are_copied_through(tmp_path: Path) -> None:
    """What a link of a folder leads to is linked as files."""
    source = folder(tmp_path / "x", {"a/1.png": encoded(1)})
    folder(tmp_path / "elsewhere", {"2.png": encoded(2)})
    (source / "b").symlink_to(tmp_path / "elsewhere")
    assert linked(source, tmp_path / "y") == ["a", "a/1.png", "b", "b/2.png"]
    assert not (tmp_path / "y/b").is_symlink()


def test_link_leaves_nothing_where_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up: one line, and no half of the photos."""

    def full(*_: str) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(photos, "link_file", full)
    source = folder(tmp_path / "x", {"a/1.png": b"1", "b/2.png": b"2"})
    with pytest.raises(photos.FrostlineError, match="nothing was changed"):
        photos.link(source, tmp_path / "y")
    assert {path.name for path in tmp_path.iterdir()} == {"x"}


def test_what_a_killed_one_left_goes(tmp_path: Path) -> None:
    """It lies where DVC and git do not look, and the next one does not mix it with the photos."""
    source = folder(tmp_path / "x", {"a/1.png": encoded(1)})
    folder(tmp_path / "data/.frostline/y", {"b/old.png": b"half"})
    assert linked(source, tmp_path / "data/y") == ["a", "a/1.png"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["y"]


def test_what_is_linked_already(tmp_path: Path) -> None:
    """The same bytes under the same names; a part of them, also beside what DVC leaves of a link; never a link, another
    file, or more."""
    source = folder(tmp_path / "x", {"a/1.png": encoded(1), "b/2.png": encoded(2)})
    photos.link(source, tmp_path / "y")
    shutil.copytree(source, tmp_path / "copy")
    shutil.copytree(source, tmp_path / "hidden")
    (tmp_path / "link").symlink_to(source)
    packed = archive(tmp_path / "x.zip", {"a/1.png": encoded(1)})
    photos.link(packed, tmp_path / "y.zip")
    assert {photos.linked(source, tmp_path / name) for name in ("x", "y", "copy")} == {Extent.ALL}
    assert photos.linked(packed, tmp_path / "y.zip") == Extent.ALL
    folder(tmp_path / "copy", {"b/3.png": encoded(3)})
    for name in ("y", "hidden"):
        (tmp_path / name / "a/1.png").unlink()
    (tmp_path / "y/a/.Sch7u2e1BuBj6Bq448NEcQ.tmp").write_bytes(encoded(1))
    (tmp_path / "hidden/.mine").write_bytes(b"mine")
    assert photos.linked(source, tmp_path / "y") == Extent.SOME
    others = ("copy", "hidden", "link", "y.zip", "z")
    assert {photos.linked(source, tmp_path / name) for name in others} == {Extent.OTHER}
    photos.link(source, tmp_path / "y")
    assert photos.linked(source, tmp_path / "y") == Extent.ALL
    assert (tmp_path / "y/a/1.png").read_bytes() == encoded(1)


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz"])
def test_ending(tmp_path: Path, name: str) -> None:
    """An archive keeps its ending, a folder has none, whatever dots are in its name."""
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / "photos.2024").mkdir()
    assert photos.ending(tmp_path / name) == name[1:]
    assert photos.ending(tmp_path / "photos.2024") == ""
