"""Which answers are given: what is asked for, against what a model knows of its answers. For jobs and for servers."""

from typing import Any

from frostline.errors import InputError
from frostline.runtime import answers
from frostline.runtime.contract import UNKNOWN
from frostline.runtime.sessions import Session


def require_in_range(*, min_confidence: float, unknown: float | None, coverage: float | None) -> None:
    """InputError for a value out of its range, named as on the command line."""
    if not 0 <= min_confidence <= 1:
        raise InputError(f"--min-confidence {min_confidence:g}: use 0 to 1")
    if unknown is not None and not 0 < unknown < 1:
        raise InputError(f"--unknown {unknown:g}: use a share above 0 and below 1, such as 0.05")
    if coverage is not None and not 0 < coverage < 1:
        raise InputError(f"--coverage {coverage:g}: use a share above 0 and below 1, such as 0.95")


def rule(session: Session, *, unknown: float | None, coverage: float | None) -> dict[str, Any]:
    """The fields of a Scorer that depend on what a model knows of its answers; InputError where it lacks what is
    asked for.
    """
    known = answers.of(session.metadata)
    if unknown is not None:
        known.require_unknown(unknown)
    return {
        "tells_unknown": UNKNOWN in session.outputs,
        "reject": unknown,
        "set_from": None if coverage is None else known.threshold(coverage),
    }
