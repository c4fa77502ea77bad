"""`frostline data add`: another dataset and classifier beside those that are there, or nothing."""

import itertools
import os
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from ruamel.yaml import YAML

from frostline import config, files
from frostline.commands import data_add, init
from frostline.config.backbones import TABLE
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import processes
from frostline.template import photos
from helpers.images import classes, folder
from helpers.kills import contents, killed, moments
from helpers.projects import call
from helpers.repositories import committed, git, without_dvc


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with real DVC, on weights of its own; beside it photos of birds and other weights."""
    top = tmp_path_factory.mktemp("data add") / "it's here"
    folder(top / "photos/flowers", classes({"rose": 6, "tulip": 6}))
    folder(top / "birds", classes({"crow": 4, "duck": 4, "owl": 4}, prefix="photos/"))
    for name, number in (("own.h5", 1), ("other/own.h5", 2), ("second.h5", 2)):
        weights_file(top / name, "mobilenet", number)
    weights_file(top / "vgg.h5", "vgg16", 1)
    init.run(top / "flowers", data=top / "photos/flowers", pretrained=str(top / "own.h5"))
    return top


def weights_file(path: Path, backbone: str, number: int) -> Path:
    """A file that is taken for a backbone's weights."""
    path.parent.mkdir(exist_ok=True)
    with h5py.File(path, "w") as file:
        shape = (TABLE[backbone].parameters,)
        file.create_dataset("a", shape, np.int8, fillvalue=number)  # takes no room
    return path


@pytest.fixture
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it all, in a path with a space and a quote; the project is the current folder."""
    top = tmp_path / "it's here"
    shutil.copytree(made, top)
    monkeypatch.chdir(top / "flowers")
    return top / "flowers"


@pytest.fixture
def quick(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `project`; DVC, whose commands take seconds, is not called."""
    without_dvc(monkeypatch)
    monkeypatch.setattr(photos, "require_held", lambda _: None)
    return project


def test_photos_that_dvc_passes_over(project: Path) -> None:
    """What a .dvcignore of the project names would never be versioned: refused, and nothing has changed."""
    with (project / ".dvcignore").open("a") as file:
        file.write("owl\n")
    before = state()
    with pytest.raises(
        FrostlineError, match=r"DVC does not hold 4 of the 12 files of data/birds, the first '.*/owl-0.png'"
    ):
        data_add.run(Path("../birds"))
    assert state() == before


def settings() -> config.Params:
    """The project's params as they are now."""
    return config.parse(config.plain(config.text(Path("params.yaml"))))


def state() -> dict[str, bytes]:
    """All files of the project but git's and DVC's own."""
    found = (path for path in Path().rglob("*") if path.is_file() and path.parts[0] not in {".git", ".dvc"})
    return {str(path): path.read_bytes() for path in found}


def test_a_second_dataset(project: Path) -> None:
    """Every line that was there is there still, in order; both are valid, and DVC tracks both."""
    before = Path("params.yaml").read_text().splitlines()
    lines = data_add.run(Path("../birds"))
    after = iter(Path("params.yaml").read_text().splitlines())
    assert all(line in after for line in before)  # in this order: the iterator goes on where it was
    found = settings()
    assert list(found.datasets) == ["flowers", "birds"]
    assert list(found.classifiers) == ["flowers-mobilenet", "birds-mobilenet"]
    assert found.classifiers["birds-mobilenet"].weights == "mobilenet"
    assert list(found.weights) == ["mobilenet"]
    assert lines[0] == "12 photos in 3 classes: data/birds"
    assert "nfiles: 24" in Path("data.dvc").read_text()
    assert {"preprocess@birds", "train@birds-mobilenet"} <= {
        line.rstrip(":\n") for line in call("dvc", "status", cwd=project).stdout.splitlines()
    }


