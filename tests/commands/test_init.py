"""`frostline init`: whatever photos look like and wherever they lie, a whole project or nothing."""

import functools
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from ruamel.yaml import YAML

from frostline import config
from frostline.commands import init, lock
from frostline.config.backbones import TABLE
from frostline.datasets import manifest
from frostline.errors import FrostlineError, InputError
from frostline.pipeline import processes
from frostline.template import weights
from helpers.images import archive, classes, encoded, folder
from helpers.projects import call
from helpers.repositories import git, without_dvc

ODD_NAMES = (
    "with space", "comma, semi;", "'single'", '"double"', "🌸", "-dash", "--help", "cafe\N{COMBINING ACUTE ACCENT}",
    "new\nline", "$HOME ${x}", "#hash", "100%", "a: b", "*", "yes", "null", "1.0", "back\\slash",
)  # fmt: skip
FEW = {"cats": 6, "dogs": 6}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a space and a letter beyond ASCII in its path; no internet, no downloaded weights."""
    place = tmp_path / "Fotos für Ärzte"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(weights, "_reachable", lambda: False)
    return place


@pytest.fixture
def quick(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As `here`; DVC, whose commands take seconds, is not called."""
    without_dvc(monkeypatch)
    return here


def settings(project: Path | str) -> config.Params:
    """A project's params."""
    return config.parse(config.plain(config.text(Path(project) / "params.yaml")))


def plain(place: Path) -> Path:
    """Six cats and six dogs in a folder."""
    return folder(place, classes(FEW))


def given(files: dict[str, bytes], split: str) -> dict[str, bytes]:
    """The same names below a split's folder, and other bytes."""
    return {f"{split}/{name}": content + split.encode() for name, content in files.items()}


def tar(place: Path, files: dict[str, bytes]) -> Path:
    """An archive of files."""
    source = folder(place.with_name("to pack"), files)
    with tarfile.open(place, "w:gz") as target:
        target.add(source, "photos")
    return place


def table(place: Path) -> Path:
    """Photos in one folder, and a table of their labels."""
    folder(place, {f"all/{number}.png": encoded(number) for number in range(12)})
    rows = [f"all/{number}.png,{('cats', 'dogs')[number % 2]}" for number in range(12)]
    (place / "labels.csv").write_text("\n".join(["path,label", *rows]))
    return place


