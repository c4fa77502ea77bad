"""The shape of params.yaml: which keys there are, of which type and in which range."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic_core import PydanticCustomError

from frostline.config.backbones import TABLE

BACKBONES = tuple(TABLE)
ONNX = "onnx"  # stands for a backbone: the network of an ONNX file

OPTIMIZERS = (
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "ftrl", "lamb", "lion", "momentum", "nadam",
    "nesterov", "rmsprop", "sgd",
)  # fmt: skip

# Entry names become file names, DVC stage names and MLflow model names: what all three allow.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Share = Annotated[float, Field(ge=0, lt=1)]
Policy = Literal["fail", "quarantine", "keep"]
Strict = Literal["fail", "quarantine"]


def _refuse_unknown(values: Any, known: Iterable[str]) -> Any:
    """Refuse keys that are not `known`; the error carries both, so that the nearest can be named."""
    unknown = [key for key in values if key not in set(known)] if isinstance(values, dict) else []
    if unknown:
        raise PydanticCustomError("unknown", "unknown keys", {"keys": unknown, "known": list(known)})
    return values


class Section(BaseModel):
    """A mapping of params.yaml whose keys are all known and all present."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, values: Any) -> Any:
        """Before anything else: pydantic alone would call a mistyped key missing as well."""
        return _refuse_unknown(values, cls.model_fields)


class KerasWeights(Section):
    """Pretrained weights: a backbone and the file under `pretrained/` that they come from."""

    backbone: Literal[BACKBONES] | None  # type: ignore[valid-type]
    source: Annotated[str, StringConstraints(min_length=1)]


Channels = Annotated[list[Annotated[float, Field(allow_inf_nan=False)]], Field(min_length=3, max_length=3)]


class OnnxInput(Section):
    """How pixels become an ONNX network's input: (pixels x `scale` - `mean`) / `std`, by channel in that order."""

    channels: Literal["RGB", "BGR"]
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    mean: Channels
    std: Annotated[
        list[Annotated[float, Field(gt=0, allow_inf_nan=False)]], Field(min_length=3, max_length=3)
    ]


class Tap(Section):
    """What becomes of a tensor inside an ONNX network: how it is pooled to a vector.

    `prefix_tokens`: how many tokens stand before those of the image's patches (a class token, registers).
    """

    pooling: Literal["none", "mean", "class_token", "class_token_and_mean"]
    prefix_tokens: Annotated[int, Field(ge=0, le=1024)]


class OnnxWeights(Section):
    """A whole network from an ONNX file under `pretrained/`: its input, and the tensors that become features."""

    backbone: Literal["onnx"]
    source: Annotated[str, StringConstraints(min_length=1)]
    input: OnnxInput
    taps: Annotated[dict[Annotated[str, StringConstraints(min_length=1)], Tap], Field(min_length=1)]


def _kind_of_weights(values: Any) -> str:
    backbone = values.get("backbone") if isinstance(values, dict) else getattr(values, "backbone", None)
    return ONNX if backbone == ONNX else "keras"


Weights = Annotated[
    Annotated[KerasWeights, Tag("keras")] | Annotated[OnnxWeights, Tag(ONNX)], Discriminator(_kind_of_weights)
]


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


class Size(Section):
    """Height and width in pixels that every image is brought to."""

    height: Annotated[int, Field(ge=8, le=2048)]
    width: Annotated[int, Field(ge=8, le=2048)]


class Image(Section):
    """How an image becomes the network's input."""

    size: Size
    resize: Literal["squash", "crop", "pad"]
    transform: Literal["backbone", "rescale"]


class ClassifierHead(Section):
    """New layers on top: pooling, hidden dense layers by name and width, dropout, the classes."""

    pooling: Literal["flatten", "average", "max"]
    standardize: bool
    dense: dict[Name, Annotated[int, Field(ge=1, le=65536)]]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Pretrained(Section):
    """A backbone with pretrained weights, whole or ending early at a named layer."""

    type: Literal["pretrained"]
    end_at: str | None
    head: ClassifierHead


class Pooling(Section):
    """What a window of `size` x `size` values becomes; windows start `stride` values apart."""

    kind: Literal["max", "average", "l1", "l2"]
    size: Annotated[int, Field(ge=2, le=15)]
    stride: Annotated[int, Field(ge=1, le=15)]


class ConvolutionBlock(Section):
    """Convolutions of one width, then a pooling or none, then dropout.

    `padding` pixels of zeros at each end; `l2` weighs the sum of squared kernels in the loss.
    """

    convolutions: Annotated[int, Field(ge=1, le=8)]
    filters: Annotated[int, Field(ge=1, le=4096)]
    kernel: Annotated[int, Field(ge=1, le=15)]
    stride: Annotated[int, Field(ge=1, le=15)]
    padding: Annotated[int, Field(ge=0, le=7)]
    l2: Annotated[float, Field(ge=0, le=1)]
    pooling: Pooling | None
    dropout: Share


class Cnn(Section):
    """A plain network trained from scratch, block by block; without blocks, dense layers on the pixels."""

    type: Literal["cnn"]
    blocks: dict[Name, ConvolutionBlock]
    head: ClassifierHead


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


class Classifier(Section):
    """Dataset + network + training recipe."""

    dataset: str
    weights: str
    image: Image
    network: Annotated[
        Annotated[Pretrained | Cnn, Field(discriminator="type")],
        BeforeValidator(
            lambda values: _refuse_unknown(values, {**Pretrained.model_fields, **Cnn.model_fields})
        ),
    ]
    augmentation: Augmentation | None
    precision: Literal["float32", "bfloat16", "float16"]
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
