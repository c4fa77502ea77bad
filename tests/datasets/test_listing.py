"""Which files count as images, in one order, whatever the file system."""

import os
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.datasets import listing
from frostline.datasets.listing import index, is_image, is_visible, walk_images
from frostline.errors import InputError
from helpers.images import folder


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("a.jpg", True),
        ("cats/A.JPEG", True),
        ("cats/a b.PNG", True),
        ("cats/line\nbreak.webp", True),
        ("./cats/a.tif", True),
        ("../a.gif", True),
        ("cats/.hidden.jpg", False),
        (".ipynb_checkpoints/a-checkpoint.jpg", False),
        ("__MACOSX/cats/a.jpg", False),
        ("__MACOSX/cats/._a.jpg", False),
        ("@eaDir/a.jpg", False),
        ("Thumbs.db", False),
        ("a.jpg.txt", False),
        ("jpg", False),
        ("a.jpg/..", False),
        ("./a..jpg", True),
        ("a.", False),
        ("", False),
    ],
)
def test_what_is_an_image(name: str, kept: bool) -> None:
    """Suffixes in any case; nothing hidden, no litter of systems; '..' is left for `index` to refuse."""
    assert is_image(name) is kept


PARTS = {
    "": None,
    ".": None,
    "..": True,
    "cats": True,
    "a.jpg": True,
    "line\n": True,
    "MACOSX": True,
    "lost+foundx": True,
}
PARTS |= {".a": False, "...": False, "..a": False, "__MACOSX": False, "#recycle": False, "lost+found": False}


@given(st.lists(st.sampled_from(sorted(PARTS)), max_size=6))
def test_a_name_is_visible_where_all_its_parts_are(parts: list[str]) -> None:
    """None of them is hidden or litter, and one at least is a name."""
    told = [PARTS[part] for part in parts]
    assert is_visible("/".join(parts)) is (True in told and False not in told)


def test_files_are_found_in_byte_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order does not depend on how the file system lists."""
    names = ["b/1.jpg", "b/10.jpg", "b/9.jpg", "B/x.jpg", "a.b/x.jpg", "a/x.jpg", "ä/x.jpg"]
    folder(tmp_path, dict.fromkeys([*names, "b/notes.txt", "b/.DS_Store"], b"x"))
    expected = ["B/x.jpg", "a.b/x.jpg", "a/x.jpg", "b/1.jpg", "b/10.jpg", "b/9.jpg", "ä/x.jpg"]
    assert list(walk_images(tmp_path)) == expected
    scandir = os.scandir

    def shuffled(path: Path) -> list[os.DirEntry[str]]:
        return random.sample(entries := list(scandir(path)), len(entries))

    monkeypatch.setattr(os, "scandir", shuffled)
    assert list(walk_images(tmp_path)) == expected


def test_links_are_followed_but_no_loop(tmp_path: Path) -> None:
    """A linked folder counts; a link to a folder above ends; a dangling link is listed; a pipe is not."""
    folder(tmp_path, {"data/cats/a.jpg": b"x", "elsewhere/b.jpg": b"x"})
    data = tmp_path / "data"
    (data / "dogs").symlink_to(tmp_path / "elsewhere")
    (data / "cats/up").symlink_to(data)
    (data / "cats/self.jpg").symlink_to("self.jpg")
    (data / "cats/gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(data / "cats/pipe.jpg")
    assert list(walk_images(data)) == ["cats/a.jpg", "cats/gone.jpg", "cats/self.jpg", "dogs/b.jpg"]


def test_a_folder_named_like_an_image_is_a_folder(tmp_path: Path) -> None:
    """Only files are images."""
    folder(tmp_path, {"odd.jpg/a.png": b"x"})
    assert list(walk_images(tmp_path)) == ["odd.jpg/a.png"]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost in silence: the error names the folder."""

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"cannot list '.*': Permission denied"):
        list(walk_images(tmp_path))


def test_index_prints_cleans_and_sorts() -> None:
    """Printable names in code point order; './' goes; the later of the same name wins; litter goes."""
    entries = [("./b/x.jpg", 1), ("a//x.jpg", 2), ("./b/x.jpg", 3), ("b/\udcff.jpg", 4), ("notes.txt", 5)]
    assert list(index(entries, where="z").items()) == [("a/x.jpg", 2), ("b/\\xff.jpg", 4), ("b/x.jpg", 3)]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["../x.jpg"], "data.zip: entry '../x.jpg' points outside the archive"),
        (["a/../../x.jpg"], "points outside the archive"),
        (["a/../x.jpg"], "points outside the archive"),
        (["/etc/x.jpg"], "entry '/etc/x.jpg' points outside the archive"),
        (["a\n/../x.jpg"], r"entry 'a\n/../x.jpg'"),
        (["a/\udcff.jpg", "a/\\xff.jpg"], "two different files print as"),
    ],
)
def test_index_refuses(names: list[str], message: str) -> None:
    """Names that lead out, and names that could not be distinguished, in one line."""
    with pytest.raises(InputError) as told:
        index([(name, 0) for name in names], where="data.zip")
    assert message in str(told.value)
    assert "\n" not in str(told.value)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=12), st.integers(1, 5))
def test_names_are_a_list_in_fewer_bytes(names: list[str], size: int) -> None:
    """Places, parts and order; equal to a list of the same and to nothing else."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(listing, "_CHUNK", size)
        held = listing.Names(iter(names))
        assert (list(held), len(held), held == names, held[1:] == names[1:]) == (
            names,
            len(names),
            True,
            True,
        )
        assert [held[place] for place in range(-len(names), len(names))] == names * 2
        assert held != [*names, "one more"]
        assert held != [f"{name}." for name in names] or not names
        assert hash(held) == hash(listing.Names(names))
