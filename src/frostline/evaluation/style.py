"""The one style of every plot: fonts, colours, headings, and PNG bytes that depend on content alone."""

import contextlib
import functools
import io
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

P = ParamSpec("P")

# Blue and vermilion of M. Okabe and K. Ito, "Color universal design" (2008): distinguishable in every
# common colour blindness and, differing in lightness, in grey print.
RIGHT, WRONG = "#0072B2", "#D55E00"
INK, MUTED, GRID, PAPER = "#1F2933", "#66727F", "#E3E7EB", "#FFFFFF"
LONGEST = 26  # characters of a name; what is longer is cut in the middle
DPI = 120
_MARGIN = 0.18  # inches

_SETTINGS = {
    "font.family": ["DejaVu Sans"],  # comes with matplotlib: the same glyphs on every machine
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a class may be called $5
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0.0,
    "ytick.major.size": 0.0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "figure.facecolor": PAPER,
}


@contextlib.contextmanager
def _settings() -> Iterator[None]:
    """Ours over matplotlib's own defaults: nobody's matplotlibrc changes a stage output."""
    import matplotlib.style

    with matplotlib.style.context(["default", _SETTINGS]):
        yield


def styled(plot: Callable[P, "Figure"]) -> Callable[P, "Figure"]:
    """Draw a plot function's figure in this style; the process's own settings stay as they are."""

    @functools.wraps(plot)
    def draw(*args: P.args, **kwargs: P.kwargs) -> "Figure":
        with _settings():
            return plot(*args, **kwargs)

    return draw


def png(figure: "Figure") -> bytes:
    """The figure as PNG: no date, no software name, the same bytes in every process."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    drawn, buffer = FigureCanvasAgg(figure), io.BytesIO()
    with _settings():
        drawn.draw()  # type: ignore[no-untyped-call]  # once; `savefig` draws once more, for the layout alone
    # Without a channel of transparency and packed more quickly than by default, into fewer bytes all the same.
    opaque = Image.fromarray(np.asarray(drawn.buffer_rgba())[..., :3])  # type: ignore[no-untyped-call]
    opaque.save(buffer, "png", compress_level=4, dpi=(DPI, DPI))
    return buffer.getvalue()


def canvas(*, width: float, height: float, title: str, subtitle: str = "", note: str = "") -> "Figure":
    """A figure of `width` inches with a heading, and `height` inches of free room below it.

    The title says what is seen, the subtitle how to read it, the note what to beware of.
    """
    from matplotlib.figure import Figure

    lines = [
        *_lines(title, width, size=12.5, color=INK, weight="bold"),
        *_lines(note, width, size=9.5, color=WRONG, weight="bold"),
        *_lines(subtitle, width, size=9.0, color=MUTED, weight="normal"),
    ]
    total = height + 2 * _MARGIN + sum(advance for _, advance, _ in lines)
    figure = Figure(figsize=(width, total), dpi=DPI)
    top = total - _MARGIN
    for text, advance, font in lines:
        figure.text(_MARGIN / width, top / total, text, va="top", ha="left", **font)
        top -= advance
    body = (0.06 / width, 0.06 / total, 1 - 0.12 / width, (top - 0.12) / total)
    figure.set_layout_engine("constrained", rect=body)
    return figure


def _lines(
    text: str, width: float, *, size: float, color: str, weight: str
) -> list[tuple[str, float, dict[str, Any]]]:
    """Text broken to the figure's width: each line with the inches it takes and its font."""
    room = int((width - 2 * _MARGIN) * 72 / (size * (0.61 if weight == "bold" else 0.53)))
    font = {"size": size, "color": color, "weight": weight}
    lines = [line for part in text.splitlines() for line in textwrap.wrap(part, room)]
    return [(line, size * 1.45 / 72, font) for line in lines]


@functools.cache
def _glyphs() -> frozenset[int]:
    """Code points that the bundled font can draw."""
    import matplotlib
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf")).get_charmap())


def names(classes: Sequence[str]) -> list[str]:
    """Class names as they can be drawn: no wider than LONGEST, all different.

    What the font lacks becomes a box and what is cut may collide; those get their index in front.
    """
    drawn = [legible(name) for name in classes]
    return [
        text if text == name or (drawn.count(text) == 1 and "□" not in text) else f"{index} {text}"
        for index, (name, text) in enumerate(zip(classes, drawn, strict=True))
    ]


def legible(text: str, *, longest: int = LONGEST) -> str:
    """Text with only characters the font has, cut in the middle to `longest` characters."""
    shown = "".join(c if ord(c) in _glyphs() and c.isprintable() else "□" for c in text)
    if len(shown) <= longest:
        return shown
    head = (longest - 1) // 2
    return f"{shown[:head]}…{shown[len(shown) - (longest - 1 - head) :]}"
