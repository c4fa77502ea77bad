"""Prefect: what runs when nobody is there. A few lines each; what they do lies in src/frostline."""

import os

from frostline import automation, progress

# Prefect starts a server of its own where none is configured; on a busy machine that takes longer than its 20 s.
os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")  # nothing is told to anybody
automation.sentences()


def _say(line: str) -> None:
    """Prefect puts what a flow prints into the run's log."""
    print(line)


progress.report_to(progress.Reporter(say=_say, note=_say))
