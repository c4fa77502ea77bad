"""`frostline data add --shards`: a dataset of archives, which takes in what arrives later, or nothing."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from frostline import config
from frostline.commands import data_add, data_pack, init
from frostline.datasets import labels, shards
from frostline.datasets.source import open_source
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import holdings, processes
from frostline.template import photos
from helpers.images import archive, classes, encoded, folder
from helpers.kills import contents
from helpers.projects import call
from helpers.repositories import committed, without_dvc

BIRDS = classes({"crow": 4, "duck": 4})


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without the work of DVC, and photos of birds beside it."""
    top = tmp_path_factory.mktemp("data pack")
    folder(top / "photos", classes({"rose": 6, "tulip": 6}))
    folder(top / "birds", BIRDS)
    with pytest.MonkeyPatch.context() as patch:
        without_dvc(patch)
        patch.setattr(photos, "require_held", lambda _: None)
        init.run(top / "flowers", data=top / "photos", pretrained="none")
    return top


@pytest.fixture
def top(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it all, as the current folder's parent; DVC is not called."""
    shutil.copytree(made, tmp_path / "it's here")
    monkeypatch.chdir(tmp_path / "it's here/flowers")
    without_dvc(monkeypatch)
    monkeypatch.setattr(photos, "require_held", lambda _: None)
    monkeypatch.setattr(holdings, "require_held", lambda *_: None)
    return tmp_path / "it's here"


def held(place: str = "data/birds") -> list[tuple[str, str, int]]:
    """Class, split and wave of a dataset's photos."""
    with open_source(Path(place)) as source:
        return [(one.label, one.split, one.wave) for one in labels.read(source, Path(place))]


def test_a_dataset_of_archives(top: Path) -> None:
    """A dataset and a classifier as without, whose photos lie in one archive."""
    lines = data_add.run(top / "birds", shards=True)
    assert lines[0] == "8 photos in 2 classes: data/birds"
    dataset = config.load().datasets["birds"]
    assert dataset.path == "data/birds"
    assert shards.is_packed(Path("data/birds"))
    assert held() == [("crow", "", 0)] * 4 + [("duck", "", 0)] * 4
    assert not Path("data/.frostline").exists()


@pytest.mark.parametrize("given", ["birds", "birds.zip"])
def test_a_project_of_archives(top: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    """`init` packs what it is given, a folder or an archive, and later photos come into further archives."""
    archive(top / "birds.zip", BIRDS)
    init.run(top / "aviary", data=top / given, pretrained="none", shards=True)
    monkeypatch.chdir(top / "aviary")
    assert config.load().datasets["aviary"].path == "data/aviary"
    assert held("data/aviary") == [("crow", "", 0)] * 4 + [("duck", "", 0)] * 4
    folder(top / "new", {"duck/9.png": encoded(9)})
    data_add.run(top / "new", name="aviary", shards=True)
    assert held("data/aviary")[-1] == ("duck", "", 1)


def test_what_arrives_later(top: Path) -> None:
    """New photos come into a further archive, as a later wave; those that are there are known."""
    data_add.run(top / "birds", shards=True)
    [first] = Path("data/birds").iterdir()
    before = Path("params.yaml").read_bytes(), first.read_bytes()
    folder(top / "new/birds", {"crow/crow-0.png": BIRDS["crow/crow-0.png"], "owl/1.png": encoded(77)})
    lines = data_add.run(top / "new/birds", shards=True)
    assert lines[0] == "birds: 1 new photos, 9 in all"
    assert any("'owl'" in line for line in lines)
    assert any(line.startswith("1 lay there already") for line in lines)
    assert sorted(held())[-1] == ("owl", "", 1)
    assert (Path("params.yaml").read_bytes(), first.read_bytes()) == before
    assert data_add.run(top / "new/birds", shards=True)[-1].startswith("nothing to add")


def test_a_class_that_reads_as_another(top: Path) -> None:
    """What arrived is packed before it is seen beside the rest; refused, nothing of it stays."""
    data_add.run(top / "birds", shards=True)
    before = sorted(Path("data/birds").iterdir())
    folder(top / "new", {"Crow/1.png": encoded(77), "owl/2.png": encoded(78)})
    with pytest.raises(InputError, match="two classes read the same, 'Crow' and 'crow'"):
        data_add.run(top / "new", name="birds", shards=True)
    assert sorted(Path("data/birds").iterdir()) == before


def test_an_archive_that_is_gone(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its photos would leave the dataset in silence: it is to be brought back first, and nothing changes."""
    data_add.run(top / "birds", shards=True)
    monkeypatch.setattr(holdings, "gone", lambda _: ["00002-0123456789abcdef.zip"])
    before = sorted(Path("data/birds").iterdir())
    with pytest.raises(
        InputError, match=r"00002-0123456789abcdef\.zip is not here: .* dvc checkout data\.dvc"
    ):
        data_add.run(top / "birds", shards=True)
    assert sorted(Path("data/birds").iterdir()) == before


def test_an_archive_arrives(top: Path) -> None:
    """Zipped photos are packed as those of a folder are; --name says into which dataset they go."""
    archive(top / "monday.zip", BIRDS)
    archive(top / "tuesday.zip", {"photos/duck/9.png": encoded(9), "photos/crow/9.png": encoded(10)})
    data_add.run(top / "monday.zip", name="birds", shards=True)
    data_add.run(top / "tuesday.zip", name="birds", shards=True)
    assert sorted(held())[-5:] == [("duck", "", 0)] * 4 + [("duck", "", 1)]


def test_the_same_photo_in_another_class(top: Path) -> None:
    """It is said, with what to do."""
    data_add.run(top / "birds", shards=True)
    folder(top / "new", {"duck/x.png": BIRDS["crow/crow-0.png"]})
    lines = data_add.run(top / "new", name="birds", shards=True)
    [line] = [line for line in lines if "another class" in line]
    assert "duck/x.png" in line
    assert "frostline data review birds" in line


def test_splits_must_be_alike(top: Path) -> None:
    """A dataset with given splits takes photos with given splits alone, and nothing was changed."""
    given = {f"{split}/{name}": content for split in ("train",) for name, content in BIRDS.items()}
    folder(top / "given", {**given, "test/crow/t.png": encoded(1), "test/duck/t.png": encoded(2)})
    data_add.run(top / "given", name="birds", shards=True)
    with pytest.raises(InputError, match="split folders"):
        data_add.run(top / "birds", shards=True)
    assert {split for _, split, _ in held()} == {"train", "test"}
    folder(top / "more", {"test/crow/u.png": encoded(3), "train/duck/v.png": encoded(4)})
    data_add.run(top / "more", name="birds", shards=True)
    assert ("crow", "test", 1) in held()
    for wave, split in enumerate(("train", "test", "validation"), start=2):
        folder(top / f"only {split}", {f"photos/{split}/duck/w.png": encoded(100 + wave)})
        data_add.run(top / f"only {split}", name="birds", shards=True)
        assert ("duck", split, wave) in held()


def test_a_dataset_of_files(top: Path) -> None:
    """It is not packed by the way."""
    data_add.run(top / "birds")
    with pytest.raises(InputError, match="was not packed"):
        data_add.run(top / "birds", shards=True)


def test_dvc_fails(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before stays; the new archive goes."""
    data_add.run(top / "birds", shards=True)
    before = sorted(Path("data/birds").iterdir())

    def run(*_: str, **__: object) -> str:
        raise FrostlineError("dvc add failed")

    monkeypatch.setattr(processes, "run", run)
    folder(top / "new", {"owl/1.png": encoded(77)})
    with pytest.raises(FrostlineError, match="dvc add failed"):
        data_add.run(top / "new", name="birds", shards=True)
    assert sorted(Path("data/birds").iterdir()) == before


class Killed(BaseException):
    """Nothing cleans up after it: see `kill`."""


def kill(monkeypatch: pytest.MonkeyPatch, *, after: int) -> None:
    """As SIGKILL does it, end so many archives after the start, and leave everything as it is."""
    real, calls = shards._write, []

    def write(*given: object) -> Path:
        calls.append(given)
        if len(calls) > after:
            monkeypatch.setattr(Path, "unlink", lambda *_, **__: None)
            monkeypatch.setattr(photos, "remove", lambda _: None)
            raise Killed
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(shards, "_write", write)


def test_killed_while_packing(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing stands under the final name, and what is packed next has no photo of what was packed then."""
    with monkeypatch.context() as patch:
        patch.setattr(shards, "PHOTOS", 3)
        kill(patch, after=2)
        with pytest.raises(Killed):
            data_add.run(top / "birds", shards=True)
    assert list(Path("data/.frostline/birds").iterdir())
    assert not Path("data/birds").exists()
    folder(top / "other", {"owl/1.png": encoded(1), "wren/1.png": encoded(2)})
    data_add.run(top / "other", name="birds", shards=True)
    assert {label for label, *_ in held()} == {"owl", "wren"}
    assert not Path("data/.frostline").exists()


def test_killed_before_params(top: Path) -> None:
    """Called again it takes what stands there, if that is what it would pack; else it is somebody's."""
    photos.pack(top / "birds", Path("data/birds"))
    before = contents(Path("data/birds"))
    folder(top / "other", {"owl/1.png": encoded(1), "wren/1.png": encoded(2)})
    with pytest.raises(InputError, match="holds something else"):
        data_add.run(top / "other", name="birds", shards=True)
    assert contents(Path("data/birds")) == before
    data_add.run(top / "birds", shards=True)
    assert contents(Path("data/birds")) == before
    assert "birds" in config.load().datasets


def test_killed_before_dvc_has_what_was_appended(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called again nothing is new, but DVC is told of the archive all the same."""
    data_add.run(top / "birds", shards=True)
    folder(top / "new", {"owl/1.png": encoded(77)})
    photos.append(top / "new", Path("data/birds"))
    asked = list[tuple[str, ...]]()

    def run(*command: str, **_: object) -> str:
        asked.append(command)
        Path("data.dvc").write_text("outs: []\n")
        return ""

    monkeypatch.setattr(processes, "run", run)
    lines = data_add.run(top / "new", name="birds", shards=True)
    assert ("dvc", "add", "data") in asked
    assert lines[-1] == "next: dvc repro"


def test_a_disk_that_is_full(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Archives of the same call that were written before go again: nothing has changed."""
    data_add.run(top / "birds", shards=True)
    before = contents(Path("data"))
    monkeypatch.setattr(shards, "PHOTOS", 1)
    real = shards._write

    def write(place: Path, number: int, some: Any) -> Path:
        if number == 3:
            raise FrostlineError("cannot write: no space left on device")
        return real(place, number, some)

    monkeypatch.setattr(shards, "_write", write)
    folder(top / "new", {"owl/1.png": encoded(77), "owl/2.png": encoded(78)})
    with pytest.raises(FrostlineError, match="no space"):
        data_add.run(top / "new", name="birds", shards=True)
    assert contents(Path("data")) == before


def test_photos_that_read_otherwise_when_packed(top: Path) -> None:
    """A class that would vanish, as one called like a system's folder does: refused, and nothing stays."""
    table = b"path,label\na.png,crow\nb.png,duck\nc.png,__MACOSX\n"
    images = {f"{name}.png": encoded(seed) for seed, name in enumerate("abc")}
    folder(top / "odd", {**images, "labels.csv": table})
    with pytest.raises(FrostlineError, match="read otherwise"):
        data_add.run(top / "odd", shards=True)
    assert not Path("data/odd").exists()


def test_real_dvc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC has one file for all photos, and another for what came later; undo as printed brings back what was."""
    folder(tmp_path / "photos", classes({"rose": 3, "tulip": 3}))
    folder(tmp_path / "birds", BIRDS)
    init.run(tmp_path / "flowers", data=tmp_path / "photos", pretrained="none")
    monkeypatch.chdir(tmp_path / "flowers")
    data_add.run(tmp_path / "birds", shards=True)
    assert "nfiles: 7" in Path("data.dvc").read_text()
    committed("birds")
    folder(tmp_path / "new", {"owl/1.png": encoded(77)})
    *_, undo = data_add.run(tmp_path / "new", name="birds", shards=True)
    assert "nfiles: 8" in Path("data.dvc").read_text()
    call("sh", "-c", undo.removeprefix("undo: "), cwd=tmp_path)
    assert len(list(Path("data/birds").iterdir())) == 1
    assert "data.dvc:" not in call("dvc", "status", "data.dvc", cwd=Path()).stdout


def test_photos_that_were_not_pulled(top: Path) -> None:
    """Brought first."""
    data_add.run(top / "birds", shards=True)
    Path("data.dvc").touch()
    shutil.rmtree("data")
    with pytest.raises(InputError, match="dvc pull"):
        data_pack.run(top / "birds", "birds", Path("data/birds"))
