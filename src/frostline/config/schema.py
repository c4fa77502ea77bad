"""The whole of params.yaml: which sections there are, of which type and in which range."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from frostline.config.networks import Cnn, Image, Pretrained
from frostline.config.sections import Name, Section, Share, refuse_unknown
from frostline.config.solvers import SolverPhase
from frostline.config.training import AnyPhase, Augmentation, Training
from frostline.config.weights import Weights

Policy = Literal["fail", "quarantine", "keep"]
Strict = Literal["fail", "quarantine"]


class Splits(Section):
    """Shares of the images, used only for the splits that the dataset's folders do not give."""

    train: Share
    validation: Share
    test: Share


class Audit(Section):
    """What each kind of finding leads to. Some may not be kept: they would break training or its figures."""

    unreadable: Strict
    truncated: Strict
    oversized: Strict
    misnamed: Policy
    animated: Policy
    tiny: Policy
    elongated: Policy
    blurred: Policy
    dark: Policy
    bright: Policy
    duplicate: Policy
    near_duplicate: Policy
    conflict: Strict
    leak: Strict
    imbalance: Literal["fail", "keep"]


class Dataset(Section):
    """A folder or archive of labelled images under `data/`; `classes` fixes their order."""

    path: Annotated[str, StringConstraints(pattern=r"^data/[^/]")]
    splits: Splits
    classes: Annotated[list[str], Field(min_length=2)] | None
    audit: Audit | None


class Classifier(Section):
    """Dataset + network + training recipe."""

    dataset: str
    weights: str
    image: Image
    network: Annotated[
        Annotated[Pretrained | Cnn, Field(discriminator="type")],
        BeforeValidator(
            lambda values: refuse_unknown(values, {**Pretrained.model_fields, **Cnn.model_fields})
        ),
    ]
    augmentation: Augmentation | None
    precision: Literal["float32", "bfloat16", "float16", "int8"]
    training: Training | None
    # The most points of accuracy on the test split that the model may lose in a smaller arithmetic.
    variants: (
        Annotated[
            dict[Literal["float16", "int8"], Annotated[float, Field(ge=0, le=100)]], Field(min_length=1)
        ]
        | None
    )
    phases: Annotated[dict[Name, AnyPhase], Field(min_length=1)]

    @property
    def solved(self) -> bool:
        """Whether a solver alone finds the head, and nothing trains by epochs."""
        return all(isinstance(phase, SolverPhase) for phase in self.phases.values())


class Promotion(Section):
    """What a new model must prove before it becomes champion.

    It may be worse than the best champion by less than `margin` (0-1, of the test images), with a
    chance of at most `level` to pass when it is worse by that much; one image may take
    `milliseconds` on this machine's processor, the file may have `megabytes`.
    """

    margin: Annotated[float, Field(gt=0, lt=0.5)]
    level: Annotated[float, Field(gt=0, lt=0.5)]
    milliseconds: Annotated[float, Field(gt=0)]
    megabytes: Annotated[float, Field(gt=0)]


Index = Annotated[float, Field(gt=0)] | None


class DriftLimits(Section):
    """The population stability index of each question above which scored images are an alarm; None: never."""

    size: Index
    brightness: Index
    sharpness: Index
    embedding: Index
    answers: Index
    confidence: Index


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    weights: Annotated[dict[Name, Weights], Field(min_length=1)]
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    classifiers: Annotated[dict[Name, Classifier], Field(min_length=1)]
    promotion: Promotion
    drift: DriftLimits
