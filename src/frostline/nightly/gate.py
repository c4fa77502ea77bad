"""Every classifier's challenger meets its champion; what came of it, whichever way it was said."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from frostline.errors import FrostlineError, InputError

PROMOTED, REFUSED, NONE = "promoted", "refused", "no challenger"


@dataclass(frozen=True)
class Verdict:
    """What the gate said of one classifier."""

    classifier: str
    result: str  # promoted, refused or no challenger
    why: str = ""


def judge(names: Iterable[str], *, promote: Callable[[str], None]) -> list[Verdict]:
    """Ask `promote` about each; a refusal is a verdict, anything else that fails is raised."""
    return [_one(name, promote) for name in names]


def _one(name: str, promote: Callable[[str], None]) -> Verdict:
    try:
        promote(name)
    except InputError as error:
        return Verdict(name, NONE, str(error))
    except FrostlineError as error:
        if "is not promoted" not in str(error):
            raise
        return Verdict(name, REFUSED, str(error))
    return Verdict(name, PROMOTED)


def promoted(verdicts: Iterable[Verdict]) -> list[str]:
    """The classifiers that have a new champion."""
    return [verdict.classifier for verdict in verdicts if verdict.result == PROMOTED]
