"""Folders, zips and tars give the same names and the same bytes; hostile archives are refused."""

import os
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from frostline.datasets import archives
from frostline.datasets.source import open_source, read_image
from frostline.errors import FrostlineError, InputError
from frostline.images import ImageError
from helpers.images import archive, classes, folder, tar

FILES = classes({"cats": 3, "dogs": 4}) | {"cats/a b.png": b"blank", "cats/line\nbreak.png": b"line"}


def tar_gz(path: Path, files: Mapping[str, bytes]) -> Path:
    return tar(path, files, mode="w:gz")


def deflated(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return path


MAKERS: list[Callable[[Path, Mapping[str, bytes]], Path]] = [folder, archive, deflated, tar, tar_gz]


@pytest.mark.parametrize("make", MAKERS)
def test_all_kinds_read_alike(tmp_path: Path, make: Callable[[Path, Mapping[str, bytes]], Path]) -> None:
    """Same names in the same order and the same bytes, from eight threads at once."""
    made = make(tmp_path / "data", {**FILES, "readme.txt": b"no image"})
    with open_source(made) as source, ThreadPoolExecutor(8) as pool:
        assert source.names() == sorted(FILES)
        names = list(source.names()) * 20
        read = dict(zip(names, pool.map(source.read, names), strict=True))
    assert read == FILES


@pytest.mark.parametrize("make", MAKERS[1:])
def test_order_in_the_archive_does_not_matter(
    tmp_path: Path, make: Callable[[Path, Mapping[str, bytes]], Path]
) -> None:
    """Entries written backwards are named in the same order."""
    made = make(tmp_path / "data", dict(reversed(FILES.items())))
    with open_source(made) as source:
        assert source.names() == sorted(FILES)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    """Raw bytes print as escapes alike from a folder, a zip and a tar, and read back."""
    raw = b"caf\xe9.png"
    real = os.fsdecode(raw)
    (tmp_path / "folder/cats").mkdir(parents=True)
    (tmp_path / "folder/cats" / real).write_bytes(b"x")
    tar(tmp_path / "a.tar", {f"cats/{real}": b"x"})
    archive(tmp_path / "a.zip", {"cats/caf?.png": b"x"})
    content = (tmp_path / "a.zip").read_bytes().replace(b"caf?", b"caf\xe9")
    (tmp_path / "a.zip").write_bytes(content)
    for name in ("folder", "a.tar", "a.zip"):
        with open_source(tmp_path / name) as source:
            assert source.names() == ["cats/caf\\xe9.png"]
            assert source.read("cats/caf\\xe9.png") == b"x"


def test_utf8_names_in_a_zip_without_its_flag(tmp_path: Path) -> None:
    """Many tools write UTF-8 and do not say so; the names are those that the folder had."""
    archive(tmp_path / "a.zip", {"cats/caf??.png": b"x"})
    content = (tmp_path / "a.zip").read_bytes().replace(b"caf??", "café".encode())
    (tmp_path / "a.zip").write_bytes(content)
    with open_source(tmp_path / "a.zip") as source:
        assert source.names() == ["cats/café.png"]
        assert source.read("cats/café.png") == b"x"


@pytest.mark.parametrize(
    ("target", "kind"), [("cats/a.png", tarfile.LNKTYPE), ("../cats/a.png", tarfile.SYMTYPE)]
)
def test_links_in_a_tar_stand_for_their_target(tmp_path: Path, target: str, kind: bytes) -> None:
    """tar keeps one copy of linked files: the others are images too."""
    with tarfile.open(tar(tmp_path / "a.tar", {"cats/a.png": b"real"}), "a") as made:
        link = tarfile.TarInfo("dogs/b.png")
        link.type, link.linkname = kind, target
        made.addfile(link)
    with open_source(tmp_path / "a.tar") as source:
        assert source.read("dogs/b.png") == b"real"


def test_what_a_tar_holds_beside_files_is_noted(tmp_path: Path) -> None:
    """Links that lead to links are followed; a link to a folder and a pipe are no images, which is said."""
    others = [
        ("dogs/b.png", tarfile.SYMTYPE, "c.png"),
        ("dogs/c.png", tarfile.SYMTYPE, "../cats/a.png"),
        ("owls", tarfile.SYMTYPE, "cats"),
        ("dogs/pipe.png", tarfile.FIFOTYPE, ""),
    ]
    with tarfile.open(tar(tmp_path / "a.tar", {"cats/a.png": b"real"}), "a") as made:
        for name, kind, target in others:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            made.addfile(entry)
    with open_source(tmp_path / "a.tar") as source:
        assert source.names() == ["cats/a.png", "dogs/b.png", "dogs/c.png"]
        assert source.read("dogs/b.png") == b"real"
        assert source.notes.passed_over() == "2 files (no ending 1, .png 1), the first 'dogs/pipe.png'"


def test_pipes_in_a_folder_keep_nobody_waiting(tmp_path: Path) -> None:
    """One that is called as an image is passed over, and one that is called as a table refused."""
    place = folder(tmp_path / "x", {"cats/a.png": b"real"})
    os.mkfifo(place / "cats/b.png")
    os.mkfifo(place / "labels.csv")
    with open_source(place) as source:
        assert source.names() == ["cats/a.png"]
        assert source.notes.endings == {".png": 1, ".csv": 1}
        with pytest.raises(InputError, match=r"cannot read .*x/labels\.csv: a pipe or a device"):
            source.table("labels.csv")


def linking_out(path: Path) -> Path:
    with tarfile.open(path, "w") as target:
        link = tarfile.TarInfo("cats/passwd.png")
        link.type, link.linkname = tarfile.SYMTYPE, "../../../etc/passwd"
        target.addfile(link)
    return path


def encrypted(path: Path) -> Path:
    """A zip whose entry says it is encrypted: bit 0 of the flags, in both headers."""
    content = bytearray(archive(path, {"cats/a.png": b"secret"}).read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    return path


def damaged_header(path: Path) -> Path:
    """A tar whose second entry is damaged: what follows it cannot be found."""
    content = bytearray(tar(path, {"a/1.png": b"1", "a/2.png": b"2", "b/3.png": b"3"}).read_bytes())
    content[1024:1536] = bytes([1]) * 512
    path.write_bytes(content)
    return path


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


def written(content: bytes) -> Callable[[Path], Path]:
    def make(path: Path) -> Path:
        path.write_bytes(content)
        return path

    return make


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda path: path, InputError, "a is missing"),
        (lambda path: archive(path, {"../../etc/x.png": b"x"}), InputError, "points outside the archive"),
        (lambda path: archive(path, {"/etc/x.png": b"x"}), InputError, "points outside the archive"),
        (lambda path: tar(path, {"a/../../x.png": b"x"}), InputError, "points outside the archive"),
        (
            linking_out,
            InputError,
            "'cats/passwd.png' links outside the archive, or to nothing; make the archive again without it",
        ),
        (pipe, InputError, "a is a pipe or a device; name a folder or an archive"),
        (encrypted, InputError, "'cats/a.png' is encrypted; make the archive without a password"),
        (
            lambda path: deflated(path, {"cats/a.png": bytes(5000)}),
            InputError,
            "5,000 bytes is over the limit",
        ),
        (lambda path: tar(path, {"cats/a.png": bytes(5000)}), InputError, "5,000 bytes is over the limit"),
        (lambda path: written(archive(path, FILES).read_bytes()[:-60])(path), InputError, "half-copied"),
        (lambda path: written(tar_gz(path, FILES).read_bytes()[:-60])(path), InputError, "half-copied"),
        (written(b"\x1f\x8b\x08 nonsense"), InputError, "half-copied"),
        (written(b"PK\x03\x04 nonsense"), InputError, "half-copied"),
        (written(b"just text"), InputError, "neither a folder nor a zip, tar or tar.gz"),
        (written(b""), InputError, "a is empty; copy it again"),
        (
            written(b"Rar!\x1a\x07\x01\x00"),
            InputError,
            "a rar archive, which is not read; unpack it",
        ),
        (lambda path: written(tar(path, FILES).read_bytes()[:700])(path), InputError, "half-copied"),
        (
            lambda path: written(tar(path, {"a/1.png": b"1"}).read_bytes()[:1024])(path),
            InputError,
            "has no end",
        ),
        (
            lambda path: written(2 * tar(path, FILES).read_bytes())(path),
            InputError,
            "several archives in one file",
        ),
        (damaged_header, InputError, "is damaged, or several archives in one file"),
    ],
)
def test_what_cannot_be_opened(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make: Callable[[Path], Path],
    error: type[FrostlineError],
    message: str,
) -> None:
    """One line each, naming the archive and the entry; no file stays open (warnings are errors)."""
    monkeypatch.setattr(archives, "MAX_BYTES", 4000)
    path = make(tmp_path / "a")
    with pytest.raises(error) as told:
        open_source(path)
    assert message in str(told.value)
    assert "\n" not in str(told.value)


