"""Images shown with what a network makes of them: its errors, Grad-CAM heat, and the maps of its layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.style import INK, MUTED, RIGHT, WRONG, canvas, legible, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILES = 24
_COLUMNS, _TILE, _CAPTION = 6, 1.5, 0.62  # inches
_PAIR = 1.7  # inches of an image beside its heat
CHANNELS = 12  # maps shown of a layer
HOTTEST = 0.65  # how much of the image the strongest heat covers


@dataclass(frozen=True, eq=False)
class Mistake:
    """One image shown: (H, W, 3) uint8 pixels, class names, and the probability (0..1) of `predicted`."""

    pixels: np.ndarray
    actual: str
    predicted: str
    probability: float
    path: str


@styled
def mistakes(shown: Sequence[Mistake], *, classifier: str, wrong: int, total: int, note: str) -> "Figure":
    """A gallery of `shown`, the most confident of `wrong` errors among `total` test images."""
    rows = max(1, -(-len(shown) // _COLUMNS))
    figure = canvas(
        width=_COLUMNS * (_TILE + 0.12) + 0.36,
        height=rows * (_TILE + _CAPTION) if shown else 0.7,
        title=_title(len(shown), classifier=classifier, wrong=wrong, total=total),
        subtitle="actual class → predicted class with its probability; file; most confident first"
        if shown
        else "",
        note=note,
    )
    figure.set_layout_engine("none")
    for place, mistake in enumerate(shown):
        _tile(figure, mistake, row=place // _COLUMNS, column=place % _COLUMNS, rows=rows)
    if not shown:
        figure.text(0.5, 0.3, "no errors to show", color=RIGHT, size=12, ha="center", va="center")
    return figure


def _title(shown: int, *, classifier: str, wrong: int, total: int) -> str:
    if not wrong:
        return f"{classifier}: no errors on {total:,} test images"
    if shown == wrong:
        which = "the only error" if wrong == 1 else f"all {wrong:,} errors"
    else:
        which = f"the {shown} most confident of {wrong:,} errors"
    return f"{classifier}: {which} on {total:,} test images"


def _tile(figure: "Figure", mistake: Mistake, *, row: int, column: int, rows: int) -> None:
    """One image with its caption, at a fixed place in inches from the bottom left."""
    width, height = figure.get_size_inches()
    left = 0.18 + column * (_TILE + 0.12)
    top = (rows - row) * (_TILE + _CAPTION) + 0.06
    axes = figure.add_axes((left / width, (top - _TILE) / height, _TILE / width, _TILE / height))
    tall, wide = mistake.pixels.shape[:2]
    # A small image shows its pixels, a large one is smoothed down.
    axes.imshow(mistake.pixels, interpolation="nearest" if max(tall, wide) < 120 else "antialiased")
    axes.set_anchor("S")
    axes.set_axis_off()
    lines = (
        (legible(mistake.actual, longest=20), INK, 8.5, "bold"),
        (f"→ {legible(mistake.predicted, longest=13)} {mistake.probability:.1%}", WRONG, 8.5, "bold"),
        (legible(mistake.path.rsplit("/", 1)[-1], longest=26), MUTED, 6.5, "normal"),
    )
    for line, (text, colour, size, weight) in enumerate(lines):
        height_in = top - _TILE - 0.04 - 0.155 * line
        figure.text(left / width, height_in / height, text, color=colour, size=size, weight=weight, va="top")


@dataclass(frozen=True, eq=False)
class Overlay:
    """An image (H, W, 3) uint8 with heat (h, w) in 0..1 over it, and its caption."""

    pixels: np.ndarray
    heat: np.ndarray
    caption: str
    path: str


def overlay(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
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
def overlays(shown: Sequence[Overlay], *, title: str, layer: str, note: str) -> "Figure":
    """Pairs of an image and its heat, three to a row."""
    columns = min(3, max(1, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = canvas(
        width=max(5.4, columns * 2 * (_PAIR + 0.1) + 0.3),
        height=rows * (_PAIR + 0.55),
        title=title,
        subtitle=f"Grad-CAM at {layer}: bright where the image supports the class named"
        if shown
        else "no images to show",
        note=note,
    )
    for place, one in enumerate(shown):
        for side, picture in enumerate((one.pixels, overlay(one.pixels, one.heat))):
            axes = figure.add_subplot(rows, 2 * columns, 2 * place + side + 1)
            axes.imshow(picture, interpolation="nearest" if max(picture.shape) < 120 else "antialiased")
            axes.set_axis_off()
            text = (legible(one.path.rsplit("/", 1)[-1], longest=24), legible(one.caption, longest=24))[side]
            axes.set_title(text, size=7.5, color=(MUTED, INK)[side])
    return figure


@styled
def maps(pixels: np.ndarray, layers: Mapping[str, np.ndarray], *, title: str, note: str) -> "Figure":
    """An image and, a row per layer, its CHANNELS strongest maps (h, w, c), each on its own scale."""
    figure = canvas(
        width=0.8 * (CHANNELS + 1) + 0.3,
        height=1.12 * max(1, len(layers)),
        title=title,
        subtitle=f"a row per layer: up to {CHANNELS} channels, those that vary most; bright is strong",
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
