"""How flows run here: Prefect's settings, what its logs say, where lines of the work go."""

import logging
import os

from frostline import progress
from frostline.automation.own import close_own_server
from frostline.errors import FrostlineError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
DEFAULTS = {
    # Prefect starts a server of its own where none is configured; on a busy machine that takes longer than its 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",  # no usage statistics
}


def configure() -> None:
    """Settle how flows run in this process; before Prefect is imported, which reads its settings then."""
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    sentences()
    close_own_server()
    progress.report_to(progress.Reporter(say=_print, note=_print))


def _print(line: str) -> None:
    """Prefect puts what a flow prints into the run's log."""
    print(line)


def sentences() -> None:
    """From now on an error that says in a sentence what to do stands in Prefect's logs without its traceback.

    Prefect writes the same one three times, once for each flow and once for the process: two hundred lines, on
    whose last stands that there are uncommitted changes. Faults of the program keep theirs.
    """
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if _plain not in logger.filters:
            logger.addFilter(_plain)


def _plain(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, FrostlineError):
        said = record.getMessage()
        record.msg = said if repr(error) in said or str(error) in said else f"{said}: {error}"
        record.args, record.exc_info, record.exc_text = (), None, None
    return True