@pytest.mark.usefixtures("project")
def test_undo_as_printed(tmp_path: Path) -> None:
    """Pasted anywhere, it takes back photos, weights and text, and the dataset can be added again."""
    before, tracked = state(), git("status", "--porcelain")
    for _ in range(2):
        lines = data_add.run(Path("../birds"), pretrained="../vgg.h5")
        assert settings().weights["vgg16"].source == "vgg.h5"
        assert Path("pretrained/vgg.h5.dvc").is_file()
        [undo] = [line.removeprefix("undo: ") for line in lines if line.startswith("undo: ")]
        subprocess.run(["bash", "-c", undo], check=True, cwd=tmp_path)
        assert state() == before
        assert git("status", "--porcelain") == tracked == ""


@pytest.mark.usefixtures("quick")
def test_no_undo_that_loses_other_changes() -> None:
    """Where params.yaml was edited before, git would take that back, too."""
    with Path("params.yaml").open("a") as file:
        file.write("# mine\n")
    assert not [line for line in data_add.run(Path("../birds")) if line.startswith("undo")]


@pytest.mark.usefixtures("quick")
def test_the_samples_remote_is_forgotten() -> None:
    """Photos of one's own must not be pushed where the sample lies."""
    path = Path("data.dvc")
    path.write_text(path.read_text() + "  remote: sample\n")
    data_add.run(Path("../birds"))
    assert "remote" not in path.read_text()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("pretrained", "entries", "used"),
    [
        (None, {"mobilenet": "own.h5"}, "mobilenet"),
        ("../own.h5", {"mobilenet": "own.h5"}, "mobilenet"),
        ("pretrained/own.h5", {"mobilenet": "own.h5"}, "mobilenet"),
        ("../second.h5", {"mobilenet": "own.h5", "mobilenet-2": "second.h5"}, "mobilenet-2"),
        ("../vgg.h5", {"mobilenet": "own.h5", "vgg16": "vgg.h5"}, "vgg16"),
        ("imagenet", {"mobilenet": "own.h5", "mobilenet-2": "imagenet"}, "mobilenet-2"),
        ("none", {"mobilenet": "own.h5", "scratch": "scratch"}, "scratch"),
    ],
)
def test_weights(pretrained: str | None, entries: dict[str, str], used: str) -> None:
    """Those that the project has are used again, others stand beside them and are linked."""
    data_add.run(Path("../birds"), pretrained=pretrained)
    found = settings()
    assert {name: entry.source for name, entry in found.weights.items()} == entries
    assert found.classifiers[list(found.classifiers)[-1]].weights == used
    if pretrained and pretrained.endswith(".h5"):
        assert Path("pretrained", Path(pretrained).name).is_file()


@pytest.mark.usefixtures("quick")
def test_an_entry_of_another_name_is_used_again() -> None:
    """Whatever params.yaml calls the weights."""
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        text.replace("  mobilenet: {", "  small: {").replace("weights: mobilenet", "weights: small")
    )
    data_add.run(Path("../birds"))
    assert list(settings().weights) == ["small"]
    assert settings().classifiers["birds-mobilenet"].weights == "small"


@pytest.mark.usefixtures("quick")
def test_no_comment_before_a_key_is_torn_off() -> None:
    """What is said of the next section stays with it, wherever it begins."""
    data_add.run(Path("../birds"))
    text = Path("params.yaml").read_text()
    lines = text.splitlines()
    before = {
        line.split(":")[0]: last for last, line in itertools.pairwise(lines) if line and line[0].isalpha()
    }
    assert [before[name] for name in ("weights", "datasets", "classifiers")] == ["", "", ""]
    assert before["promotion"].startswith("# these megabytes")
    assert text.count("# What `frostline registry promote` asks of a new model") == 1


