"""Entries of `weights`: a Keras backbone with a file, or the network of an ONNX file."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from frostline.config.backbones import TABLE
from frostline.config.sections import Section

BACKBONES = tuple(TABLE)
ONNX = "onnx"  # stands for a backbone: the network of an ONNX file


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
