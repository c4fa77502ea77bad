"""The tree's state and the remotes it names."""

from pathlib import Path

import pytest

from frostline.errors import FrostlineError
from frostline.pipeline import workspace
from helpers.repositories import PIPELINE, dvc, repository


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git and DVC repository."""
    return repository(tmp_path / "project", monkeypatch)


def test_changes(project: Path) -> None:
    """Tracked changes count, new files do not."""
    assert workspace.changes() == []
    (project / "new").write_text("x")
    assert workspace.changes() == []
    (project / "dvc.yaml").write_text(PIPELINE + "# more\n")
    assert workspace.changes() == ["dvc.yaml"]


def test_is_tracked(project: Path) -> None:
    """By git or by DVC, also where nothing of it is committed."""
    for name in ("new", "by_dvc"):
        (project / name).write_text("x")
    (project / "by_dvc.dvc").write_text("outs: []\n")
    known = [name for name in ("dvc.yaml", "new", "by_dvc") if workspace.is_tracked(Path(name))]
    assert known == ["dvc.yaml", "by_dvc"]


@pytest.mark.parametrize(("named", "found"), [("  remote: sample\n", True), ("", False)])
def test_forget_sample_remote(tmp_path: Path, named: str, found: bool) -> None:
    """The remote's name goes, all else stays."""
    path = tmp_path / "data.dvc"
    path.write_text("outs:\n- md5: abc.dir\n  size: 3\n" + named + "  path: data\n")
    assert workspace.forget_sample_remote(path) is found
    assert path.read_text() == "outs:\n- md5: abc.dir\n  size: 3\n  path: data\n"


def test_remote(project: Path) -> None:
    """No default remote, then one with its address."""
    assert workspace.remote() == ""
    dvc("remote", "add", "--quiet", "--default", "team", str(project / "store"))
    assert workspace.remote().startswith("team (")


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a repository, or without the program, one line says so."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FrostlineError, match="`git status"):
        workspace.changes()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FrostlineError, match="git is not on the path"):
        workspace.changes()
