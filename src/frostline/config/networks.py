"""A classifier's pixels and network: size, pretrained backbone or plain CNN, new layers on top."""

from typing import Annotated, Literal

from pydantic import Field

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
