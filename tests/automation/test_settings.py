"""Errors in Prefect's logs: a sentence where there is one, a traceback where the program is at fault."""

import logging

import pytest

from frostline.automation.settings import sentences
from frostline.errors import InputError


@pytest.mark.parametrize(
    ("error", "message", "whole"),
    [
        (
            InputError("commit them"),
            "Encountered exception during execution: InputError('commit them')",
            False,
        ),
        (InputError("commit them"), "Engine execution exited with unexpected exception", False),
        (ValueError("a fault"), "Encountered exception during execution: ValueError('a fault')", True),
    ],
)
def test_tracebacks(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    message: str,
    *,
    whole: bool,
) -> None:
    """However often it is asked for, each line tells what to do, once."""
    sentences()
    sentences()
    logger = logging.getLogger("prefect.flow_runs")
    # Prefect, where another test loaded it, keeps its loggers to itself and sends what they get to its API.
    monkeypatch.setattr(logger, "propagate", True)
    monkeypatch.setattr(logger, "handlers", [])
    try:
        raise error
    except (InputError, ValueError):
        logger.exception(message)
    [record] = caplog.records
    assert (record.exc_info is not None) == whole
    assert record.getMessage().count(str(error)) == 1
