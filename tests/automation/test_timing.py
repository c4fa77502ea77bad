"""What took the time: each block's seconds, and how long ago the run was due."""

from datetime import UTC, datetime, timedelta

import pytest

from frostline.automation import timing
from frostline.automation.timing import Timing


def test_a_line_names_what_took_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order of their ends; a block that fails is in it."""
    clock = iter([1.0, 2.5, 3.0, 7.0])
    monkeypatch.setattr(timing.time, "monotonic", lambda: next(clock))
    took = Timing()
    with took.of("MLflow"):
        pass
    with pytest.raises(ValueError, match="gone"), took.of("dvc status"):
        raise ValueError("gone")
    assert took.seconds == {"MLflow": 1.5, "dvc status": 4.0}
    line = took.line(due=datetime.now(UTC) - timedelta(seconds=60))
    assert line.startswith("looked for reasons, 60.")
    assert line.endswith("MLflow 1.5 s, dvc status 4.0 s")


def test_a_clock_that_was_set_back_gives_no_negative_time() -> None:
    """As after a correction of the machine's clock."""
    assert ", 0.0 s after" in Timing().line(due=datetime.now(UTC) + timedelta(hours=1))
