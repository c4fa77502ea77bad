"""The commit that outputs belong to."""

import subprocess
from pathlib import Path

import pytest

from frostline.tracking import Commit, commit


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    _git(tmp_path, "init", "-q")
    (tmp_path / "a b").write_text("1")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_tree(repository: Path) -> None:
    """Also asked from below the root."""
    (repository / "below").mkdir()
    expected = Commit(_git(repository, "rev-parse", "HEAD"), dirty=False)
    assert commit(repository) == commit(repository / "below") == expected


@pytest.mark.parametrize("name", ["a b", "new"])
def test_a_changed_or_new_file_makes_it_dirty(name: str, repository: Path) -> None:
    """An uncommitted module changes results as much as an edited one."""
    (repository / name).write_text("2")
    found = commit(repository)
    assert found
    assert found.dirty


def test_without_repository_commit_or_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is claimed, nothing fails."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) is None
    _git(tmp_path, "init", "-q")
    assert commit(tmp_path) is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert commit(tmp_path) is None
