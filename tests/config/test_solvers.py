"""Phases by a solver: which kind a phase is, and what each says of its strengths."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from frostline.config import LdaPhase, LogisticPhase, MlpPhase, Phase, SolverPhase
from frostline.config.training import AnyPhase

EPOCHS = {"freeze": "all", "epochs": 2, "batch_size": 4, "optimizer": "sgd", "learning_rate": 0.1}


def read(values: Any) -> Any:
    """As params.yaml's."""
    return TypeAdapter(AnyPhase).validate_python(values)


@pytest.mark.parametrize(
    ("kind", "solver", "hyperparameter"),
    [(LogisticPhase, "logistic", "C"), (LdaPhase, "lda", "shrinkage"), (MlpPhase, "mlp", "alpha")],
)
def test_each_kind(kind: type[SolverPhase], solver: str, hyperparameter: str) -> None:
    """Its strengths lie below its own key, and each is a line of the history."""
    phase = read({"freeze": "all", "solver": solver, hyperparameter: [0.1, 1.0]})
    assert isinstance(phase, kind)
    assert (phase.solver, phase.hyperparameter, phase.strengths, phase.epochs) == (
        solver,
        hyperparameter,
        [0.1, 1.0],
        2,
    )
    assert read(phase) == phase
    assert phase.model_dump() == {"freeze": "all", "solver": solver, hyperparameter: [0.1, 1.0]}


def test_a_phase_of_epochs() -> None:
    """Has no solver."""
    assert isinstance(read(EPOCHS), Phase)


@pytest.mark.parametrize("solver", ["svm", None, ["lda"]])
def test_an_unknown_solver(solver: Any) -> None:
    """Only its name is wrong: nothing is said of keys that another solver has."""
    with pytest.raises(ValidationError) as caught:
        read({"freeze": "all", "solver": solver, "degree": 3})
    assert [error["loc"][-1] for error in caught.value.errors()] == ["solver"]
