"""Whether there is something to do tonight. Pure: facts and limits in, reasons out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Facts:
    """What is known before a night's work; what nobody knows is None.

    stale: step → what changed, in DVC's words. champion_days: classifier → the champion's age in days, None where
    there is no champion. drift: the largest index of the newest scores.
    """

    stale: Mapping[str, Sequence[str]] = field(default_factory=dict)
    champion_days: Mapping[str, float | None] = field(default_factory=dict)
    drift: float | None = None


@dataclass(frozen=True)
class Thresholds:
    """Above these a retraining is due; None means that it never is for this reason."""

    champion_days: float | None = None
    drift: float | None = None


def reasons(facts: Facts, limits: Thresholds) -> list[str]:
    """Why to retrain now, one line each; empty when there is nothing to do."""
    return [*_stale(facts), *_drift(facts, limits), *_age(facts, limits)]


def _stale(facts: Facts) -> list[str]:
    return [f"{step}: {', '.join(changed[:3])}" for step, changed in sorted(facts.stale.items())]


def _drift(facts: Facts, limits: Thresholds) -> list[str]:
    if facts.drift is None or limits.drift is None or facts.drift <= limits.drift:
        return []
    return [f"drift {facts.drift:.3f} is above {limits.drift:g}"]


def _age(facts: Facts, limits: Thresholds) -> list[str]:
    if limits.champion_days is None:
        return []
    return [
        f"{name}: no champion yet" if age is None else f"{name}: the champion is {age:.1f} days old"
        for name, age in sorted(facts.champion_days.items())
        if age is None or age > limits.champion_days
    ]
