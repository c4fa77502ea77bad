"""What the gate said of each classifier's challenger, for a person to read."""

from collections.abc import Iterable
from dataclasses import dataclass

from frostline.evaluation.promotion import Check

PROMOTED, REFUSED, NONE = "promoted", "refused", "no challenger"


@dataclass(frozen=True)
class Verdict:
    """What the gate said of one classifier; without a challenger, `why` says so and nothing was checked."""

    classifier: str
    result: str  # promoted, refused or no challenger
    why: str = ""
    version: int | None = None
    checks: tuple[Check, ...] = ()


def promoted(verdicts: Iterable[Verdict]) -> list[str]:
    """The classifiers that have a new champion."""
    return [verdict.classifier for verdict in verdicts if verdict.result == PROMOTED]
