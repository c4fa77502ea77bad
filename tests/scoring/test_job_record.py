"""Where a network runs: the reason once, the proof always."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from frostline.runtime.sessions import Session
from frostline.scoring import job_record


def session(why: str, proof: str = "") -> Session:
    """A session that came up."""
    made = SimpleNamespace(provider="CPUExecutionProvider", precision="float32", why=why, proof=proof)
    return cast("Session", made)


def test_a_reason_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next job has the same answer and no news; another reason is news; what was proven is said each time."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plain = "running on CPUExecutionProvider in float32"
    assert job_record.running_on(session("cuda: no driver")) == f"{plain} (cuda: no driver)"
    assert job_record.running_on(session("cuda: no driver")) == plain
    assert (
        job_record.running_on(session("cuda: no libraries", "3 of 3"))
        == f"{plain} (cuda: no libraries; 3 of 3)"
    )
    assert job_record.running_on(session("cuda: no libraries", "3 of 3")) == f"{plain} (3 of 3)"
    assert job_record.running_on(session("")) == plain