REFUSED = {
    "a dataset of this name": (Path("../photos/flowers"), None, None, "has a dataset flowers already"),
    "a name of one's own": (Path("../birds"), "Flowers", None, "has a dataset flowers already"),
    "a place that is taken": (Path("../birds"), "taken", None, "data/taken exists"),
    "a classifier of this name": (Path("../birds"), "old", None, "has a classifier on old already"),
    "no photos": (Path("../nowhere"), None, None, "nowhere does not exist"),
    "other weights of this name": (Path("../birds"), None, "../other/own.h5", "holds other weights"),
    "no weights": (Path("../birds"), None, "params.yaml", "cannot be read"),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    """An input error, and nothing has changed."""
    Path("data/taken").mkdir()
    text = Path("params.yaml").read_text()
    old = text.replace("  flowers-mobilenet:", "  old-mobilenet:")
    Path("params.yaml").write_text(old if case == "a classifier of this name" else text)
    before = state()
    data, name, pretrained, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        data_add.run(data, name=name, pretrained=pretrained)
    assert state() == before


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("weights:\n  mobilenet: {", "weights: {mobilenet: {"),
        ("datasets:\n", '"datasets":\n'),
    ],
)  # fmt: skip
def test_a_section_that_cannot_be_edited(old: str, new: str) -> None:
    """The message says how to write it; nothing has changed."""
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(
        text.replace(old, new).replace("own.h5}", "own.h5}}" if "{" in old else "own.h5}")
    )
    settings()
    before = state()
    with pytest.raises(InputError, match="on a line of its own"):
        data_add.run(Path("../birds"), pretrained="../vgg.h5")
    assert state() == before


@pytest.mark.usefixtures("quick")
def test_photos_that_were_not_pulled() -> None:
    """Adding to a clone without its photos would take them out of data.dvc."""
    shutil.rmtree("data")
    with pytest.raises(InputError, match=r"dvc pull data\.dvc"):
        data_add.run(Path("../birds"))


@pytest.mark.usefixtures("quick")
def test_dvc_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full, in the middle: its complaint, and all is as it was."""

    def full(*command: str, **_: object) -> str:
        if command[0] == "dvc":
            Path("pretrained/vgg.h5.dvc").write_text("half")
            raise FrostlineError("no space left")
        return git(*command[1:])

    monkeypatch.setattr(processes, "run", full)
    before = state()
    with pytest.raises(FrostlineError, match="no space left"):
        data_add.run(Path("../birds"), pretrained="../vgg.h5")
    assert state() == before


@pytest.mark.usefixtures("quick")
def test_killed_while_dvc_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe then names nothing that DVC does not hold, and what stands in the way is named."""
    named = []

    def watched(*command: str, **_: object) -> str:
        if command[0] == "dvc":
            named.append("birds" in settings().datasets)
        return ""

    monkeypatch.setattr(processes, "run", watched)
    data_add.run(Path("../birds"))
    assert named == [False]
    assert "birds" in settings().datasets


ADD = ("frostline", "data", "add", "../birds", "--weights", "../vgg.h5")


def added(project: Path) -> dict[str, bytes]:
    """All that `data add` writes; DVC gives no order to the files of its .dvc files."""
    return contents(*(project / name for name in ("params.yaml", "data", "data.dvc", "pretrained")))


def test_killed_and_called_again(project: Path) -> None:
    """Photos and weights that a killed one has linked are taken, and all is as if nothing had happened."""
    whole = project.with_name("whole")
    shutil.copytree(project, whole)
    call(*ADD, cwd=whole)
    before = Path("params.yaml").read_bytes()
    assert killed(ADD, project, line="copying the photos")
    assert Path("params.yaml").read_bytes() == before
    assert Path("data/birds").is_dir()
    call(*ADD, cwd=project)
    assert added(project) == added(whole)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_moments(project: Path) -> None:
    """At its place there is nothing or all of it, but for one photo that DVC was about to copy back from its cache; and
    the next one makes what one in one go makes."""
    places = [project.with_name(name) for name in ("whole", "broken")]
    for place in places:
        shutil.copytree(project, place)
    whole, broken = places
    trial = project.with_name("trial")
    shutil.copytree(project, trial)
    call(*ADD, cwd=whole)
    birds = contents(whole / "data/birds")
    for after in moments(ADD, trial, many=10, seed=23):
        shutil.rmtree(broken)
        shutil.copytree(project, broken)
        killed(ADD, broken, after=after)
        found = contents(broken / "data/birds")
        photos_there = {name: content for name, content in found.items() if not name.endswith(".tmp")}
        assert photos_there.items() <= birds.items(), after
        assert len(photos_there) in {0, len(birds) - 1, len(birds)}, after
        if b"birds" not in (broken / "params.yaml").read_bytes():
            call(*ADD, cwd=broken)
        for left in broken.rglob(".*.tmp"):  # of photos or weights, which DVC is told to ignore
            left.unlink()
        assert added(broken) == added(whole), after


