"""The worst mistakes, side by side: what the image is, what it was taken for, and how surely."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.style import INK, MUTED, RIGHT, WRONG, canvas, legible, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TILES = 24
_COLUMNS, _TILE, _CAPTION = 6, 1.5, 0.62  # inches


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
    """A gallery of `shown`, the surest of `wrong` mistakes among `total` test images."""
    rows = max(1, -(-len(shown) // _COLUMNS))
    figure = canvas(
        width=_COLUMNS * (_TILE + 0.12) + 0.36,
        height=rows * (_TILE + _CAPTION) if shown else 0.7,
        title=_title(len(shown), classifier=classifier, wrong=wrong, total=total),
        subtitle="actual class → what it was taken for, with its probability; file; surest first"
        if shown
        else "",
        note=note,
    )
    figure.set_layout_engine("none")
    for place, mistake in enumerate(shown):
        _tile(figure, mistake, row=place // _COLUMNS, column=place % _COLUMNS, rows=rows)
    if not shown:
        figure.text(0.5, 0.3, "no mistakes to show", color=RIGHT, size=12, ha="center", va="center")
    return figure


def _title(shown: int, *, classifier: str, wrong: int, total: int) -> str:
    if not wrong:
        return f"{classifier} makes no mistake on {total:,} test images"
    mistake = "mistake" if wrong == 1 else "mistakes"
    which = (
        {1: "the only"}.get(wrong, f"all {wrong:,}") if shown == wrong else f"the {shown} surest of {wrong:,}"
    )
    return f"{classifier}: {which} {mistake} on {total:,} test images"


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
