"""Phases whose head a solver finds in place of epochs: one class for each kind of head."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from frostline.config.sections import Section

PHASE = "gradient"  # the tag of a phase that has no solver


def _ascending(values: list[float]) -> list[float]:
    if sorted(set(values)) != values:
        raise PydanticCustomError("ascending", "must rise from one to the next")
    return values


class SolverPhase(Section):
    """A head found by a solver in place of epochs; validation images choose one of several `strengths`."""

    hyperparameter: ClassVar[str]  # the key that holds them
    most: ClassVar[float] = 1e6  # that it may hold
    freeze: Literal["all"]
    solver: str

    @property
    def strengths(self) -> list[float]:
        """What is tried, rising."""
        return list(getattr(self, self.hyperparameter))

    @property
    def epochs(self) -> int:
        """Lines of the history, at most: one for each strength that is tried."""
        return len(self.strengths)


Rising = AfterValidator(_ascending)
Few = Field(min_length=1, max_length=50)
Penalty = Annotated[float, Field(gt=0, le=1e6)]


class LogisticPhase(SolverPhase):
    """A logistic regression for each strength `C`, the inverse strength of the penalty on the squared weights."""

    hyperparameter = "C"
    solver: Literal["logistic"]
    C: Annotated[list[Penalty], Few, Rising]


class LdaPhase(SolverPhase):
    """A linear discriminant analysis for each `shrinkage` of the covariance, towards a multiple of one."""

    hyperparameter = "shrinkage"
    most = 1.0
    solver: Literal["lda"]
    shrinkage: Annotated[list[Annotated[float, Field(gt=0, le=1)]], Few, Rising]


class MlpPhase(SolverPhase):
    """A head with the hidden layers of `head.dense` for each `alpha`, the penalty on the squared weights."""

    hyperparameter = "alpha"
    solver: Literal["mlp"]
    alpha: Annotated[list[Penalty], Few, Rising]


SOLVERS = ("logistic", "lda", "mlp")


class UnknownSolver(SolverPhase):
    """What no solver fits: of its keys only the name of the solver is looked at."""

    solver: Literal[SOLVERS]  # type: ignore[valid-type]

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, values: Any) -> Any:
        return {"freeze": "all", "solver": values["solver"]}


def kind_of_phase(values: Any) -> str:
    """The tag of a phase, by its plain values or as it was read."""
    if not isinstance(values, dict):
        return str(getattr(values, "solver", PHASE))
    kind = values.get("solver", PHASE)
    return kind if kind in (*SOLVERS, PHASE) else "unknown_solver"