PHOTOS = classes(FEW)
SPLIT = {**given(PHOTOS, "train"), **given(PHOTOS, "validation"), **given(PHOTOS, "test")}
KAGGLE = {**given(given(PHOTOS, "seg_train"), "seg_train"), **given(given(PHOTOS, "seg_test"), "seg_test")}
LAYOUTS: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "class folders": (plain, "data/flowers", "no splits given"),
    "split folders": (lambda place: folder(place, SPLIT), "data/flowers", "train 12, validation 12, test 12"),
    "kaggle": (lambda place: folder(place, KAGGLE), "data/flowers", "train 12, test 12"),
    "zip": (lambda place: archive(place.with_suffix(".zip"), PHOTOS), "data/flowers.zip", "no splits given"),
    "tar": (
        lambda place: tar(place.with_suffix(".tar.gz"), PHOTOS),
        "data/flowers.tar.gz",
        "no splits given",
    ),
    "table": (table, "data/flowers", "no splits given"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(quick: Path, layout: str) -> None:
    """However photos are laid out: linked, counted, with the splits that are given, and params.yaml is valid."""
    make, place, said = LAYOUTS[layout]
    photos = make(quick / "my photos")
    lines = init.run(Path("flowers"), data=photos, pretrained="none")
    assert "2 classes (cats " in lines[0]
    assert said in lines[0]
    assert not [line for line in lines if "left out" in line]
    assert settings("flowers").datasets["flowers"].path == place
    linked, source = (
        next(path for path in (top, *sorted(top.rglob("*"))) if path.is_file())
        for top in (Path("flowers") / place, photos)
    )
    assert linked.samefile(source)


@pytest.mark.parametrize("name", ["Blumen & Gräser", "-x", "2024", "null", "写真", "it's", "a.b", "x" * 90])
def test_names_of_projects(quick: Path, name: str) -> None:
    """Any folder's name: datasets and classifiers are called like it, as far as all programs take it."""
    init.run(quick / name, data=plain(quick / "photos"), pretrained="none")
    [dataset] = settings(name).datasets.values()
    assert (quick / name / dataset.path).is_dir()
    assert f"# {name}\n" in (quick / name / "README.md").read_text()
    assert git("-C", str(quick / name), "log", "--format=%s") == f"{name}: made by frostline init"


def test_odd_class_names(quick: Path) -> None:
    """They come through untouched: nothing that is written names a class."""
    photos = folder(quick / "photos", classes(dict.fromkeys(ODD_NAMES, 2)))
    lines = init.run(Path("odd"), data=photos, pretrained="none")
    assert f"in {len(ODD_NAMES)} classes" in lines[0]
    assert {path.name for path in Path("odd/data/odd").iterdir()} == set(ODD_NAMES)


def test_one_name_in_two_unicode_forms(quick: Path) -> None:
    """Two classes that nobody could tell from each other are refused, with both spellings."""
    photos = folder(quick / "photos", classes({"caf\N{LATIN SMALL LETTER E WITH ACUTE}": 2, ODD_NAMES[7]: 2}))
    with pytest.raises(InputError, match=r"'caf\\xe9'.*'cafe\\u0301'|'cafe\\u0301'.*'caf\\xe9'"):
        init.run(Path("twins"), data=photos, pretrained="none")
    assert not Path("twins").exists()


def test_what_is_left_out_is_counted(quick: Path) -> None:
    """Files that are neither images nor the table of labels."""
    photos = table(quick / "photos")
    folder(photos, {"notes.txt": b"x", "all/scan.pdf": b"x"})
    lines = init.run(Path("flowers"), data=photos, pretrained="none")
    words = "skipped, not images: 2 files (.pdf 1, .txt 1), the first 'all/scan.pdf'"
    assert words in lines


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "no photos": ({"data": Path("nowhere")}, "nowhere does not exist"),
    "one class": ({"data": Path("one")}, "only one class, 'cats'"),
    "no images": ({"data": Path("none")}, "no images"),
    "unreadable weights": ({"pretrained": "broken.weights.h5"}, r"broken\.weights\.h5 cannot be read"),
    "missing weights": ({"pretrained": "gone.h5"}, r"gone\.h5 does not exist"),
    "other classes": (
        {"template": "others.yaml"},
        "is for the classes bees, ants; these photos have cats, dogs",
    ),
    "unknown recipe": ({"template": "nowhere.yaml"}, r"nowhere\.yaml"),
    "recipe and weights": ({"template": "intel", "pretrained": "none"}, "leave out --weights"),
    "neither photos nor sample": ({"data": None}, "--data FOLDER, or --sample"),
    "photos and sample": ({"from_sample": True}, "--data FOLDER, or --sample"),
    "sample in archives": ({"data": None, "from_sample": True, "shards": True}, "leave out --shards"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(quick: Path, case: str) -> None:
    """An input error with what is wrong; nothing is left, neither under the project's name nor beside it."""
    plain(quick / "photos")
    folder(quick / "one", classes({"cats": 3}))
    folder(quick / "none", {"a/notes.txt": b"x"})
    Path("broken.weights.h5").write_bytes(b"no weights")
    init.run(Path("first"), data=Path("photos"), pretrained="none")
    text = Path("first/params.yaml").read_text()
    Path("others.yaml").write_text(text.replace("classes: null", "classes: [bees, ants]"))
    before = sorted(path.name for path in quick.iterdir())
    options, words = REFUSED[case]
    with pytest.raises(InputError, match=words):
        init.run(Path("flowers"), **{"data": Path("photos"), **options})  # type: ignore[arg-type]
    assert sorted(path.name for path in quick.iterdir()) == before


def test_a_folder_that_is_taken(quick: Path) -> None:
    """It stays as it is; a project is pointed to `data add`, by a line that can be pasted; an empty one is used."""
    photos = plain(quick / "photos")
    (folder(quick / "it's mine", {"notes.txt": b"x"}) / "empty").mkdir()
    with pytest.raises(InputError, match="is not empty"):
        init.run(Path("it's mine"), data=photos, pretrained="none")
    assert sorted(path.name for path in Path("it's mine").iterdir()) == ["empty", "notes.txt"]
    init.run(Path("it's mine/empty"), data=photos, pretrained="none")
    with pytest.raises(InputError, match=r"""cd 'it'"'"'s mine/empty' && frostline data add"""):
        init.run(Path("it's mine/empty"), data=photos, pretrained="none")
    with pytest.raises(InputError, match="is no folder; make it first"):
        init.run(Path("a/b/c"), data=photos, pretrained="none")


def test_the_current_folder(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder that somebody stands in stays the same folder, and what a killed init left in it is nothing."""
    photos = plain(quick / "photos")
    (quick / "flowers/.01234567.flowers").mkdir(parents=True)
    monkeypatch.chdir("flowers")
    before = Path().stat().st_ino
    lines = init.run(Path(), data=photos, pretrained="none")
    assert [line for line in lines if "was killed" in line and ".01234567.flowers" in line]
    assert Path().stat().st_ino == (quick / "flowers").stat().st_ino == before
    assert Path("dvc.yaml").is_file()
    assert sorted(path.name for path in Path().iterdir() if path.name.endswith(".flowers")) == [
        ".01234567.flowers"
    ]
    assert list(settings(".").datasets) == ["flowers"]


def test_a_parent_that_cannot_be_written(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the system's reason."""
    photos, parent = plain(quick / "photos"), quick / "locked"
    parent.mkdir(mode=0o555)
    if os.geteuid() == 0:  # whom no mode of a folder stops
        monkeypatch.setattr(
            Path, "mkdir", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))
        )
    with pytest.raises(FrostlineError, match=r"cannot make .*flowers: Permission denied"):
        init.run(parent / "flowers", data=photos, pretrained="none")
    assert list(parent.iterdir()) == []


def test_no_weights(quick: Path) -> None:
    """Asked for or not to be had: a plain network, and why; with both networks asked for, both."""
    photos = plain(quick / "photos")
    asked = init.run(Path("asked"), data=photos, pretrained="none")
    lacking = init.run(Path("lacking"), data=photos)
    assert [line for line in asked if line.startswith("no pretrained weights (as asked)")]
    assert [line for line in lacking if "no internet" in line]
    assert list(settings("lacking").classifiers) == ["lacking-cnn"]
    init.run(Path("both"), data=photos, pretrained="imagenet", compare_cnn=True)
    assert list(settings("both").classifiers) == ["both-mobilenet", "both-cnn"]


@pytest.mark.parametrize(
    "name", ["mine.weights.h5", "my weights, {v1}: #2 'x' \"y\".weights.h5", "-é.h5", "null", "[a]"]
)
def test_weights_of_ones_own(quick: Path, name: str) -> None:
    """Linked under their name, whatever YAML thinks of it."""
    Path("sub").mkdir()
    with h5py.File(Path("sub", name), "w") as file:
        file["a"] = np.zeros(TABLE["mobilenet"].parameters, np.int8)
    init.run(Path("flowers"), data=plain(quick / "photos"), pretrained=str(Path("sub", name)))
    found = settings("flowers")
    assert found.weights["mobilenet"].source == name
    assert Path("flowers/pretrained", name).samefile(Path("sub", name))
    assert found.classifiers["flowers-mobilenet"].weights == "mobilenet"


@pytest.mark.parametrize("recipe", ["cats_dogs", "intel", "mine.yaml"])
def test_recipes(quick: Path, recipe: str) -> None:
    """One that comes with frostline, or a file: with its classifiers, its words, and the place of these photos."""
    init.run(Path("first"), data=plain(quick / "photos"), pretrained="none")
    shutil.copyfile("first/params.yaml", "mine.yaml")
    packed = archive(quick / "photos.zip", PHOTOS)
    init.run(Path("flowers"), data=packed, template=recipe)
    [dataset] = settings("flowers").datasets.values()
    assert Path("flowers", dataset.path).samefile(packed)
    assert dataset.path.endswith(".zip")
    assert "# their order; null: by name" in Path("flowers/params.yaml").read_text()


def test_without_an_identity(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is committed, and the line says what to do; all is there and staged."""
    for role in ("AUTHOR", "COMMITTER"):
        for part in ("NAME", "EMAIL"):
            monkeypatch.delenv(f"GIT_{role}_{part}", raising=False)
    monkeypatch.delenv("EMAIL", raising=False)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    lines = init.run(Path("flowers"), data=plain(quick / "photos"), pretrained="none")
    assert [line for line in lines if "nothing is committed" in line and "user.email" in line]
    assert "params.yaml" in git("-C", "flowers", "diff", "--cached", "--name-only")


def test_git_refuses_the_commit(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that cannot be used, a hook: the project is there, and the line says why nothing is committed."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    for number, (key, value) in enumerate((("commit.gpgSign", "true"), ("gpg.program", "/bin/false"))):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    lines = init.run(Path("flowers"), data=plain(quick / "photos"), pretrained="none")
    assert [line for line in lines if "nothing is committed: `git commit" in line]
    assert Path("flowers/params.yaml").is_file()


def test_dvc_fails(quick: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full: its complaint, and nothing is left."""
    run = processes.run

    def full(*command: str, **options: object) -> str:
        if command[:2] == ("dvc", "add"):
            raise FrostlineError("no space left")
        return run(*command, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(processes, "run", full)
    with pytest.raises(FrostlineError, match="no space left"):
        init.run(Path("flowers"), data=plain(quick / "photos"), pretrained="none")
    assert [path.name for path in quick.iterdir()] == ["photos"]


def test_a_project_of_its_own(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With real DVC and odd class names: all committed, photos versioned, code.yaml up to date, no library in it."""
    photos = folder(here / "photos", classes(dict.fromkeys(ODD_NAMES, 2)))
    folder(
        photos, {"yes.dvc": b"outs: []", "yes/dvc.yaml": b"stages: {}", "yes/.dvcignore": b"*"}
    )  # a DVC of their own
    init.run(Path("my 🌸 project"), data=photos, pretrained="none")
    monkeypatch.chdir("my 🌸 project")
    assert git("status", "--porcelain", "--untracked-files=all") == ""
    assert git("ls-files", "data", ".frostline") == ""
    assert "data.dvc" not in call("dvc", "status", cwd=Path.cwd()).stdout
    assert f"nfiles: {2 * len(ODD_NAMES)}" in Path("data.dvc").read_text()
    assert lock.run(check=True) == lock.run() == ["code.yaml is up to date"]
    graph = Path("dvc.yaml").read_text()
    assert not [
        word for word in ("src", "site-packages", str(Path(init.__file__).parents[1])) if word in graph
    ]


def test_inside_another_repository(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its DVC is a subfolder's; nothing is staged or committed there; where git ignores the place, it has its own."""
    photos = plain(here / "photos")
    outer = here / "outer"
    call("git", "init", "--quiet", outer, cwd=here)
    (outer / ".gitignore").write_text("/ignored\n")
    for name in ("apps", "ignored"):
        (outer / name).mkdir()
    lines = init.run(outer / "apps/flowers", data=photos, pretrained="none")
    assert [line for line in lines if line.endswith(f"add to the repository in {outer}")]
    assert git("-C", str(outer), "diff", "--cached", "--name-only") == ""
    assert git("-C", str(outer), "status", "--porcelain") == "?? .gitignore\n?? apps/"
    monkeypatch.chdir(outer / "apps/flowers")
    assert "preprocess@flowers" in call("dvc", "status", cwd=Path.cwd()).stdout
    git("add", ".")
    assert not [
        name for name in git("ls-files", "-z").split("\0") if name.startswith(("data/", ".dvc/cache"))
    ]
    init.run(outer / "ignored/birds", data=photos, pretrained="none")
    assert git("-C", str(outer / "ignored/birds"), "log", "--format=%s") == "birds: made by frostline init"


def test_killed(here: Path) -> None:
    """Nothing stands under the name; the next `init` makes it, and says what the killed one left."""
    plain(here / "photos")
    command = ["frostline", "init", "my flowers", "--data", "photos", "--weights", "none"]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert running.stderr is not None
    next(line for line in running.stderr if line.startswith("copying the photos"))
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    assert not Path("my flowers").exists()
    [left] = [path for path in here.iterdir() if path.name.endswith(".my flowers")]
    lines = init.run(Path("my flowers"), data=Path("photos"), pretrained="none")
    assert Path("my flowers/data.dvc").is_file()
    assert Path("my flowers/.dvc/config").read_text() == init.DVC_CONFIG
    [line] = [line for line in lines if "was killed" in line]
    subprocess.run(["bash", "-c", line.partition(": ")[2]], check=True)
    assert not left.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("layout", [*LAYOUTS, "odd"])
def test_preprocess_reads_what_init_saw(here: Path, layout: str) -> None:
    """The manifest of the new project has its classes, each by its own name, and no other photo."""
    odd = functools.partial(folder, files=classes(dict.fromkeys(ODD_NAMES, 12)))
    photos = (odd if layout == "odd" else LAYOUTS[layout][0])(here / "my photos")
    init.run(Path("flowers"), data=photos, pretrained="none")
    call("dvc", "repro", "preprocess@flowers", cwd=here / "flowers")
    found = manifest.read(here / "flowers/artifacts/datasets/flowers/manifest.parquet")
    assert found.classes == tuple(sorted(ODD_NAMES if layout == "odd" else FEW))
    assert set(np.unique(found.table["label"].to_numpy())) == set(range(len(found.classes)))


def test_over_a_project_both_ways_to_add_photos(quick: Path) -> None:
    """More of the same classes go below data/, others become a dataset of their own; nothing changes."""
    photos = plain(quick / "photos")
    init.run(Path("flowers"), data=photos, pretrained="none")
    before = Path("flowers/params.yaml").read_bytes()
    with pytest.raises(InputError, match=r"flowers/data.*dvc repro; another dataset: .*frostline data add"):
        init.run(Path("flowers"), data=photos, pretrained="none")
    assert Path("flowers/params.yaml").read_bytes() == before


def test_a_search_in_the_new_project(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos are preprocessed, then the search is called inside the project; its words come last but what is next."""
    called: list[tuple[str, str, float]] = []

    def searched(dataset: str, *, minutes: float, since: float, guessed: str) -> list[str]:
        assert since > 0
        assert guessed == ""  # Keras' weights say what they take
        assert manifest.read(Path("artifacts/datasets") / dataset / "manifest.parquet").classes
        called.append((Path.cwd().name, dataset, minutes))
        settings = YAML(typ="safe").load(Path("params.yaml"))
        [first] = settings["classifiers"].values()
        settings["classifiers"]["pets-search"] = first
        with Path("params.yaml").open("w") as file:
            YAML(typ="safe").dump(settings, file)
        return ["chosen: mine"]

    monkeypatch.setattr(init.search_command, "run", searched)
    plain(here / "pets photos")
    lines = init.run(Path("pets"), data=Path("pets photos"), pretrained="imagenet", search=2.0)
    assert called == [("pets", "pets", 2.0)]
    assert lines[0] == "chosen: mine"
    assert "next:" in lines
    assert "--model pets-search " in lines[-1]  # not what the plan began with
    assert Path.cwd() == here


def test_nothing_to_search_among(quick: Path) -> None:
    """Said before anything is made."""
    plain(quick / "photos")
    with pytest.raises(InputError, match="--search: there are no pretrained weights"):
        init.run(Path("pets"), data=Path("photos"), search=2.0)
    assert not Path("pets").exists()