def test_a_gzip_bomb_is_refused_on_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacking stops at the limit: 40 MB of zeros in 40 kB."""
    path = tar_gz(tmp_path / "a.tgz", {"cats/a.png": bytes(40_000_000)})
    monkeypatch.setattr(archives, "MAX_RATIO", 100)
    monkeypatch.setattr(archives, "_UNSUSPICIOUS", 1_000_000)
    with pytest.raises(InputError, match="it unpacks to over 100 times its size"):
        open_source(path)


def damage_entry(path: Path) -> None:
    """Flip bytes of the entry's content, behind its local header."""
    content = bytearray(path.read_bytes())
    at = content.index(b"real")
    content[at : at + 4] = b"fake"
    path.write_bytes(content)


def test_one_damaged_entry_is_one_damaged_image(tmp_path: Path) -> None:
    """A wrong checksum costs that image, not the archive."""
    path = archive(tmp_path / "a.zip", {"cats/a.png": b"real", "cats/b.png": b"fine"})
    damage_entry(path)
    with open_source(path) as source:
        with pytest.raises(ImageError, match=r"^damaged archive entry$"):
            source.read("cats/a.png")
        assert source.read("cats/b.png") == b"fine"


def test_an_entry_that_cannot_be_unpacked(tmp_path: Path) -> None:
    """Deflate64, with which Windows packs what is large, costs that image and says what to do."""
    path = archive(tmp_path / "a.zip", {"cats/a.png": b"real", "cats/b.png": b"fine"})
    content = bytearray(path.read_bytes())
    local, central = content.index(b"PK\3\4"), content.index(b"PK\1\2")
    content[local + 8] = content[central + 10] = 9
    path.write_bytes(content)
    with open_source(path) as source:
        with pytest.raises(ImageError, match=r"^cannot be unpacked; make the archive again as a plain zip$"):
            source.read("cats/a.png")
        assert source.read("cats/b.png") == b"fine"


