"""The room that knows DVC: stage order, what a repro did, the tree's state."""

import subprocess
import sys
from pathlib import Path

import pytest

from frostline import graph
from frostline.errors import FrostlineError

PIPELINE = """
stages:
  last: {cmd: cat b > c, deps: [b], outs: [c]}
  first: {cmd: echo one > a, outs: [a]}
  each:
    foreach: [x]
    do: {cmd: cat a > b, deps: [a], outs: [b]}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git and DVC repository with three stages in a row."""
    monkeypatch.chdir(tmp_path)
    for command in (
        ["git", "init", "-q"],
        ["dvc", "init", "-q"],
        ["dvc", "config", "core.analytics", "false"],
    ):
        subprocess.run(command, check=True)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "start"]
    subprocess.run(["git", "add", "-A"], check=True)
    subprocess.run(commit, check=True)
    return tmp_path


def test_stages_in_order(project: Path) -> None:
    """Each stage comes after what it depends on, whatever the order in dvc.yaml."""
    assert project.is_dir()
    assert graph.stages() == ["first", "each@x", "last"]


def test_reproduce_says_what_happened(project: Path) -> None:
    """Run; nothing to do; outputs deleted with the run cache kept; then restored, not run."""
    assert graph.reproduce("first") == "ran"
    assert graph.reproduce("first") == "skipped"
    assert graph.reproduce("each@x") == "ran"
    (project / "b").unlink()
    (project / "dvc.lock").unlink()
    assert graph.reproduce("each@x") == "restored"
    assert (project / "b").read_text() == "one\n"


def test_a_failing_stage(project: Path) -> None:
    """One line with the command that failed."""
    (project / "dvc.yaml").write_text("stages: {bad: {cmd: exit 3, outs: [x]}}")
    with pytest.raises(FrostlineError, match=r"`dvc repro --single-item bad` failed with exit code"):
        graph.reproduce("bad")


def test_changes(project: Path) -> None:
    """Tracked changes count, new files do not."""
    assert graph.changes() == []
    (project / "new").write_text("x")
    assert graph.changes() == []
    (project / "dvc.yaml").write_text(PIPELINE + "# more\n")
    assert [line[3:] for line in graph.changes()] == ["dvc.yaml"]


@pytest.mark.parametrize(("named", "found"), [("  remote: sample\n", True), ("", False)])
def test_forget_sample_remote(tmp_path: Path, named: str, found: bool) -> None:
    """The remote's name goes, all else stays."""
    path = tmp_path / "data.dvc"
    path.write_text("outs:\n- md5: abc.dir\n  size: 3\n" + named + "  path: data\n")
    assert graph.forget_sample_remote(path) is found
    assert path.read_text() == "outs:\n- md5: abc.dir\n  size: 3\n  path: data\n"


def test_remote(project: Path) -> None:
    """No default remote, then one with its address."""
    assert graph.remote() == ""
    subprocess.run(["dvc", "remote", "add", "-q", "-d", "team", str(project / "store")], check=True)
    assert graph.remote().startswith("team (")


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, or without the program, one line says so."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FrostlineError, match="`git status"):
        graph.changes()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FrostlineError, match="git is not on the path"):
        graph.changes()


def test_an_environment_that_is_not_activated(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC is found beside the interpreter, and the stages it runs find that environment's programs too."""
    (project / "dvc.yaml").write_text("stages: {where: {cmd: command -v dvc > x, outs: [x]}}")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert graph.reproduce("where") == "ran"
    assert (project / "x").read_text().strip() == str(Path(sys.executable).parent / "dvc")
