"""Adding to the table of decisions: whole rows, whatever happens in between."""

import os
from pathlib import Path

import pytest

from frostline.datasets import decisions
from frostline.datasets.decision_log import HEAD, DecisionLog
from frostline.datasets.decisions import KEEP, LABEL, LEAVE_OUT
from frostline.errors import FrostlineError, InputError

A, B = "a" * 64, "b" * 64


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
