"""What a score job reads."""

import contextlib
import io
import os
import sys
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.errors import FrostlineError, InputError
from frostline.images import ImageError
from frostline.scoring import sources
from helpers.images import archive, encoded, folder

FILES = {
    "b/one.png": encoded(1),
    "a.JPG": encoded(2, kind="jpeg", height=31),
    "notes.txt": b"no image",
    "b/data.csv": b"1,2",
    ".hidden.txt": b"",
    "__MACOSX/x.txt": b"",
    ".ipynb_checkpoints/y.txt": b"",
}


def tar(path: Path) -> Path:
    """FILES as an uncompressed tar."""
    with tarfile.open(path, "w") as target:
        target.add(folder(path.parent / "raw", FILES), arcname=".")
    return path


def listing(*words: str | Path) -> list[str]:
    """The names that a source gives."""
    with contextlib.closing(sources.open_images([str(word) for word in words])) as source:
        return [item.name for item in source.items()]


def contents(*words: str | Path) -> list[bytes]:
    """What a source's items read."""
    with contextlib.closing(sources.open_images([str(word) for word in words])) as source:
        return [item.read() for item in source.items()]


def test_folder_zip_and_tar_hold_the_same_images(tmp_path: Path) -> None:
    """Names, order and bytes do not depend on the packing."""
    places = [
        folder(tmp_path / "folder", FILES),
        archive(tmp_path / "files.zip", FILES),
        tar(tmp_path / "files.tar"),
    ]
    for place in places:
        assert listing(place) == ["a.JPG", "b/one.png"]
        assert contents(place) == [FILES["a.JPG"], FILES["b/one.png"]]


@pytest.mark.parametrize("name", ["folder", "files.zip", "files.tar"])
def test_other_files_are_counted(tmp_path: Path, name: str) -> None:
    """Hidden files and litter are nobody's data."""
    folder(tmp_path / "folder", FILES)
    archive(tmp_path / "files.zip", FILES)
    tar(tmp_path / "files.tar")
    with contextlib.closing(sources.open_images([str(tmp_path / name)])) as source:
        assert len(list(source.items())) == 2
        assert source.others == 2


def test_one_image_is_a_source(tmp_path: Path) -> None:
    """Its row is named without the folder."""
    path = folder(tmp_path, FILES) / "a.JPG"
    with contextlib.closing(sources.open_images([str(path)])) as source:
        [item] = source.items()
        assert (item.name, item.read(), source.others, source.count()) == ("a.JPG", FILES["a.JPG"], 0, 1)
        path.unlink()
        with pytest.raises(FileNotFoundError):
            item.read()
        assert item.fingerprint() == ""


def test_a_pattern_finds_images_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`**` goes through folders; what is no image is left out."""
    monkeypatch.chdir(folder(tmp_path, {**FILES, "b/deep/two.png": encoded(3)}))
    assert listing("**/*.png") == ["b/deep/two.png", "b/one.png"]
    assert listing("*") == ["a.JPG"]
    assert contents("b/o*.png") == [FILES["b/one.png"]]


def test_a_folder_whose_name_has_brackets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there under its very name is meant before what the brackets would match."""
    names = ("br [2024]/cats/a.png", "br [2024]/[x]/b.png", "br 2/cats/c.png", "x/y1.png", "x[1]/z.png")
    monkeypatch.chdir(folder(tmp_path, {name: encoded(number) for number, name in enumerate(names)}))
    assert listing("br [2024]/cats/*.png") == ["br [2024]/cats/a.png"]
    assert listing("br [2024]/[x]/*.png") == ["br [2024]/[x]/b.png"]
    assert listing("br [2024]/**/*.png") == ["br [2024]/[x]/b.png", "br [2024]/cats/a.png"]
    assert listing(f"{tmp_path}/x[1]/*.png") == [f"{tmp_path}/x[1]/z.png"]
    assert listing("br [24]/*/c.png") == ["br 2/cats/c.png"]
    assert listing("./x/y[0-9].png") == ["./x/y1.png"]


NAMES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\n\r\ufeff"), min_size=1).filter(str.strip)
)


@given(names=NAMES, ending=st.sampled_from(["\n", "\0", "\r\n"]), last=st.booleans())
def test_a_list_gives_its_names(names: list[str], ending: str, last: bool) -> None:
    """One a line or ended by NUL, with or without the last ending, whatever the names hold."""
    text = ending.join(names) + (ending if last and names else "")
    names = [name for name in names if name.strip()]
    assert [os.fsdecode(name) for name in sources._names(io.BytesIO(text.encode()), where="x")] == names


def test_a_list_longer_than_one_read(tmp_path: Path) -> None:
    """Names that lie across two reads stay whole."""
    names = [f"{'x' * 97}{number}.png" for number in range(5000)]
    (tmp_path / "list.txt").write_text("\n".join(names))
    assert listing(f"@{tmp_path}/list.txt") == names


