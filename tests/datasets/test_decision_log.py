"""Adding to the table of decisions: whole rows, whatever happens in between."""

import os
import subprocess
from pathlib import Path

import pytest

from frostline.datasets import decisions
from frostline.datasets.decision_log import HEAD, DecisionLog
from frostline.datasets.decisions import KEEP, LABEL, LEAVE_OUT, UNDO
from frostline.errors import FrostlineError, InputError
from frostline.template.project import contents
from helpers.projects import GIT

A, B, C = "a" * 64, "b" * 64, "c" * 64


def opened(path: Path) -> DecisionLog:
    return DecisionLog(path, dataset="pets", who="Ada <ada@host>", clock=lambda: "2026-11-30T10:00:00Z")


def test_decisions_are_in_the_file_at_once(tmp_path: Path) -> None:
    """Another process that opens it goes on from there; undo goes back one by one."""
    path = tmp_path / "decisions.csv"
    log = opened(path)
    assert path.read_text() == HEAD
    log.decide(LABEL, sha256=A, path="cat/\n1.jpg", old="cat", new="dog")
    log.decide(LEAVE_OUT, sha256=B, path="cat/2.jpg", old="cat", new="ignored")
    again = opened(path)
    assert again.standing == log.standing
    assert [(one.action, one.new, one.path) for one in again.standing.values()] == [
        (LABEL, "dog", "cat/\\n1.jpg"), (LEAVE_OUT, "", "cat/2.jpg"),
    ]  # fmt: skip
    assert (again.undo() or decisions).sha256 == B
    assert (again.undo() or decisions).sha256 == A
    assert again.undo() is None
    assert opened(path).standing == {}
    assert len(path.read_text().splitlines()) == 5


@pytest.mark.parametrize("kept", [1, 40, -1])
def test_a_row_cut_off_by_a_kill_is_gone(tmp_path: Path, kept: int) -> None:
    """What was answered stays, what was being written was not."""
    path = tmp_path / "decisions.csv"
    log = opened(path)
    log.decide(KEEP, sha256=A, path="1.jpg", old="cat", new="cat")
    before = path.read_bytes()
    log.decide(KEEP, sha256=B, path="2.jpg", old="cat", new="cat")
    path.write_bytes(before + path.read_bytes()[len(before) :][:kept])
    assert list(opened(path).standing) == [A]
    assert path.read_bytes() == before


def test_a_full_disk_leaves_no_half_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decision is refused, and the next one stands alone."""
    path = tmp_path / "decisions.csv"
    log, whole = opened(path), os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda handle, row: whole(handle, row[:10]))
        with pytest.raises(FrostlineError, match=r"decisions\.csv"):
            log.decide(KEEP, sha256=A, path="1.jpg", old="cat", new="cat")
    assert path.read_text() == HEAD
    assert log.standing == {}
    log.decide(KEEP, sha256=B, path="1.jpg", old="cat", new="cat")
    assert list(opened(path).standing) == [B]


def test_a_class_with_a_line_break_cannot_be_written(tmp_path: Path) -> None:
    """A row is a line."""
    with pytest.raises(InputError, match="line break"):
        opened(tmp_path / "d.csv").decide(LABEL, sha256=A, path="1.jpg", old="cat", new="a\nb")


def test_who_decides_again_takes_back_what_stood(tmp_path: Path) -> None:
    """So that two decisions about one photo stand only where branches were merged; then all of them are taken back."""
    path = tmp_path / "decisions.csv"
    log = opened(path)
    log.decide(LABEL, sha256=A, path="1.jpg", old="cat", new="dog")
    log.decide(LEAVE_OUT, sha256=A, path="1.jpg", old="cat")
    assert [(one.action, one.new) for one in decisions.read(path)] == [
        (LABEL, "dog"), (UNDO, "dog"), (LEAVE_OUT, ""),
    ]  # fmt: skip
    other = decisions.PhotoDecision("2026-11-30T09:00:00Z", "Bob", "pets", LABEL, "cat", "owl", "1.jpg", A)
    path.write_text(path.read_text() + decisions.line(other))
    log = opened(path)
    assert list(log.disagreed) == [A]
    assert log.standing[A].action == LEAVE_OUT
    log.decide(KEEP, sha256=A, path="1.jpg", old="cat", new="cat")
    assert log.disagreed == opened(path).disagreed == {}
    assert [one.action for one in opened(path).standing.values()] == [KEEP]
    assert log.undo()
    assert opened(path).standing == {}


def test_git_keeps_the_rows_of_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two branches that added rows are merged without a conflict, by the attributes that a project has."""
    monkeypatch.chdir(tmp_path)

    def git(*words: str) -> None:
        subprocess.run([*GIT, *words], check=True, capture_output=True)

    def branch(name: str, who: str, sha256: str, new: str) -> None:
        git("checkout", "-q", "-b", name, "main")
        log = DecisionLog(Path("decisions.csv"), dataset="pets", who=who)
        log.decide(LABEL, sha256=sha256, path="1.jpg", old="cat", new=new)
        log.decide(LABEL, sha256=C, path="3.jpg", old="cat", new=new)
        git("commit", "-qam", f"Decided by {who}")

    Path(".gitattributes").write_text(contents("pets", "tiny")[".gitattributes"])
    git("init", "-q", "-b", "main")
    opened(Path("decisions.csv"))
    git("add", "--all")
    git("commit", "-qm", "Empty")
    branch("ada", "Ada", A, "dog")
    branch("bob", "Bob", B, "owl")
    git("merge", "-q", "--no-edit", "ada")
    rows = decisions.read(Path("decisions.csv"))
    assert sorted((one.who, one.sha256) for one in rows) == [("Ada", A), ("Ada", C), ("Bob", B), ("Bob", C)]
    assert list(decisions.disagreements(rows, "pets")) == [C]
