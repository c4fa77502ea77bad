"""What Prefect writes about errors into its logs."""

import logging

from frostline.errors import FrostlineError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


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