@pytest.mark.usefixtures("quick")
def test_photos_that_lie_there_by_hand() -> None:
    """They are taken where they lie, and neither `undo` nor a failure takes away the only copy."""
    Path("../birds").replace("data/birds")
    before = state()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "write_text", lambda *_: (_ for _ in ()).throw(FrostlineError("disk full")))
        with pytest.raises(FrostlineError, match="disk full"):
            data_add.run(Path("data/birds"))
    assert state() == before
    lines = data_add.run(Path("data/birds"))
    assert "birds" in settings().datasets
    [undo] = [line.removeprefix("undo: ") for line in lines if line.startswith("undo: ")]
    subprocess.run(["bash", "-c", undo], check=True)
    assert state() == before


@pytest.mark.usefixtures("quick")
def test_a_dvc_that_was_killed_while_it_linked() -> None:
    """A photo's name is gone, its content under a hidden one; all are linked once more."""
    shutil.copytree("../birds", "data/birds")
    photo = next(Path("data/birds").rglob("*.png"))
    left = photo.rename(photo.with_name(".YMu5ALxPnpdi4D4iJRU_Mg.tmp"))
    data_add.run(Path("../birds"))
    left.unlink()
    assert contents(Path("data/birds")) == contents(Path("../birds"))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fails", [False, True])
def test_a_part_that_is_the_only_copy(monkeypatch: pytest.MonkeyPatch, *, fails: bool) -> None:
    """Photos that lie in their place already, to which the folder that is given only links: they stay, whatever comes,
    and `undo` does not name them."""
    only = Path("data/birds/photos/crow/crow-0.png")
    only.parent.mkdir(parents=True)
    given = Path("../birds/photos/crow/crow-0.png")
    given.replace(only)
    given.symlink_to(only.absolute())
    content = only.read_bytes()
    if fails:
        monkeypatch.setattr(
            files, "write_text", lambda *_: (_ for _ in ()).throw(FrostlineError("disk full"))
        )
        with pytest.raises(FrostlineError, match="disk full"):
            data_add.run(Path("../birds"))
    else:
        lines = data_add.run(Path("../birds"))
        assert not any("data/birds" in line for line in lines if line.startswith("undo: "))
        assert len(list(Path("data/birds").rglob("*.png"))) == 12
    assert only.read_bytes() == content


@pytest.mark.usefixtures("quick")
def test_a_place_that_is_taken() -> None:
    """By other photos, or by the same in a dataset of another name: nothing of it is touched."""
    shutil.copytree("../birds", "data/birds")
    next(Path("data/birds").rglob("*.png")).write_bytes(b"another")
    before = state()
    with pytest.raises(InputError, match="data/birds exists and holds something else; choose another name"):
        data_add.run(Path("../birds"))
    assert state() == before


def test_typed_in_a_subfolder(project: Path) -> None:
    """Photos and weights are found from where they were typed."""
    call("frostline", "data", "add", "../../birds", "--weights", "../../vgg.h5", cwd=project / "flows")
    assert settings().classifiers["birds-vgg16"].weights == "vgg16"
    assert Path("pretrained/vgg.h5").stat().st_size == (project.parent / "vgg.h5").stat().st_size
    committed("Birds")
    assert YAML(typ="safe").load(Path("data.dvc"))["outs"][0]["nfiles"] == 24
    assert os.fspath(project) not in Path("params.yaml").read_text()