def test_list_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are paths from the current folder; what is missing is still an item; suffixes do not matter."""
    monkeypatch.chdir(folder(tmp_path, FILES))
    (tmp_path / "list.txt").write_text("b/one.png\n\ngone.png\nnotes.txt\n")
    assert listing("@list.txt") == ["b/one.png", "gone.png", "notes.txt"]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a.JPG\0b/one.png\0")))
    assert contents("-") == [FILES["a.JPG"], FILES["b/one.png"]]


def test_a_list_as_editors_save_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte order mark is no part of the first name, carriage returns are none of any; UTF-16 is refused by name."""
    monkeypatch.chdir(folder(tmp_path, FILES))
    (tmp_path / "list.txt").write_bytes(b"\xef\xbb\xbfb/one.png\r\na.JPG\r\n")
    assert listing("@list.txt") == ["b/one.png", "a.JPG"]
    for encoding in ("utf-16", "utf-16-be", "utf-16-le", "utf-32", "utf-32-be", "utf-32-le"):
        (tmp_path / "list.txt").write_text("b/one.png\na.JPG\n", encoding=encoding)
        with pytest.raises(
            InputError, match=rf"the list list.txt is {encoding[:6].upper()}; save it as UTF-8"
        ):
            listing("@list.txt")


def test_a_wide_list_without_a_byte_order_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a short one, and in letters that are no ASCII."""
    monkeypatch.chdir(tmp_path)
    for encoding in ("utf-16-be", "utf-16-le", "utf-32-be", "utf-32-le"):
        for text in ("a.jpg\n", "\u0444\u043e\u0442\u043e/\u043a\u043e\u0442.jpg\n"):
            (tmp_path / "list.txt").write_bytes(text.encode(encoding))
            with pytest.raises(InputError, match=f"list.txt is {encoding[:6].upper()}; save it as UTF-8"):
                listing("@list.txt")


def test_a_list_of_two_kinds_of_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No name of a file holds a NUL: which end was meant cannot be known."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "list.txt").write_bytes(b"a.jpg\nb.jpg\0c.jpg\n")
    with pytest.raises(InputError, match="holds a NUL; end all names by line breaks, or all by NULs"):
        listing("@list.txt")


@pytest.mark.parametrize("name", ["pipe.jpg", "/dev/zero"])
def test_a_list_that_names_a_pipe(tmp_path: Path, name: str) -> None:
    """It keeps nobody waiting, and a device without end fills no memory."""
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "list.txt").write_text(f"{tmp_path / name}\n")
    with contextlib.closing(sources.open_images([f"@{tmp_path}/list.txt"])) as source:
        (item,) = source.items()
        with pytest.raises(ImageError, match="cannot be read: a pipe or a device"):
            item.read()


def test_several_words_are_one_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shell makes of a pattern: files by their own words, folders with their names before."""
    monkeypatch.chdir(folder(tmp_path, {**FILES, "c/three.png": encoded(4)}))
    assert listing("a.JPG", "b", "c/three.png") == ["a.JPG", "b/one.png", "c/three.png"]
    with contextlib.closing(sources.open_images(["a.JPG", "b"])) as source:
        list(source.items())
        assert (source.count(), source.others) == (2, 1)


def test_a_mark_tells_a_change(tmp_path: Path) -> None:
    """Another size or time is another mark, nothing else is."""
    with contextlib.closing(sources.open_images([str(folder(tmp_path, FILES))])) as source:
        item = next(source.items())
        before = item.fingerprint()
        assert item.fingerprint() == before != ""
        (tmp_path / "a.JPG").write_bytes(b"other")
        assert item.fingerprint() != before


def test_a_folder_that_vanishes_is_no_row(tmp_path: Path) -> None:
    """A missing file is its own row; a missing folder ends the job, and so does another one in its place."""
    place = folder(tmp_path / "photos", FILES)
    with contextlib.closing(sources.open_images([str(place)])) as source:
        item = next(source.items())
        (place / "a.JPG").unlink()
        with pytest.raises(FileNotFoundError):
            item.read()
        place.rename(tmp_path / "elsewhere")
        with pytest.raises(FrostlineError, match="photos vanished while it was read; bring it back"):
            item.read()
        place.mkdir()
        with pytest.raises(FrostlineError, match="vanished"):
            item.read()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("missing", "no such file or folder: .*missing; name a folder, an archive or an image"),
        ("notes.txt", "neither a folder nor a zip, tar"),
        ("broken.zip", "damaged or half-copied archive"),
        ("@missing.txt", "cannot read the list missing.txt: No such file"),
        ("@b", "cannot read the list b: Is a directory"),
        ("odd://place", "odd:// is no address that can be read here"),
        ("pipe", "pipe is a pipe or a device; name a folder or an archive"),
        ("pipe.png", "pipe.png is a pipe or a device; name a folder or an archive"),
    ],
)
def test_what_is_no_source(tmp_path: Path, word: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line for what cannot hold images."""
    monkeypatch.chdir(folder(tmp_path, {**FILES, "broken.zip": b"PK\x03\x04 and nothing more"}))
    for name in ("pipe", "pipe.png"):
        os.mkfifo(name)
    with pytest.raises(InputError, match=message) as caught:
        sources.open_images([word])
    assert "\n" not in str(caught.value)


def test_no_word_is_no_source() -> None:
    """An empty command line says what to name."""
    with pytest.raises(InputError, match="nothing to score; name a folder"):
        sources.open_images([])
