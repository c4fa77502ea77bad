"""params.yaml: one complete, closed, typed file. Nothing here has a default; nothing unknown passes.

`load` gives frozen models; any mistake is an InputError of one line a mistake, naming the key by its
dotted path, as DVC's `-S` writes it.
"""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from frostline.errors import InputError
from frostline.paths import PARAMS

BACKBONES = (
    "densenet121", "densenet169", "densenet201", "efficientnetb0", "efficientnetv2b0",
    "inceptionresnetv2", "inceptionv3", "mobilenet", "mobilenetv2", "nasnetmobile",
    "resnet50", "resnet50v2", "resnet101", "resnet152", "vgg16", "vgg19", "xception",
)  # fmt: skip

T = TypeVar("T")

# Entry names become file names, DVC stage names and MLflow model names: what all three allow.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60)]
Share = Annotated[float, Field(ge=0, lt=1)]
Policy = Literal["fail", "quarantine", "keep"]


class Section(BaseModel):
    """A mapping of params.yaml whose keys are all known and all present."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _know_every_key(cls, values: Any) -> Any:
        """Name unknown keys with their nearest known one, which pydantic alone does not."""
        unknown = [key for key in values if key not in cls.model_fields] if isinstance(values, dict) else []
        if unknown:
            raise PydanticCustomError(
                "unknown", "{key}{near}", {"key": unknown[0], "near": _nearest(unknown[0], cls.model_fields)}
            )
        return values


class Weights(Section):
    """Pretrained weights: a backbone and the file under `pretrained/` that they come from."""

    backbone: Literal[BACKBONES] | None  # type: ignore[valid-type]
    source: Annotated[str, StringConstraints(min_length=1)]


class Splits(Section):
    """Shares of the images, used only for the splits that the dataset's folders do not give."""

    train: Share
    validation: Share
    test: Share


class Dataset(Section):
    """A folder or archive of labelled images under `data/`."""

    path: Annotated[str, StringConstraints(pattern=r"^data/[^/]")]
    splits: Splits
    on_bad_image: Literal["fail", "quarantine"]
    on_duplicate: Policy


class Size(Section):
    """Height and width in pixels that every image is brought to."""

    height: Annotated[int, Field(ge=8, le=2048)]
    width: Annotated[int, Field(ge=8, le=2048)]


class Image(Section):
    """How an image becomes the network's input."""

    size: Size
    resize: Literal["squash", "crop", "pad"]
    transform: Literal["backbone", "rescale"]


class Head(Section):
    """New layers on top: pooling, hidden dense layers by name and width, dropout, the classes."""

    pooling: Literal["flatten", "average", "max"]
    standardize: bool
    dense: dict[Name, Annotated[int, Field(ge=1, le=65536)]]
    dropout: Annotated[float, Field(ge=0, lt=1)]


class Pretrained(Section):
    """A backbone with pretrained weights, whole or ending early at a named layer."""

    type: Literal["pretrained"]
    end_at: str | None
    head: Head


class Block(Section):
    """Convolutions of one width, then one pooling (2x2, stride 2)."""

    convolutions: Annotated[int, Field(ge=1, le=8)]
    filters: Annotated[int, Field(ge=1, le=4096)]
    kernel: Annotated[int, Field(ge=1, le=15)]
    pooling: Literal["max", "average", "none"]


class Cnn(Section):
    """A plain convolutional network trained from scratch, block by block."""

    type: Literal["cnn"]
    blocks: Annotated[dict[Name, Block], Field(min_length=1)]
    head: Head


class Augmentation(Section):
    """Random changes of training images; rotation and shear in degrees, the rest as fractions."""

    rotation: Annotated[float, Field(ge=0, le=180)]
    width_shift: Share
    height_shift: Share
    shear: Annotated[float, Field(ge=0, lt=90)]
    zoom: Share
    horizontal_flip: bool
    views: Annotated[int, Field(ge=1, le=1000)]


class Phase(Section):
    """A stretch of training with one freeze point, optimizer and learning rate."""

    freeze: Annotated[str, StringConstraints(min_length=1)]
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65536)]
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"]
    learning_rate: Annotated[float, Field(gt=0, le=10)]


class Classifier(Section):
    """Dataset + network + training recipe."""

    dataset: str
    weights: str
    image: Image
    network: Annotated[Pretrained | Cnn, Field(discriminator="type")]
    augmentation: Augmentation | None
    precision: Literal["float32"]
    phases: Annotated[dict[Name, Phase], Field(min_length=1)]


class Params(Section):
    """The whole of params.yaml."""

    seed: Annotated[int, Field(ge=0, lt=2**31)]
    weights: Annotated[dict[Name, Weights], Field(min_length=1)]
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    classifiers: Annotated[dict[Name, Classifier], Field(min_length=1)]


def load(path: Path = PARAMS) -> Params:
    """Read and check a params file; InputError names every mistake by its dotted key."""
    return parse(read(path), source=str(path))


