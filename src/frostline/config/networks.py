"""A classifier's pixels and network: size, pretrained backbone or plain CNN, new layers on top."""

from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from frostline.config.sections import Name, Section, Share


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


def _ends(value: Any) -> Any:
    """A layer, several, or null for the last one; one message for all, where a union would give three."""
    several = list(value) if isinstance(value, list | tuple) else None
    if value is None or isinstance(value, str):
        return value
    if several and all(isinstance(name, str) for name in several) and len(set(several)) == len(several):
        return several
    raise PydanticCustomError("end_at", "must be the name of a layer, a list of different ones, or null")


class Pretrained(Section):
    """A backbone with pretrained weights, whole or ending early at a named layer; of several, what each gives is pooled
    and stands beside that of the others."""

    type: Literal["pretrained"]
    end_at: Annotated[str | list[str] | None, PlainValidator(_ends)]
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
