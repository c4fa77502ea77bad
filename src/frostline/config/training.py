"""How a classifier trains: augmentation, phases by an optimizer or a solver, schedule, early stopping."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, PlainValidator, StringConstraints, Tag
from pydantic_core import PydanticCustomError

from frostline.config.sections import Section, Share

OPTIMIZERS = (
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lamb", "lion", "momentum", "nadam",
    "nesterov", "rmsprop", "sgd",
)  # fmt: skip


def _views(value: Any) -> Any:
    """A number of views, or `live`; one message for both, where a union would give two."""
    if value == "live" or (type(value) is int and 1 <= value <= 1000):
        return value
    raise PydanticCustomError("views", "must be a number from 1 to 1000, or live")


class Augmentation(Section):
    """Random changes of training images; rotation and shear in degrees, the rest as fractions."""

    rotation: Annotated[float, Field(ge=0, le=180)]
    width_shift: Share
    height_shift: Share
    shear: Annotated[float, Field(ge=0, lt=90)]
    zoom: Share
    horizontal_flip: bool
    views: Annotated[int | Literal["live"], PlainValidator(_views)]


class Phase(Section):
    """A stretch of training with one freeze point, optimizer and learning rate."""

    freeze: Annotated[str, StringConstraints(min_length=1)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65536)]
    optimizer: Literal[OPTIMIZERS]  # type: ignore[valid-type]
    learning_rate: Annotated[float, Field(gt=0, le=10)]


def _ascending(values: list[float]) -> list[float]:
    if sorted(set(values)) != values:
        raise PydanticCustomError("ascending", "must rise from one to the next")
    return values


class SolverPhase(Section):
    """A linear head found by a solver in place of epochs: a logistic regression for each strength `C`.

    C is the inverse strength of the penalty on the squared weights; validation images choose one.
    """

    freeze: Literal["all"]
    solver: Literal["logistic"]
    C: Annotated[
        list[Annotated[float, Field(gt=0, le=1e6)]],
        Field(min_length=1, max_length=50),
        AfterValidator(_ascending),
    ]

    @property
    def epochs(self) -> int:
        """A line of the history for each strength."""
        return len(self.C)


def _kind_of_phase(values: Any) -> str:
    solved = "solver" in values if isinstance(values, dict) else isinstance(values, SolverPhase)
    return "solved" if solved else "gradient"


AnyPhase = Annotated[
    Annotated[Phase, Tag("gradient")] | Annotated[SolverPhase, Tag("solved")], Discriminator(_kind_of_phase)
]


class EarlyStopping(Section):
    """Stop a phase after `patience` epochs in which a validation figure was no better than its best."""

    measure: Literal["loss", "accuracy"]
    patience: Annotated[int, Field(ge=1, le=100_000)]


class Training(Section):
    """How every phase trains beyond its optimizer; `warmup` is a share of the phase's steps."""

    schedule: Literal["constant", "linear", "cosine"]
    warmup: Share
    class_weights: Literal["equal", "balanced"]
    label_smoothing: Share
    early_stopping: EarlyStopping | None