def test_a_zip_of_an_unknown_version(tmp_path: Path) -> None:
    """A wrong byte in the directory is a damaged archive, in one line."""
    path = archive(tmp_path / "a.zip", {"cats/a.png": b"real"})
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 6] = 171
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.zip is a damaged or half-copied archive; copy it again$"):
        open_source(path)


def test_reasons_hold_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes into manifests is the same on every machine."""
    folder(tmp_path, {"cats/gone.png": b"x", "cats/now_a_folder.png": b"x", "cats/large.png": bytes(50)})
    source = open_source(tmp_path)
    (tmp_path / "cats/gone.png").unlink()
    (tmp_path / "cats/now_a_folder.png").unlink()
    (tmp_path / "cats/now_a_folder.png").mkdir()
    monkeypatch.setattr(archives, "MAX_BYTES", 49)
    for name, reason in {
        "cats/gone.png": "cannot be read: No such file or directory",
        "cats/now_a_folder.png": "cannot be read: Is a directory",
        "cats/large.png": "too large: 50 bytes is over the limit of 49 for one image",
        "cats/never.png": "cannot be read: no such file",
    }.items():
        with pytest.raises(ImageError) as told:
            source.read(name)
        assert str(told.value) == reason


@pytest.mark.parametrize("make", [archive, tar])
def test_one_image_of_an_archive(tmp_path: Path, make: Callable[[Path, Mapping[str, bytes]], Path]) -> None:
    """A path through an archive is an image in it; one beside it is a file."""
    place = make(tmp_path / "photos.x", {"3/one.png": b"one", "two.png": b"two"})
    (tmp_path / "own.png").write_bytes(b"own")
    assert read_image(place / "3/one.png") == b"one"
    assert read_image(tmp_path / "own.png") == b"own"
    with pytest.raises(ImageError, match="no such file"):
        read_image(place / "gone.png")
    with pytest.raises(FileNotFoundError):
        read_image(tmp_path / "gone.png")
    with pytest.raises(InputError):
        read_image(tmp_path / "own.png/gone.png")


def test_a_folder_of_archives_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is as if it were opened anew, but what was open is not read again; what it closes is all."""
    archive(tmp_path / "1.zip", {"cat/a.png": b"a", "cat/.b.png": b"b", "notes.md": b"x"})
    archive(tmp_path / "3.zip", {"dog/c.png": b"c"})
    opened: list[str] = []
    real = archives.open_archive
    monkeypatch.setattr(archives, "open_archive", lambda path: opened.append(path.name) or real(path))
    with open_source(tmp_path) as source:
        archive(tmp_path / "2.zip", {"dog/d.png": b"d"})
        with source.grown() as grown, open_source(tmp_path) as anew:
            assert opened == ["1.zip", "3.zip", "2.zip", "1.zip", "2.zip", "3.zip"]
            assert (
                grown.names()
                == ["1.zip/cat/a.png", "2.zip/dog/d.png", "3.zip/dog/c.png"]
                == list(anew.names())
            )
            assert (grown.notes, grown.shards) == (anew.notes, anew.shards)
            assert [grown.read(name) for name in grown.names()] == [b"a", b"d", b"c"]
        with pytest.raises(ValueError, match="closed"):
            grown.read("1.zip/cat/a.png")
