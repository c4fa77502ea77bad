"""One retraining at a time."""

from pathlib import Path

import pytest

from frostline.automation.flow_runs import alone
from frostline.pipeline.processes import BusyError


def test_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second waits as long as it was told to, and comes in once the first is done."""
    monkeypatch.chdir(tmp_path)
    with alone(seconds=1), pytest.raises(BusyError, match="another retraining has held"), alone(seconds=0.2):
        pass
    with alone(seconds=0.2):
        pass
