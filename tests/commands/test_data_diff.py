"""data-diff: two versions of a dataset, through real git and DVC."""

import copy
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from frostline import files, paths
from frostline.commands import data_diff
from frostline.datasets.decision_log import DecisionLog
from frostline.errors import FrostlineError, InputError
from frostline.stages import preprocess
from helpers.images import classes, encoded, folder
from helpers.projects import GIT, call, committed
from helpers.projects import pets as project

GRAPH = """
stages:
  preprocess:
    foreach: [pets]
    do:
      cmd: "true"
      outs: [artifacts/datasets/pets]
"""


def _version(tag: str) -> None:
    preprocess.run("pets")
    call("dvc", "commit", "--force", "--quiet", cwd=Path())
    committed(Path(), tag)
    call("git", "tag", tag, cwd=Path())


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tag `empty` without a manifest; `old`; `new` with a bird more, one cat less, a dog that is a cat."""
    place = project(tmp_path_factory.mktemp("diff") / "x")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        (place / ".gitignore").write_text("/artifacts\n/data\n/reports\n/.frostline\n")
        committed(place, "empty")
        call("git", "tag", "empty", cwd=place)
        call("dvc", "init", "--quiet", cwd=place)
        (place / "dvc.yaml").write_text(GRAPH)
        folder(place / "data/pets", classes({"bird": 9, "cat": 12, "dog": 20}))
        _version("old")
        folder(place / "data/pets", {"bird/new.png": encoded(777)})
        (place / "data/pets/cat/cat-3.png").unlink()
        (place / "data/pets/dog/dog-7.png").rename(place / "data/pets/cat/was-a-dog.png")
        _version("new")
    return place


@pytest.fixture(autouse=True)
def _inside(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


def test_between_tags() -> None:
    """One line that sums up, then what happened to which image; the tree stays as it is."""
    first, blank, head, *rows = data_diff.run("old", "new").splitlines()
    assert first.startswith("pets, old → new: 1 added, 1 removed, 1 relabelled")
    assert first.endswith("(41 → 41 images)")
    assert (blank, head.split()) == ("", ["what", "image", "class", "split"])
    assert [row.split()[:2] for row in rows[:2]] == [["added", "bird/new.png"], ["removed", "cat/cat-3.png"]]
    assert "dog/dog-7.png → cat/was-a-dog.png" in rows[2]
    assert "dog → cat" in rows[2]
    assert call("git", "status", "--porcelain", cwd=Path()).stdout == ""


def test_to_the_workspace_as_json() -> None:
    """Without a second revision, what lies here."""
    said = json.loads(data_diff.run("old", as_json=True))
    assert (said["dataset"], said["before"]["revision"], said["after"]["revision"]) == ("pets", "old", None)
    assert (said["counts"]["added"], said["counts"]["removed"], said["counts"]["relabelled"]) == (1, 1, 1)
    [added] = [change for change in said["changes"] if change["kinds"] == ["added"]]
    assert (added["before"], added["after"]["label"], added["path"]) == (None, "bird", "bird/new.png")


def test_who_decided(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A photo whose class a person changed says so; a revert of the commit takes it back."""
    shutil.copytree(root, tmp_path / "x")
    monkeypatch.chdir(tmp_path / "x")
    photo = Path("data/pets/dog/dog-3.png")
    log = DecisionLog(paths.DECISIONS, dataset="pets", who="Ada")
    log.decide("label", sha256=files.sha256_file(photo), path="dog/dog-3.png", old="dog", new="cat")
    preprocess.run("pets")
    _, _, head, row = data_diff.run("new").splitlines()
    assert head.split()[-1] == "decided"
    assert re.fullmatch(r"  relabelled +dog/dog-3\.png +dog → cat +\w+ +Ada, \d{4}-\d\d-\d\d", row)
    [change] = json.loads(data_diff.run("new", as_json=True))["changes"]
    assert (change["decision"]["who"], change["decision"]["new"]) == ("Ada", "cat")
    _version("decided")
    assert "Ada" in data_diff.run("new", "decided")
    call(*GIT, "revert", "--no-edit", "HEAD", cwd=Path())
    preprocess.run("pets")
    assert data_diff.run("new").startswith("pets, new → workspace: no image changed")


def test_the_same_twice() -> None:
    """Nothing changed is said."""
    assert data_diff.run("new", "HEAD") == "pets, new → HEAD: no image changed (41 → 41 images)"


def test_a_long_table_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is over is counted."""
    monkeypatch.setattr(data_diff, "_SHOWN", 0)
    assert "and 1 more added; --json has all" in data_diff.run("old", "new")


def test_every_dataset(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a name all of params.yaml; one that a revision does not have is a line. JSON is of one."""
    shutil.copytree(root, tmp_path / "x")
    monkeypatch.chdir(tmp_path / "x")
    yaml = YAML()
    values = yaml.load(Path("params.yaml"))
    values["datasets"]["more"] = copy.deepcopy(values["datasets"]["pets"])
    yaml.dump(values, Path("params.yaml"))
    pets, more = data_diff.run("old", "new").split("\n\nmore: ")
    assert pets.startswith("pets, old → new: 1 added")
    assert more == "not in params.yaml at old, new"
    with pytest.raises(InputError, match="has 2 datasets"):
        data_diff.run("old", as_json=True)


def test_what_cannot_be_compared() -> None:
    """Which revision, what is missing there, and how to get it."""
    with pytest.raises(InputError, match="no revision 'nonsense'; `git log`"):
        data_diff.run("nonsense", "new")
    with pytest.raises(FrostlineError, match=r"no manifest of pets at empty .*dvc repro preprocess@pets"):
        data_diff.run("empty", "new")
    with pytest.raises(InputError, match=r"^no dataset named 'pet'"):
        data_diff.run("old", "new", dataset="pet")


def test_content_that_is_not_here(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manifest is known to git but its bytes were never fetched: the message says how."""
    shutil.copytree(root, tmp_path / "x", ignore=shutil.ignore_patterns("cache"))
    monkeypatch.chdir(tmp_path / "x")
    with pytest.raises(FrostlineError, match="dvc fetch --all-commits"):
        data_diff.run("old", "new")


def test_a_remote_that_does_not_let_us_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """What its library raises is one line, whatever its class."""

    class NoCredentialsError(Exception):
        pass

    def refuses(*_: Any, **__: Any) -> bytes:
        raise NoCredentialsError("Unable to locate credentials")

    monkeypatch.setattr("dvc.api.read", refuses)
    with pytest.raises(
        FrostlineError, match=r"no manifest of pets at old .*: Unable to locate credentials; "
    ):
        data_diff.run("old", "new")
