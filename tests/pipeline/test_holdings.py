"""What DVC holds is compared with what is there: its listing, wherever its cache is."""

import json
from pathlib import Path

import pytest

from frostline.errors import FrostlineError
from frostline.pipeline import holdings

NAMES = ["pets/cat/1.png", 'pets/cat/two\nlines "é".png', "pets.zip", "pets2/cat/1.png"]
DIGEST = "00aa.dir"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose data.dvc lists NAMES."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / ".dvc").mkdir()
    (tmp_path / "data.dvc").write_text(f"outs:\n- md5: {DIGEST}\n  nfiles: 4\n  hash: md5\n  path: data\n")
    listing(tmp_path / ".dvc/cache")
    return tmp_path


def listing(cache: Path, names: list[str] = NAMES) -> None:
    """DVC's file of what it holds, as it writes it."""
    place = cache / "files/md5/00/aa.dir"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps([{"md5": "0", "relpath": name} for name in names]))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("data/pets", ["cat/1.png", 'cat/two\nlines "é".png']),
        ("data/pets/cat", ["1.png"]),
        ("data", NAMES),
        ("data/pets.zip", ["."]),
        ("data/pets", []),
    ],
)
def test_what_is_held(path: str, names: list[str]) -> None:
    """Of a folder, of one below it, of all data, and of an archive: nothing is said."""
    holdings.require_held(Path(path), names)


@pytest.mark.parametrize(
    ("path", "names", "words"),
    [
        (
            "data/pets",
            ["cat/1.png", "owl/1.png", "owl/2.png"],
            "2 of the 3 files of data/pets, the first 'owl/1.png'",
        ),
        ("data/other", ["1.png"], "1 of the 1 files of data/other"),
        ("data/other.zip", ["."], "1 of the 1 files of data/other.zip"),
    ],
)
def test_what_is_not_held(path: str, names: list[str], words: str) -> None:
    """How many, the first, and what to do."""
    with pytest.raises(FrostlineError) as told:
        holdings.require_held(Path(path), names)
    assert f"DVC does not hold {words}" in str(told.value)
    assert "`dvc add data`" in str(told.value)


@pytest.mark.parametrize("config", ["config", "config.local"])
def test_a_cache_elsewhere(project: Path, config: str) -> None:
    """As the project's settings name it, from the folder that they lie in."""
    listing(project / "shared/cache", ["pets/cat/1.png"])
    (project / f".dvc/{config}").write_text("[core]\n    remote = x\n[cache]\n    dir = ../shared/cache\n")
    holdings.require_held(Path("data/pets"), ["cat/1.png"])
    with pytest.raises(FrostlineError, match="1 of the 1"):
        holdings.require_held(Path("data/pets"), ["cat/two.png"])


def test_what_cannot_be_known(project: Path) -> None:
    """Photos that no .dvc file tracks, and a listing that another machine's cache holds: nothing is said."""
    holdings.require_held(Path("elsewhere/pets"), ["1.png"])
    holdings.require_held(project / "pets", ["1.png"])
    (project / "data.dvc").write_text("outs:\n- md5: 00bb.dir\n  path: data\n")
    holdings.require_held(Path("data/pets"), ["1.png"])


def test_links_that_dvc_does_not_look_behind(project: Path) -> None:
    """Put there after a run they change no hash; hidden ones, links to files and what DVC does not track are none."""
    for name in ("data/pets/cat", "data/pets/.hidden", "elsewhere/owl", "untracked"):
        (project / name).mkdir(parents=True)
    (project / "elsewhere/1.png").touch()
    places = [Path("data/pets"), Path("data/gone"), Path("untracked")]
    (project / "data/pets/cat/1.png").symlink_to(project / "elsewhere/1.png")
    (project / "data/pets/.hidden/x").symlink_to(project / "elsewhere")
    (project / "untracked/x").symlink_to(project / "elsewhere")
    assert holdings.unseen(places) == ""
    for name in ("owl", "cat/young"):
        (project / "data/pets" / name).symlink_to(project / "elsewhere/owl")
    assert holdings.unseen(places).startswith("data/pets/cat/young and 1 more is a symbolic link to a folder")
    (project / "data/whole").symlink_to(project / "elsewhere")
    assert holdings.unseen([Path("data/whole")]).startswith("data/whole is a symbolic link")


def test_digests(project: Path) -> None:
    """The MD5 of each file in a listing, of an archive in it or tracked alone; nothing where nothing is said."""
    entries = [{"md5": f"{number:032x}", "relpath": name} for number, name in enumerate(NAMES, start=1)]
    (project / ".dvc/cache/files/md5/00/aa.dir").write_text(json.dumps(entries))
    first, second, archive = ((number).to_bytes(16, "big") for number in (1, 2, 3))

    def said(path: str, *names: str) -> list[bytes]:
        return [one.ljust(16, b"\0") for one in holdings.digests(Path(path), names, len(names)).tolist()]

    assert said("data/pets", 'cat/two\nlines "é".png', "new.png", "cat/1.png") == [second, bytes(16), first]
    assert said("data/pets.zip", ".", ".") == [archive] * 2
    assert said("elsewhere", "1.png") == [bytes(16)]
    (project / "alone.zip.dvc").write_text(f"outs:\n- md5: {'ab' * 16}\n  path: alone.zip\n")
    assert said("alone.zip", ".") == [bytes.fromhex("ab" * 16)]


def test_what_is_gone(project: Path) -> None:
    """Of a folder, what its listing names and the disk lacks; nothing where the listing is not here."""
    for name in ("1.png", "3.png"):
        (project / "data/pets/cat").mkdir(parents=True, exist_ok=True)
        (project / "data/pets/cat" / name).touch()
    assert holdings.gone(Path("data/pets")) == ['cat/two\nlines "é".png']
    assert holdings.gone(Path("data/pets.zip")) == ["."]
    (project / ".dvc/cache/files/md5/00/aa.dir").unlink()
    assert holdings.gone(Path("data/pets")) == []
