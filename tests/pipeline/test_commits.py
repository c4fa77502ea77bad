"""A retraining in git: one commit, one tag, nobody's own changes in it, nothing lost, nothing pushed unasked."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.errors import InputError
from frostline.pipeline import commits, processes, stages, workspace
from frostline.pipeline.commits import Author
from helpers.projects import call
from helpers.repositories import PIPELINE, git, repository

AUTHOR = Author("Nightly", "nightly@example.invalid")
DAY = date(2026, 11, 24)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with results that are not in git yet, and somebody else's identity in the environment."""
    return repository(tmp_path / "project", monkeypatch, reproduced=True)


def recorded() -> commits.Record:
    """The record of a retraining that changed something."""
    done = commits.record("Retrained\n\nbecause", author=AUTHOR, day=DAY)
    assert done is not None
    return done


def test_one_commit_with_one_tag(project: Path) -> None:
    """The lock is in it, by the author named; a second call finds nothing to do."""
    done = recorded()
    assert git("show", "--format=%an %ae|%cn %ce|%s", "--name-only", "HEAD").splitlines() == [
        "Nightly nightly@example.invalid|Nightly nightly@example.invalid|Retrained", "", "dvc.lock"
    ]  # fmt: skip
    assert git("tag", "--list", "--format=%(taggername) %(taggeremail)", done.tag) == (
        "Nightly <nightly@example.invalid>"
    )
    assert done.commit == git("rev-parse", "HEAD") == git("rev-parse", f"{done.tag}^{{commit}}")
    assert done.tag.startswith("retraining-2026-11-24-")
    assert (project / "dvc.lock").read_text() == git("show", f"{done.tag}:dvc.lock") + "\n"
    assert workspace.changes() == []
    assert commits.record("again", author=AUTHOR, day=DAY) is None


def test_data_that_was_added_is_in_it(project: Path) -> None:
    """The commit that a model came from names the data it was trained on."""
    recorded()
    (project / "data/two").write_text("two\n")
    for step in stages.steps():
        stages.reproduce(step)
    recorded()
    assert git("show", "--format=", "--name-only", "HEAD").split() == ["data.dvc", "dvc.lock"]


def test_weights_that_were_replaced_are_in_it(project: Path) -> None:
    """`dvc repro` rewrites the file that tracks them; it keeps no later night from beginning."""
    weights = project / "pretrained/own.h5"
    weights.parent.mkdir()
    weights.write_text("one")
    call("dvc", "add", "-q", "pretrained/own.h5", cwd=project)
    recorded()
    assert "pretrained/own.h5.dvc" in git("show", "--format=", "--name-only", "HEAD").split()
    weights.write_text("two")
    [step] = [step for step in stages.steps() if step.name == "pretrained/own.h5.dvc"]
    assert stages.reproduce(step).result == "ran"
    assert commits.own_changes() == []
    assert commits.require_clean(set_aside=True) == ""
    recorded()
    assert git("show", "--format=", "--name-only", "HEAD").split() == ["pretrained/own.h5.dvc"]
    assert workspace.changes() == []


def test_a_kill_between_commit_and_tag(project: Path) -> None:
    """The next call puts the tag there."""
    done = recorded()
    git("tag", "--delete", done.tag)
    assert recorded() == done
    assert project.is_dir()


def test_own_changes_are_refused(project: Path) -> None:
    """They are named, and stay as they are; what DVC wrote is not among them."""
    assert commits.require_clean(set_aside=False) == ""
    (project / "dvc.yaml").write_text(PIPELINE + "# mine\n")
    with pytest.raises(InputError, match=r"uncommitted changes \(dvc\.yaml\): commit them"):
        commits.require_clean(set_aside=False)
    assert "# mine" in (project / "dvc.yaml").read_text()


def test_own_changes_are_set_aside(project: Path) -> None:
    """Staged or not, they come back by the command that is printed; DVC's files stay where they are."""
    lock = (project / "dvc.lock").read_text()
    (project / "dvc.yaml").write_text(PIPELINE + "# mine\n")
    (project / ".dvcignore").write_text("# mine too\n")
    git("add", ".dvcignore")
    said = commits.require_clean(set_aside=True)
    assert commits.own_changes() == []
    assert (project / "dvc.lock").read_text() == lock
    recorded()
    git(*said.split("`")[1].split()[1:])
    assert "# mine" in (project / "dvc.yaml").read_text()
    assert (project / ".dvcignore").read_text() == "# mine too\n"


def test_a_record_takes_nothing_of_somebody_elses(project: Path) -> None:
    """Even what was staged meanwhile is not in the commit."""
    (project / "dvc.yaml").write_text(PIPELINE + "# mine\n")
    git("add", "dvc.yaml")
    recorded()
    assert git("show", "--format=", "--name-only", "HEAD") == "dvc.lock"
    assert commits.own_changes() == ["dvc.yaml"]


def test_pushing_is_asked_for(project: Path, tmp_path: Path) -> None:
    """Branch and tag arrive together; a place that does not take them may do so later."""
    git("init", "--quiet", "--bare", str(tmp_path / "there"))
    git("remote", "add", "origin", str(tmp_path / "there"))
    done = recorded()
    assert git("ls-remote", "origin") == ""
    assert commits.share(done, remote="origin") == f"{done.tag} is on origin"
    assert git("ls-remote", "origin", "refs/heads/main").split()[0] == done.commit
    assert git("ls-remote", "origin", f"refs/tags/{done.tag}^{{}}").split()[0] == done.commit
    with pytest.raises(processes.RemoteError, match="may this machine push"):
        commits.share(done, remote="nowhere")
    assert project.is_dir()


@pytest.mark.parametrize("text", ["", "Name", "<a@b>", "Name <>", "Name <a@b", "a@b"])
def test_an_author_needs_both_parts(text: str) -> None:
    """The form is said."""
    with pytest.raises(InputError, match="write it as 'Name <address>'"):
        Author.parse(text)


PART = st.text(st.characters(blacklist_characters="<>", blacklist_categories=("C", "Z")), min_size=1)


@given(name=PART, address=PART)
def test_an_author_comes_back(name: str, address: str) -> None:
    """Any name and address without angle brackets."""
    assert Author.parse(f"{name} <{address}>") == Author(name, address)