def read(path: Path) -> Any:
    """The plain values of a YAML file, read as DVC reads them; duplicate keys are refused."""
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; run this in the project's root") from None
    except (YAMLError, UnicodeDecodeError) as error:
        line = getattr(getattr(error, "problem_mark", None), "line", None)
        where = f"{path}, line {line + 1}" if line is not None else str(path)
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise InputError(f"{where}: not valid YAML: {problem}") from None


def parse(values: Any, *, source: str = "params.yaml") -> Params:
    """Check plain values against the schema and against each other."""
    try:
        params = Params.model_validate(values)
    except ValidationError as error:
        problems = [_explain(dict(problem), values) for problem in error.errors()]
    else:
        problems = list(_contradictions(params))
        if not problems:
            return params
    raise InputError("\n".join(f"{source}: {problem}" for problem in dict.fromkeys(problems)))


def entry(collection: dict[str, T], name: str, *, what: str) -> T:
    """One entry by name; an unknown name is answered with the nearest known one."""
    if name not in collection:
        raise InputError(f"no {what} named '{name}' in params.yaml{_nearest(name, collection)}")
    return collection[name]


def _nearest(name: object, known: Any) -> str:
    close = difflib.get_close_matches(str(name), [str(key) for key in known], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(map(str, known))}"


def _explain(problem: dict[str, Any], values: Any) -> str:
    """One line for one pydantic problem."""
    path, here = _locate(problem["loc"], values)
    key, kind, context = ".".join(map(str, path)) or "the file", problem["type"], problem.get("ctx", {})
    if kind == "unknown":
        return f"{'.'.join([*map(str, path), str(context['key'])])}: unknown key{context['near']}"
    if kind == "missing":
        return f"{key}: missing key"
    if kind == "literal_error":
        allowed = context["expected"].replace(" or ", ", ")
        return f"{key}: must be one of {allowed}; is {here!r}"
    if kind == "string_pattern_mismatch":
        return f"{key}: {here!r} does not have the form {context['pattern']}"
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return f"{key}.type: must be one of {context.get('expected_tags', _TYPES)}"
    message = problem["msg"].removeprefix("Input ").replace("should be", "must be")
    message = re.sub(r"valid dictionary( or instance of \w+)?", "mapping", message)
    return f"{key}: {message[0].lower()}{message[1:]}; is {_short(here)}"


_TYPES = "'pretrained', 'cnn'"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _locate(loc: tuple[Any, ...], values: Any) -> tuple[list[Any], Any]:
    """The dotted path in the user's own file, and the value there.

    Pydantic's location also names union branches and `[key]`, which the file does not have.
    """
    path: list[Any] = []
    here = values
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        if isinstance(here, dict) and step in here:
            path, here = [*path, step], here[step]
        elif last and step != "[key]" and isinstance(here, dict):
            path, here = [*path, step], None
    if loc and loc[-1] == "[key]":
        here = path[-1]
    return path, here


def _contradictions(params: Params) -> Iterator[str]:
    for name, weights in params.weights.items():
        if (weights.source == "scratch") != (weights.backbone is None):
            yield f"weights.{name}: source 'scratch' goes with backbone null, and only with it"
        if "/" in weights.source or weights.source.startswith("."):
            yield (
                f"weights.{name}.source: {weights.source!r} must be imagenet, random, scratch or the name "
                "of a file in pretrained/ (put or link yours there)"
            )
    for name, dataset in params.datasets.items():
        yield from _split_problems(f"datasets.{name}.splits", dataset.splits)
        if ".." in Path(dataset.path).parts:
            yield f"datasets.{name}.path: {dataset.path!r} must stay inside data/"
    for name, classifier in params.classifiers.items():
        yield from _classifier_problems(f"classifiers.{name}", classifier, params)


def _split_problems(key: str, splits: Splits) -> Iterator[str]:
    total = splits.train + splits.validation + splits.test
    if abs(total - 1) > 1e-9:
        yield f"{key}: train + validation + test must be 1; is {total:g}"
    for name in ("train", "validation", "test"):
        if getattr(splits, name) == 0:
            yield f"{key}.{name}: must be greater than 0"


def _classifier_problems(key: str, classifier: Classifier, params: Params) -> Iterator[str]:
    if classifier.dataset not in params.datasets:
        yield f"{key}.dataset: no dataset '{classifier.dataset}'{_nearest(classifier.dataset, params.datasets)}"
    if classifier.weights not in params.weights:
        yield f"{key}.weights: no weights '{classifier.weights}'{_nearest(classifier.weights, params.weights)}"
        return
    scratch = params.weights[classifier.weights].backbone is None
    if classifier.network.type == "cnn":
        if not scratch:
            yield f"{key}.weights: a cnn trains from scratch; name weights whose source is scratch"
        if classifier.image.transform == "backbone":
            yield f"{key}.image.transform: a cnn has no backbone; use rescale"
        for name, phase in classifier.phases.items():
            if phase.freeze != "none":
                yield f"{key}.phases.{name}.freeze: a cnn from scratch has nothing to freeze; use none"
    elif scratch:
        yield f"{key}.weights: '{classifier.weights}' is scratch, a pretrained network needs a backbone"
