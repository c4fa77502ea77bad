"""How a classifier trains: augmentation, phases by an optimizer or a solver, schedule, early stopping."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, PlainValidator, StringConstraints, Tag
from pydantic_core import PydanticCustomError

from frostline.config.sections import Section, Share
from frostline.config.solvers import (
    PHASE,
    LdaPhase,
    LogisticPhase,
    MlpPhase,
    UnknownSolver,
    kind_of_phase,
)

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


AnyPhase = Annotated[
    Annotated[Phase, Tag(PHASE)]
    | Annotated[LogisticPhase, Tag("logistic")]
    | Annotated[LdaPhase, Tag("lda")]
    | Annotated[MlpPhase, Tag("mlp")]
    | Annotated[UnknownSolver, Tag("unknown_solver")],
    Discriminator(kind_of_phase),
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
