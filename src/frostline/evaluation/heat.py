"""What a network saw, laid over images: Grad-CAM, and the maps of layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.style import INK, MUTED, canvas, legible, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_TILE = 1.7  # inches
CHANNELS = 12  # maps shown of a layer
HOTTEST = 0.65  # how much of the image the strongest heat covers


@dataclass(frozen=True, eq=False)
class Heated:
    """An image (H, W, 3) uint8 with heat (h, w) in 0..1 over it; two lines say what it is."""

    pixels: np.ndarray
    heat: np.ndarray
    said: str
    path: str


def laid_over(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the image, the more covered by colour from dark to bright the hotter it is."""
    from matplotlib import colormaps
    from PIL import Image

    height, width = pixels.shape[:2]
    raised = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    share = np.clip(np.asarray(raised), 0, 1)
    colour = colormaps["inferno"](share)[..., :3] * 255
    cover = HOTTEST * share[..., None]
    return np.asarray(np.round(pixels * (1 - cover) + colour * cover), np.uint8)


@styled
def overlays(shown: Sequence[Heated], *, title: str, layer: str, note: str) -> "Figure":
    """Pairs of an image and its heat, three a row."""
    columns = min(3, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = canvas(
        width=max(5.4, columns * 2 * (_TILE + 0.1) + 0.3),
        height=rows * (_TILE + 0.55),
        title=title,
        subtitle=f"Grad-CAM at {layer}: bright where the image speaks for the class named"
        if shown
        else "no images to show",
        note=note,
    )
    for place, each in enumerate(shown):
        for side, picture in enumerate((each.pixels, laid_over(each.pixels, each.heat))):
            axes = figure.add_subplot(rows, 2 * columns, 2 * place + side + 1)
            axes.imshow(picture, interpolation="nearest" if max(picture.shape) < 120 else "antialiased")
            axes.set_axis_off()
            text = (legible(each.path.rsplit("/", 1)[-1], longest=24), legible(each.said, longest=24))[side]
            axes.set_title(text, size=7.5, color=(MUTED, INK)[side])
    return figure


@styled
def maps(pixels: np.ndarray, layers: Mapping[str, np.ndarray], *, title: str, note: str) -> "Figure":
    """An image and, a row a layer, its CHANNELS strongest maps (h, w, c), each from its least to its largest value."""
    figure = canvas(
        width=0.8 * (CHANNELS + 1) + 0.3,
        height=1.12 * max(1, len(layers)),
        title=title,
        subtitle=f"a row a layer: up to {CHANNELS} channels, those that vary most; bright is strong",
        note=note,
    )
    for row, (name, values) in enumerate(layers.items()):
        axes = figure.add_subplot(len(layers), CHANNELS + 1, row * (CHANNELS + 1) + 1)
        axes.imshow(pixels)
        axes.set_axis_off()
        axes.set_title(
            f"{legible(name, longest=16)}\n{'x'.join(map(str, values.shape))}", size=5.5, color=INK
        )
        for place, channel in enumerate(strongest(values)):
            axes = figure.add_subplot(len(layers), CHANNELS + 1, row * (CHANNELS + 1) + 2 + place)
            axes.imshow(values[..., channel], cmap="inferno", interpolation="nearest")
            axes.set_axis_off()
            axes.set_title(str(channel), size=5.5, color=MUTED)
    return figure


def strongest(values: np.ndarray) -> list[int]:
    """Up to CHANNELS channels of maps (h, w, c), those that vary most over the image first."""
    order = np.argsort(-values.std((0, 1)), kind="stable")
    return [int(channel) for channel in order[:CHANNELS]]
