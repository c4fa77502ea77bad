"""A network layer by layer, as a table for a terminal and as a picture."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.comparison_report import aligned
from frostline.evaluation.style import GRID, INK, MUTED, RIGHT, WRONG, canvas, legible, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DRAWN = 60  # rows of the picture; a network with more is drawn by its blocks
_NUMBERS = frozenset({"output", "parameters", "sees", "activations", "FLOPs"})


@dataclass(frozen=True)
class Row:
    """One layer: what comes out (`shape`, without N), what it sees, holds, keeps and computes for one image.

    `field` is text such as "7x7"; `trains` names the phases that change it; `values` are activations;
    `operations` counts a multiplication and an addition as two.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    field: str
    parameters: int
    trains: tuple[str, ...]
    values: int
    operations: int


def table(rows: Sequence[Row]) -> str:
    """One line per layer, in columns."""
    cells = [
        {
            "layer": row.name,
            "kind": row.kind,
            "output": "x".join(map(str, row.shape)),
            "sees": row.field,
            "parameters": f"{row.parameters:,}" if row.parameters else "",
            "trains": _trains(row),
            "activations": size(4 * row.values) if row.values else "",
            "FLOPs": count(row.operations) if row.operations else "",
        }
        for row in rows
    ]
    return "\n".join(aligned(cells, right=_NUMBERS))


def _trains(row: Row) -> str:
    return ", ".join(row.trains) or ("frozen" if row.parameters else "")


def count(number: int) -> str:
    """A count in three digits and its unit: 812, 5.12 k, 20.0 M, 39.1 G."""
    return _unit(number, 1000, ("", "k", "M", "G", "T"))


def size(number: int) -> str:
    """Bytes in three digits and their unit: 12.3 KiB."""
    return _unit(number, 1024, (" B", " KiB", " MiB", " GiB", " TiB"))


def _unit(number: float, step: int, units: Sequence[str]) -> str:
    place = 0
    while number >= 999.5 and place < len(units) - 1:
        number, place = number / step, place + 1
    digits = f"{number:.3g}" if place else f"{number:.0f}"
    return f"{digits}{' ' if place and not units[place].startswith(' ') else ''}{units[place]}"


@styled
def picture(rows: Sequence[Row], *, classifier: str) -> "Figure":
    """Bars for what each layer holds, keeps and computes; frozen ones blue, trained ones orange."""
    drawn = grouped(rows)
    figure = canvas(
        width=10.0,
        height=0.6 + 0.2 * len(drawn),
        title=_title(rows, classifier),
        subtitle="beside a name: output shape and receptive field\n"
        "blue: frozen; orange: trains in some phase; bars are linear",
    )
    panels = figure.subplots(1, 3, sharey=True)
    for axes, what, numbers in zip(
        panels,
        ("parameters", "activations (bytes, float32)", "FLOPs"),
        (
            [row.parameters for row in drawn],
            [4 * row.values for row in drawn],
            [row.operations for row in drawn],
        ),
        strict=True,
    ):
        _bars(axes, what, numbers, drawn)
    panels[0].set_yticks(np.arange(len(drawn)), [_label(row) for row in drawn], size=7.5, color=INK)
    panels[0].set_ylim(len(drawn) - 0.4, -0.6)
    return figure


def grouped(rows: Sequence[Row]) -> list[Row]:
    """At most DRAWN rows: the layers themselves, else their blocks by the words their names share, else runs."""
    for words in range(4, 0, -1):
        keys = [row.name if words == 4 else "_".join(row.name.split("_")[:words]) for row in rows]
        runs = [
            [rows[place] for place, _ in run]
            for _, run in itertools.groupby(enumerate(keys), lambda pair: pair[1])
        ]
        if len(runs) <= DRAWN:
            return [_merged(run) for run in runs]
    parts = np.array_split(np.arange(len(rows)), DRAWN)
    return [_merged([rows[place] for place in part]) for part in parts]


def _merged(run: Sequence[Row]) -> Row:
    """Several layers as one row, named by the first and the last."""
    first, last = run[0], run[-1]
    return Row(
        name=first.name if len(run) == 1 else f"{first.name} … {last.name}",
        kind=last.kind,
        shape=last.shape,
        field=last.field,
        parameters=sum(row.parameters for row in run),
        trains=tuple(dict.fromkeys(name for row in run for name in row.trains)),
        values=sum(row.values for row in run),
        operations=sum(row.operations for row in run),
    )


def _title(rows: Sequence[Row], classifier: str) -> str:
    parameters = sum(row.parameters for row in rows)
    trained = sum(row.parameters for row in rows if row.trains)
    return f"{classifier}: {parameters:,} parameters, {trained:,} in layers that train"


def _label(row: Row) -> str:
    return f"{legible(row.name, longest=34)}  {'x'.join(map(str, row.shape))}  {row.field}"


def _bars(axes: "Axes", what: str, numbers: Sequence[int], drawn: Sequence[Row]) -> None:
    """One panel: a bar per row with its number at its end, and a line below the last row that never trains."""
    colours = [WRONG if row.trains else RIGHT if row.parameters else MUTED for row in drawn]
    axes.barh(np.arange(len(drawn)), numbers, color=colours, height=0.72)
    for place, number in enumerate(numbers):
        if number:
            axes.text(number, place, f" {count(number)}", va="center", size=6.5, color=MUTED)
    axes.set_title(what)
    axes.set_xlim(0, 1.22 * max(1, *numbers))
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    frozen = [place for place, row in enumerate(drawn) if row.parameters and not row.trains]
    if frozen:
        axes.axhline(frozen[-1] + 0.5, color=GRID, linewidth=1.2, zorder=0)
