"""Rows of a history that are strengths of a solver."""

from typing import Any

import pytest

from frostline.config import solvers
from frostline.evaluation import solver_rows
from frostline.evaluation.solver_rows import SolverRows

LOGISTIC = {"solver": "logistic", "C": [0.1, 1.0]}
EPOCHS = {"freeze": "all", "epochs": 3, "optimizer": "sgd"}


@pytest.mark.parametrize(
    ("phases", "rows", "found"),
    [
        ({}, [], SolverRows()),
        ({"head": EPOCHS}, ["head"], SolverRows()),
        ({"head": LOGISTIC, "thaw": EPOCHS}, ["head", "head", "thaw"], SolverRows("C", (0.1, 1.0))),
        ({"head": LOGISTIC, "thaw": EPOCHS}, ["head", "thaw", "thaw"], SolverRows("C", (0.1,))),
        ({"head": {"solver": "mlp", "alpha": [3.0]}}, ["head"], SolverRows("alpha", (3.0,))),
    ],
)
def test_read(phases: dict[str, Any], rows: list[str], found: SolverRows) -> None:
    """The first phase alone can be a solver's, and it may have ended before its last strength."""
    assert solver_rows.read({"phases": phases}, rows) == found


def test_every_hyperparameter_is_known() -> None:
    """One for each kind of solver that a recipe may name."""
    kinds = (solvers.LogisticPhase, solvers.LdaPhase, solvers.MlpPhase)
    assert {kind.hyperparameter for kind in kinds} == set(solver_rows.NAMES)


def test_labels() -> None:
    """Epochs count on after the strengths."""
    some = SolverRows("C", (0.01, 0.1))
    assert [some.label(row) for row in range(3)] == ["C 0.01", "C 0.1", "epoch 3"]
    assert some.span(0, 1) == "C 0.01 to 0.1"
    assert some.span(0, 0) == "C 0.01"
    assert some.span(2, 4) == "epochs 3 to 5"
    assert some.span(2, 2) == "epoch 3"
