"""The gate's verdicts, whichever way they are said."""

import pytest

from frostline.errors import FrostlineError, InputError
from frostline.nightly import gate


def promote(name: str) -> None:
    """Says what `frostline promote` says."""
    if name == "worse":
        raise FrostlineError("worse: version 2 is not promoted: margin")
    if name == "none":
        raise InputError("none has no challenger")
    if name == "away":
        raise FrostlineError("MLflow's store cannot be used")


def test_verdicts() -> None:
    """A refusal and a missing challenger are results, not failures."""
    found = gate.judge(["better", "worse", "none"], promote=promote)
    assert [each.result for each in found] == ["promoted", "refused", "no challenger"]
    assert "margin" in found[1].why
    assert gate.promoted(found) == ["better"]


def test_what_is_no_verdict() -> None:
    """A store that does not answer says nothing about a model."""
    with pytest.raises(FrostlineError, match="cannot be used"):
        gate.judge(["better", "away"], promote=promote)
