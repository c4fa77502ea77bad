"""Images shown with what a network makes of them: its errors, Grad-CAM heat, and the maps of its layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.style import INK, MUTED, RIGHT, WRONG, canvas, legible, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TILES = 24
_COLUMNS, _TILE, _CAPTION = 6, 1.5, 0.62  # inches
_SIDE = 2.0  # inches of an image and of each heat beside it
CHANNELS = 12  # maps shown of a layer
_GREY = 0.6  # of the image's brightness stays where nothing is hot
_GLOW = 0.55  # of its own brightness has a colour on black; the rest is the image's
_LUMA = np.array([0.299, 0.587, 0.114])  # Rec. 601


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
    _paste(figure, mistake.pixels, left=left, bottom=top - _TILE)
    lines = (
        (legible(mistake.actual, longest=20), INK, 8.5, "bold"),
        (f"→ {legible(mistake.predicted, longest=13)} {mistake.probability:.1%}", WRONG, 8.5, "bold"),
        (legible(short(mistake.path), longest=28), MUTED, 6.5, "normal"),
    )
    for line, (text, colour, size, weight) in enumerate(lines):
        height_in = top - _TILE - 0.04 - 0.155 * line
        figure.text(left / width, height_in / height, text, color=colour, size=size, weight=weight, va="top")


def _paste(figure: "Figure", pixels: np.ndarray, *, left: float, bottom: float) -> None:
    """An image at the bottom of a tile, at a place in inches; axes around each would take most of the time."""
    from matplotlib.image import BboxImage
    from matplotlib.transforms import Bbox, TransformedBbox

    size = _TILE * np.array(pixels.shape[1::-1]) / max(pixels.shape[:2])
    box = Bbox.from_bounds(left + (_TILE - size[0]) / 2, bottom, *size)
    placed = TransformedBbox(box, figure.dpi_scale_trans)
    figure.add_artist(BboxImage(placed, data=pixels, interpolation=_interpolation(pixels)))


def short(path: str) -> str:
    """A file with its folder, which is mostly its class: `test/cat/1.png` → `cat/1.png`."""
    return "/".join(path.split("/")[-2:])


def overlay(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8: the image in dark grey, under colour from dark to bright the hotter it is.

    `heat`: (h, w) in 0..1. The image's own colours are left out, for they would be taken for heat.
    """
    from matplotlib import colormaps
    from PIL import Image

    height, width = pixels.shape[:2]
    raised = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    share = np.clip(np.asarray(raised), 0, 1)
    grey = (pixels @ _LUMA)[..., None]
    # Details of the image show in the colour too, as shade.
    colour = colormaps["inferno"](share)[..., :3] * (_GLOW * 255 + (1 - _GLOW) * grey)
    cover = share[..., None] ** 0.6
    return np.asarray(np.round(_GREY * grey * (1 - cover) + colour * cover), np.uint8)


@styled
def heats(
    pixels: np.ndarray, shown: Sequence[tuple[str, np.ndarray]], *, title: str, layer: str, note: str
) -> "Figure":
    """An image (H, W, 3) and, beside it, what speaks for each class: captions and heat (h, w) in 0..1."""
    pictures = [("the image", pixels), *((text, overlay(pixels, heat)) for text, heat in shown)]
    figure = canvas(
        width=len(pictures) * (_SIDE + 0.1) + 0.3,
        height=_SIDE * pixels.shape[0] / pixels.shape[1] + 0.45,
        title=title,
        subtitle=f"Grad-CAM at {layer}: bright where the image supports the class named",
        note=note,
    )
    for place, (text, picture) in enumerate(pictures, start=1):
        axes = figure.add_subplot(1, len(pictures), place)
        axes.imshow(picture, interpolation=_interpolation(picture))
        axes.set_axis_off()
        axes.set_title(legible(text, longest=24), size=8.5, color=INK if place > 1 else MUTED)
    return figure


def _interpolation(pixels: np.ndarray) -> str:
    """A small image shows its pixels, a large one is smoothed down."""
    return "nearest" if max(pixels.shape[:2]) < 120 else "antialiased"


@styled
def maps(pixels: np.ndarray, layers: Mapping[str, np.ndarray], *, title: str, note: str) -> "Figure":
    """An image and, a row per layer, its CHANNELS strongest maps (h, w, c), each on its own scale."""
    columns = CHANNELS + 2  # the image, and the names of the layers
    figure = canvas(
        width=0.8 * columns + 0.3,
        height=0.92 * max(1, len(layers)),
        title=title,
        subtitle=f"a row per layer: up to {CHANNELS} channels by number, those that vary most; bright is strong",
        note=note,
    )
    grid = figure.add_gridspec(max(1, len(layers)), columns)

    def panel(row: int, column: int) -> "Axes":
        axes = figure.add_subplot(grid[row, column])
        axes.set_axis_off()
        return axes

    panel(0, 0).imshow(pixels, interpolation=_interpolation(pixels))
    for row, (name, values) in enumerate(layers.items()):
        text = f"{legible(name, longest=18)}\n{' x '.join(map(str, values.shape))}"
        panel(row, 1).text(1, 0.5, text, size=6, color=INK, ha="right", va="center")
        for place, channel in enumerate(strongest(values), start=2):
            axes = panel(row, place)
            axes.imshow(values[..., channel], cmap="inferno", interpolation="nearest")
            axes.set_title(str(channel), size=5.5, color=MUTED, pad=2)
    return figure


def strongest(values: np.ndarray) -> list[int]:
    """Up to CHANNELS channels of maps (h, w, c), those that vary most over the image first."""
    order = np.argsort(-values.std((0, 1)), kind="stable")
    return [int(channel) for channel in order[:CHANNELS]]
