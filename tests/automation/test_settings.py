"""No usage statistics; errors in Prefect's logs: a sentence where there is one, else a traceback."""

import logging
import os

import pytest
from prefect._internal.analytics import enabled

from frostline.automation import settings
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


def test_a_flow_sends_no_usage_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prefect's own word for it, unless a person decided otherwise."""
    monkeypatch.setattr(enabled, "is_ci_environment", lambda: False)
    monkeypatch.setattr(settings, "close_own_server", lambda: None)
    monkeypatch.setattr(settings.progress, "report_to", lambda _: None)
    for given, wanted in ((None, False), ("0", True)):
        monkeypatch.setattr(os, "environ", {} if given is None else {"DO_NOT_TRACK": given})
        settings.configure()
        assert enabled.is_telemetry_enabled() == wanted
