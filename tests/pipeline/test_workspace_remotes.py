"""Pull and push against a folder as remote: what is here is never overwritten."""

import shutil
from pathlib import Path

import pytest

from frostline.errors import InputError
from frostline.pipeline import processes, stages, workspace
from helpers.repositories import dvc, git, repository


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a repository, and beside it the remote that has its data and results."""
    place = tmp_path_factory.mktemp("pushed")
    with pytest.MonkeyPatch.context() as patch:
        repository(place / "project", patch, reproduced=True)
        with pytest.raises(InputError, match="no default DVC remote to push to"):
            workspace.push()
        dvc("remote", "add", "--quiet", "--default", "team", "../store")
        assert workspace.push().startswith("pushed to team (")
        git("commit", "--quiet", "--all", "--message", "a remote")
    return place


@pytest.fixture
def project(pushed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it: DVC's commands take seconds."""
    for name in ("project", "store"):
        shutil.copytree(pushed / name, tmp_path / name)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_a_machine_that_has_nothing(project: Path) -> None:
    """The data comes into the workspace, results into the cache, from where a stage is restored."""
    for name in ("data", ".dvc/cache"):
        shutil.rmtree(project / name)
    (project / "a").unlink()
    assert workspace.pull().startswith("data was fetched, looked at team (")
    assert (project / "data/one").read_text() == "one\n"
    assert stages.reproduce(stages.Step("first", ("a",), True)).result == "restored"


def test_photos_that_were_added_stay(project: Path) -> None:
    """Data that differs from what git names is somebody's work."""
    (project / "data/two").write_text("two\n")
    (project / "data/one").unlink()
    workspace.pull()
    assert [path.name for path in (project / "data").iterdir()] == ["two"]


def test_a_remote_that_does_not_answer(project: Path) -> None:
    """A failure that may pass, in one line."""
    dvc("remote", "modify", "--quiet", "team", "url", "s3://nothing-of-this-name/store")
    dvc("remote", "modify", "--quiet", "team", "endpointurl", "http://127.0.0.1:9")
    (project / "data/two").write_text("two\n")
    dvc("add", "--quiet", "data")
    with pytest.raises(
        processes.RemoteError, match=r"`dvc push --run-cache` failed: .*is the remote reachable"
    ):
        workspace.push()


def test_without_any_remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing to look at is no error."""
    repository(tmp_path / "alone", monkeypatch)
    assert workspace.pull() == "no default remote to look at"
