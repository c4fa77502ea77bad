"""Where a network runs, in one line; why it runs nowhere else is said once, and stands in every job file."""

import contextlib

from frostline import files, system
from frostline.errors import FrostlineError
from frostline.runtime.sessions import Session


def line(session: Session) -> str:
    """`running on CPUExecutionProvider in float32`, with what proves it and, for the first time here, why."""
    remarks = "; ".join(filter(None, (_unread(session.why), session.proof)))
    return f"running on {session.provider} in {session.precision}" + (f" ({remarks})" if remarks else "")


def _unread(text: str) -> str:
    """A text that was not yet said to this user on this machine, else ""."""
    said = system.user_cache() / "said" / f"{files.digest(text)[:32]}.txt"
    if not text or said.exists():
        return ""
    with contextlib.suppress(FrostlineError):
        files.write_text(said, f"{text}\n")
    return text
