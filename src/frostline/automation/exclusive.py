"""One retraining at a time in a workspace, whoever starts it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from frostline.pipeline.processes import BusyError

LOCK = Path(".frostline/retraining.lock")


@contextlib.contextmanager
def alone(*, seconds: float) -> Iterator[None]:
    """Wait until no other retraining is at work here; BusyError after `seconds`. A killed one holds nothing."""
    from filelock import FileLock, Timeout

    LOCK.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(LOCK, timeout=seconds):
            yield
    except Timeout:
        raise BusyError(
            f"another retraining has held {LOCK} for {seconds:g} seconds; run this when it is done"
        ) from None
