"""An ONNX file as an entry of `weights`: what it says of itself, and guesses, each named, for what it does not say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from frostline.config import OnnxInput, Tap
from frostline.errors import InputError
from frostline.files import printable
from frostline.runtime import onnx_description, onnx_file, onnx_taps, onnx_trunk
from frostline.runtime.onnx_description import Description
from frostline.runtime.onnx_trunk import ImageInput
from frostline.template.names import scalar

ENDS = 5  # of blocks, the last of which is what is tapped anyway
SIDE = 224  # pixels, where a network takes any size
# ImageNet's usual normalisation, as torchvision and timm have it.
GUESS = OnnxInput(channels="RGB", scale=1 / 255, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
# By what networks were trained with them, and what else is usual.
USUAL = {
    "torchvision": GUESS,
    "symmetric": OnnxInput(channels="RGB", scale=1.0, mean=[127.5] * 3, std=[127.5] * 3),
    "raw": OnnxInput(channels="RGB", scale=1.0, mean=[0.0] * 3, std=[1.0] * 3),
}
BYTES = OnnxInput(channels="RGB", scale=1.0, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0])


@dataclass(frozen=True)
class OnnxNetwork:
    """A network of an ONNX file: the size of its images in pixels (`free`: any other would do), its tap, how many
    features that gives, its other outputs, and whether its input are bytes. `described`: what the file says of its
    input, None where that has to be guessed; `ends`: where blocks before the tap end, as taps."""

    height: int
    width: int
    free: bool
    tap: str
    pooled: Tap
    features: int
    outputs: tuple[str, ...]
    takes_bytes: bool
    described: Description | None = None
    ends: Mapping[str, Tap] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether nothing about its input is a guess."""
        return self.takes_bytes or self.described is not None


def read(file: Path) -> OnnxNetwork:
    """What is in an ONNX file; InputError where it is no network of images, or does not run."""
    model = onnx_file.read(file)
    outputs = tuple(output.name for output in model.graph.output)
    described = onnx_description.read(model)
    try:
        facts = onnx_trunk.image_input(model)
        own = described.side if described and described.side else (SIDE, SIDE)
        height, width = facts.height or own[0], facts.width or own[1]
        (name, tap), *_ = (
            described.taps.items() if described and described.taps else [_suggested(model, facts)]
        )
        takes_bytes = facts.element == onnx_trunk.PIXELS
        given = BYTES if takes_bytes else described.input if described else GUESS
        made = onnx_trunk.make(model, given, {name: tap})
        _, features = onnx_trunk.sized(made, height=height, width=width)
    except InputError as error:
        raise InputError(f"{printable(file)}: {error}") from None
    ends = _ends(file, side=height, tap=name)
    free = facts.height is None or facts.width is None
    others = tuple(other for other in outputs if other != name)
    return OnnxNetwork(
        height,
        width,
        free,
        name,
        tap,
        features,
        others,
        takes_bytes,
        None if takes_bytes else described,
        ends,
    )


def _ends(file: Path, *, side: int, tap: str) -> dict[str, Tap]:
    """Tensors to tap beside the one that is suggested; none where nothing tells."""
    try:
        found = onnx_taps.block_ends(onnx_file.read(file), most=ENDS, side=side)
    except InputError:
        return {}
    return {name: pooled for name, pooled in list(found.items())[:-1] if name != tap}


def _suggested(model: Any, facts: ImageInput) -> tuple[str, Tap]:
    side = facts.height or SIDE
    return onnx_taps.suggest(model, side=side if side == (facts.width or SIDE) else None)


def entry(name: str, source: str, network: OnnxNetwork, *, tried: OnnxInput | None = None) -> str:
    """The lines below `weights:`, with what the file does not say as a guess that calls itself one.

    `tried`: the input that did best of the usual ones on photos.
    """
    described = network.described
    given = tried or (BYTES if network.takes_bytes else described.input if described else GUESS)
    others = f"; it also gives {', '.join(network.outputs)}" if network.outputs else ""
    size = "any size" if network.free else f"{network.height}x{network.width} pixels"
    return ENTRY.format(
        name=name,
        source=scalar(source),
        size=size,
        remark=_remark(network, tried=tried is not None),
        channels=given.channels,
        scale=f"{given.scale:.10g}",
        mean=list(given.mean),
        std=list(given.std),
        features=network.features,
        ends=_more(network),
        others=others,
        tap=_tap_line(network.tap, network.pooled),
    )


def _more(network: OnnxNetwork) -> str:
    if not network.ends:
        return ""
    lines = ["Where earlier blocks end, to be tapped as well:"]
    lines += [f"  {_tap_line(name, pooled)}" for name, pooled in network.ends.items()]
    return "".join(f"\n    # {line}" for line in lines)


def _tap_line(name: str, pooled: Tap) -> str:
    return f"{scalar(name)}: {{pooling: {pooled.pooling}, prefix_tokens: {pooled.prefix_tokens}}}"


def _remark(network: OnnxNetwork, *, tried: bool) -> str:
    if network.takes_bytes:
        return OF_BYTES
    if network.described and not tried:
        return OF_DESCRIBED.format(origin=printable(network.described.origin))
    return OF_TRIED if tried else OF_FLOATS


ENTRY = """\
  # The network of an ONNX file, for images of {size}. It stays frozen.
  {name}:
    backbone: onnx
    source: {source}
{remark}
    input: {{channels: {channels}, scale: {scale}, mean: {mean}, std: {std}}}
    # Which tensors become features, and how each is pooled: none, mean, class_token, class_token_and_mean.
    # {features:,} numbers per image{others}.{ends}
    taps:
      {tap}
"""

OF_BYTES = "    # It takes bytes as they are."
OF_DESCRIBED = "    # (pixel x scale - mean) / std, as the file says: {origin}."
OF_TRIED = """\
    # (pixel x scale - mean) / std. The file does not say what it takes; of what is usual this did best on photos."""
OF_FLOATS = """\
    # A guess that the file cannot confirm; look up how it was trained. Its input is (pixel x scale - mean) / std with
    # pixels from 0 to 255. Usual: these values (timm, torchvision); scale 1, mean [127, 127, 127], std [128, 128, 128]
    # (EfficientNet-Lite); scale 1, mean and std [127.5, 127.5, 127.5] (Inception, many ViTs)."""
