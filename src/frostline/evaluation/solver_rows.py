"""Rows of a training's history that are no epochs: a solver's first phase has one for each strength that it tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAMES = ("C", "shrinkage", "alpha")  # of hyperparameters, one for each kind of solver


@dataclass(frozen=True)
class SolverRows:
    """The first rows of a history: `name` of the hyperparameter (C, shrinkage, alpha; "" without a solver), and its
    values, rising."""

    name: str = ""
    values: Sequence[float] = ()

    def label(self, row: int) -> str:
        """What a row of the history, from 0, is: `C 0.03` or `epoch 4`; epochs count on after the strengths."""
        return f"{self.name} {self.values[row]:g}" if row < len(self.values) else f"epoch {row + 1}"

    def span(self, start: int, end: int) -> str:
        """Several rows, from 0, both included."""
        if end < len(self.values):
            several = f" to {self.values[end]:g}" if end > start else ""
            return f"{self.label(start)}{several}"
        return f"epochs {start + 1} to {end + 1}" if end > start else f"epoch {start + 1}"


def read(recipe: Mapping[str, Any], phases: Sequence[str]) -> SolverRows:
    """Of a training's recipe as its record has it, and the phase of each row; a solver can only be the first phase.

    It may not have tried all strengths that the recipe names.
    """
    every: Mapping[str, Mapping[str, Any]] = recipe.get("phases", {})
    first = next(iter(every), "")
    phase = every.get(first, {})
    name = next((name for name in NAMES if phase.get("solver") and name in phase), "")
    return SolverRows(name, tuple(phase[name][: list(phases).count(first)]) if name else ())
