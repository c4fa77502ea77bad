"""`frostline use`: a recipe in place, photos linked; refused without a trace, undone by what it prints."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from frostline import config
from frostline.commands import use
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import worktree
from helpers.images import archive, classes, encoded, folder

ROOT = Path(__file__).parents[2]
RECIPE = Path("recipes/intel.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed project with recipes, params.yaml and data.dvc; no environment, no outputs."""
    here = tmp_path / "project"
    shutil.copytree(ROOT / "recipes", here / "recipes")
    for name in ("params.yaml", "data.dvc"):
        shutil.copy(ROOT / name, here)
    (here / ".gitignore").write_text("/data/\n")
    monkeypatch.chdir(here)
    for command in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "start"]):
        subprocess.run(command, check=True)
    return here


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes, three and four images."""
    return folder(tmp_path / "photos", classes({"sea": 3, "forest": 4}))


def test_links_photos_and_sets_params(
    project: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every photo is a hard link; params.yaml is the recipe to the letter; the sample's remote is forgotten."""
    use.run(RECIPE, data=photos)
    linked = sorted(path for path in (project / "data/intel").rglob("*") if path.is_file())
    assert len(linked) == 7
    assert all(path.stat().st_nlink == 2 for path in linked)
    assert (project / "params.yaml").read_text() == (ROOT / RECIPE).read_text()
    assert "remote:" not in (project / "data.dvc").read_text()
    out = capsys.readouterr().out
    assert "7 images in 2 classes (forest 4, sea 3)" in out
    assert "next: dvc repro" in out


def test_the_printed_undo_works(project: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it says undoes it does so (DVC's part apart: there is no data here)."""
    use.run(RECIPE, data=photos)
    undo = capsys.readouterr().out.split("undo: ")[1].split(" && dvc")[0]
    subprocess.run(undo, shell=True, check=True)
    assert subprocess.run(["git", "status", "--porcelain"], capture_output=True, check=True).stdout == b""
    assert not (project / "data/intel").exists()
    assert len(list(photos.rglob("*.png"))) == 7


def test_an_archive_keeps_its_ending(project: Path, tmp_path: Path) -> None:
    """A zip becomes data/NAME.zip, and params.yaml says so; nothing else in the recipe changes."""
    use.run(RECIPE, data=archive(tmp_path / "Photos.ZIP", classes({"sea": 3, "forest": 4})))
    assert (project / "data/intel.zip").is_file()
    assert config.load().datasets["intel"].path == "data/intel.zip"
    before, after = (
        (ROOT / RECIPE).read_text().splitlines(),
        (project / "params.yaml").read_text().splitlines(),
    )
    assert [line for line in after if line not in before] == ["    path: data/intel.zip"]


def test_another_disk_gets_copies(project: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no hard link can be made, the photos are copied."""

    def refused(*_: object) -> None:
        raise OSError("cross-device link")

    monkeypatch.setattr(os, "link", refused)
    use.run(RECIPE, data=photos)
    copies = list((project / "data/intel").rglob("*.png"))
    assert [path.stat().st_nlink for path in copies] == [1] * 7


def dirty(project: Path, _: Path) -> None:
    (project / "params.yaml").write_text("seed: 8\n")


def taken(project: Path, _: Path) -> None:
    (project / "data/intel").mkdir(parents=True)


def gone(_: Path, photos: Path) -> None:
    shutil.rmtree(photos)


def one_class(_: Path, photos: Path) -> None:
    shutil.rmtree(photos / "sea")


def loose(_: Path, photos: Path) -> None:
    (photos / "loose.png").write_bytes(encoded(1))


def empty(_: Path, photos: Path) -> None:
    for path in photos.rglob("*.png"):
        path.unlink()


def astray(project: Path, _: Path) -> None:
    """As if from a sub-folder of the project: git answers, and params.yaml is another."""
    (project / "data.dvc").unlink()
    subprocess.run(["git", "commit", "-qam", "gone"], check=True)


def two_datasets(project: Path, _: Path) -> None:
    recipe = project / RECIPE
    text = recipe.read_text()
    entry = text[text.index("  intel:\n    path") : text.index("classifiers:")]
    recipe.write_text(text.replace(entry, entry + entry.replace("intel", "other", 1)))
    subprocess.run(["git", "commit", "-qam", "two"], check=True)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (dirty, r"uncommitted changes \(params.yaml\); commit or undo them first"),
        (taken, r"data/intel exists; remove it"),
        (gone, r"photos does not exist; name the folder"),
        (one_class, r"one class only \('forest'\)"),
        (loose, r"1 images lie in no class folder"),
        (empty, r"no images found"),
        (astray, r"data.dvc is missing; run this in the project's root"),
        (two_datasets, r"holds 2 datasets; `use` takes a recipe for one"),
    ],
)
def test_refused_without_a_trace(project: Path, photos: Path, spoil: object, message: str) -> None:
    """One line, and nothing was changed."""
    spoil(project, photos)  # type: ignore[operator]
    before = {path: path.read_bytes() for path in project.glob("*.*") if path.is_file()}
    with pytest.raises(InputError, match=message) as error:
        use.run(RECIPE, data=photos)
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in project.glob("*.*") if path.is_file()} == before
    assert not any((project / "data/intel").glob("*"))


def test_a_full_disk_leaves_nothing(project: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half-linked photos are taken away again, and params.yaml is as it was."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", full)
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(FrostlineError, match=r"cannot link .*No space left on device.*nothing was changed"):
        use.run(RECIPE, data=photos)
    assert not (project / "data/intel").exists()
    assert (project / "params.yaml").read_text() == (ROOT / "params.yaml").read_text()


def test_a_failure_at_the_end_takes_all_back(
    project: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """params.yaml is what it was also where the last step fails."""

    def broken() -> None:
        raise FrostlineError("it broke")

    monkeypatch.setattr(worktree, "forget_sample_remote", broken)
    with pytest.raises(FrostlineError, match="it broke"):
        use.run(RECIPE, data=photos)
    assert not (project / "data/intel").exists()
    assert (project / "params.yaml").read_text() == (ROOT / "params.yaml").read_text()


def test_photos_may_not_hold_their_own_place(project: Path) -> None:
    """A folder is not linked into itself."""
    folder(project / "data", classes({"sea": 3, "forest": 4}))
    with pytest.raises(InputError, match=r"data/intel would lie inside data; name"):
        use.run(RECIPE, data=Path("data"))
    assert not (project / "data/intel").exists()


def test_loops_pipes_and_dangling_links_stay_behind(project: Path, photos: Path) -> None:
    """What cannot be linked or would never end is left; the photos come."""
    (photos / "sea/loop").symlink_to("..")
    (photos / "sea/nowhere.png").symlink_to("gone.png")
    os.mkfifo(photos / "sea/pipe.png")
    use.run(RECIPE, data=photos)
    linked = {path.name for path in (project / "data/intel/sea").iterdir()}
    assert linked == {"sea-0.png", "sea-1.png", "sea-2.png"}
