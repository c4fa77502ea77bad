"""How flows run here: Prefect's settings, what its logs say, where lines of the work go."""

import logging
import os
import secrets

from frostline import progress
from frostline.automation.credential import NAME
from frostline.errors import FrostlineError

LOGGERS = ("prefect.flow_runs", "prefect.task_runs")
DEFAULTS = {
    # Prefect starts a server of its own where none is configured; on a busy machine that takes longer than its 20 s.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # No usage statistics: neither of the server nor of this process.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
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


def close_own_server() -> None:
    """Let a server that Prefect would start for this run alone take this run's login and no foreign pages.

    As Prefect starts it, any page and any user of this machine may speak to it. Where an API is named, by the
    environment or a profile, nothing changes.
    """
    from prefect.context import refresh_global_settings_context
    from prefect.settings import PREFECT_API_URL

    if PREFECT_API_URL.value():
        return
    login = f"{NAME}:{secrets.token_urlsafe(32)}"
    os.environ |= {
        "PREFECT_API_AUTH_STRING": login,
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": "http://127.0.0.1",  # which is no page of it: its port differs
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
    }
    refresh_global_settings_context()


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
        text = record.getMessage()
        record.msg = text if repr(error) in text or str(error) in text else f"{text}: {error}"
        record.args, record.exc_info, record.exc_text = (), None, None
    return True
