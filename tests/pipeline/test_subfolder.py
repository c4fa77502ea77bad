"""A project that is a folder of a bigger git repository: only its own files are looked at, stashed and committed."""

import shlex
from datetime import date
from pathlib import Path

import pytest

from frostline.commands import trace
from frostline.errors import InputError
from frostline.pipeline import commits, provenance, stages, workspace
from frostline.tracking import observations
from helpers.projects import call
from helpers.repositories import PIPELINE, committed, git, repository

BELOW = "some apps/Vögel"
AUTHOR = commits.Author("Nightly", "nightly@example.invalid")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project in a folder with a space and a letter that git quotes, with results that are not in git yet."""
    root = repository(tmp_path / "outer", monkeypatch, reproduced=True, below=BELOW)
    (tmp_path / "outer/other.txt").write_text("one\n")
    (root / "naïve.txt").write_text("one\n")
    git("add", "naïve.txt", str(tmp_path / "outer/other.txt"))
    git("commit", "--quiet", "--message", "others")
    return root


def recorded() -> commits.Record:
    """The record of a retraining that changed something."""
    done = commits.record("Retrained", author=AUTHOR, day=date(2026, 11, 24))
    assert done is not None
    return done


def change(root: Path) -> None:
    """Somebody's changes in the project and outside it."""
    (root / "dvc.yaml").write_text(PIPELINE + "# mine\n")
    (root / "naïve.txt").write_text("two\n")
    (root.parents[1] / "other.txt").write_text("two\n")


def test_changes_are_the_projects_own(project: Path) -> None:
    """By their paths in the project, unquoted; what DVC writes is nobody's, what lies outside is not looked at."""
    assert workspace.changes() == []
    (project.parents[1] / "other.txt").write_text("two\n")
    assert commits.own_changes() == []
    change(project)
    assert commits.own_changes() == ["dvc.yaml", "naïve.txt"]
    recorded()
    (project / "dvc.lock").write_text("{}\n")
    assert workspace.changes() == ["dvc.lock", "dvc.yaml", "naïve.txt"]
    assert commits.own_changes() == ["dvc.yaml", "naïve.txt"]


def test_the_weights_tracking_file_is_dvcs(project: Path) -> None:
    """Also where git would quote its name."""
    (project / "Gewichte für alle.h5").write_text("one")
    call("dvc", "add", "-q", "Gewichte für alle.h5", cwd=project)
    recorded()
    assert "Gewichte für alle.h5.dvc" in git("-c", "core.quotePath=false", "show", "--format=", "--name-only")
    (project / "Gewichte für alle.h5").write_text("two")
    call("dvc", "add", "-q", "Gewichte für alle.h5", cwd=project)
    assert workspace.changes() == ["Gewichte für alle.h5.dvc"]
    assert commits.own_changes() == []


def test_own_changes_are_set_aside(project: Path) -> None:
    """The project's own alone; they come back by the command that is printed."""
    change(project)
    with pytest.raises(InputError, match=r"dvc\.yaml, naïve\.txt"):
        commits.require_clean(set_aside=False)
    said = commits.require_clean(set_aside=True)
    assert commits.own_changes() == []
    assert (project.parents[1] / "other.txt").read_text() == "two\n"
    recorded()
    git(*shlex.split(said.split("`")[1])[1:])
    assert (project / "naïve.txt").read_text() == "two\n"


def test_a_record_takes_nothing_of_the_others(project: Path) -> None:
    """One commit with the project's lock, whatever is staged elsewhere."""
    (project.parents[1] / "other.txt").write_text("two\n")
    git("add", "--all", str(project.parents[1]))
    done = recorded()
    names = git("-c", "core.quotePath=false", "show", "--format=", "--name-only", "HEAD").splitlines()
    assert names == [f"{BELOW}/dvc.lock"]
    assert done.commit == git("rev-parse", f"{done.tag}^{{commit}}")
    assert git("diff", "--cached", "--name-only") == "other.txt"


def test_the_commit_of_a_run(project: Path) -> None:
    """It is with changes where the project differs from it, not where anything else of the repository does."""
    recorded()
    (project.parents[1] / "other.txt").write_text("two\n")
    found = observations.commit(project)
    assert found is not None
    assert not found.dirty
    change(project)
    found = observations.commit(project)
    assert found is not None
    assert found.dirty


def test_the_way_back(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older result's commit is found, its content is read, and the printed commands bring it back."""
    first, old = recorded(), (project / "a").read_bytes()
    (project / "data/one").write_text("other\n")
    for step in stages.steps():
        stages.reproduce(step)
    committed("Again")
    assert (project / "a").read_bytes() != old
    kept = project.parents[2] / "kept"
    kept.write_bytes(old)
    origin = provenance.origin_of_file(kept)
    assert origin is not None
    assert (origin.commit, origin.stage, origin.path) == (first.commit, "first", "a")
    assert origin.content("a") == old == workspace.content(Path("a"), revision=first.commit)
    monkeypatch.setattr(trace, "_model", lambda _: [])
    capsys.readouterr()
    trace.run(kept)
    said = dict(
        line.strip().split("   ", 1) for line in capsys.readouterr().out.splitlines() if line[:3] == "  t"
    )
    call(*shlex.split(said["the files"]), cwd=project)
    assert (project / f"a-{first.commit[:7]}").read_bytes() == old
    call(*shlex.split(said["the code"]), cwd=project)
    place = project.parents[2] / f"outer-{first.commit[:7]}"
    assert (place / BELOW / "dvc.lock").is_file()
