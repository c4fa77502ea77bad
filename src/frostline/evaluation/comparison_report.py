"""A comparison for people: text for a terminal, Markdown, a picture and one page."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frostline import pages
from frostline.evaluation.comparison import SIGNIFICANT, verdict
from frostline.evaluation.style import INK, MUTED, PAPER, RIGHT, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOW = (
    "Intervals: 95%; of accuracies Wilson's, of paired differences Bonett and Price's. "
    "p-values: exact McNemar test on the same test images, two-sided, "
    "not corrected for the number of comparisons. "
    "The best of several is partly chosen by luck: expect a slightly lower accuracy on new images."
)
_RIGHT = frozenset({"#", "test", "loss", "trainable", "frozen", "validation"})  # columns of numbers


def render(comparison: Mapping[str, Any]) -> str:
    """The comparison as plain text for a terminal, one table per dataset; ends with a newline."""
    return "\n".join(_terminal(name, entry) for name, entry in comparison["datasets"].items())


def markdown(comparison: Mapping[str, Any]) -> str:
    """The comparison as a Markdown page; ends with a newline."""
    parts = ["# Comparison on the test images", "![accuracies](comparison.png)"]
    for name, entry in comparison["datasets"].items():
        parts += _section(name, entry)
    return "\n\n".join([*parts, HOW]) + "\n"


def _terminal(name: str, entry: Mapping[str, Any]) -> str:
    rows = [
        {
            "#": str(row["rank"]),
            "classifier": row["classifier"],
            "test": f"{row['accuracy']:.1%}",
            "95% interval": f"{row['accuracy_low']:.1%} to {row['accuracy_high']:.1%}",
            "loss": f"{row['loss']:.3f}",
            "trainable": _short(row["parameters"]["trainable"]),
            "frozen": _short(row["parameters"]["frozen"]),
            "note": row["note"],
        }
        for row in entry["classifiers"]
    ]
    lines = [_heading(name, entry), "", *aligned(rows, right=_RIGHT), "", *verdicts(entry)]
    return "\n".join(lines).rstrip() + "\n"


def aligned(rows: Sequence[Mapping[str, str]], *, right: frozenset[str]) -> Iterator[str]:
    """Rows in columns as wide as their widest cell, those named in `right` set to the right.

    A column without any content is left out.
    """
    columns = [key for key in rows[0] if any(row[key] for row in rows)]
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in columns}

    def line(cells: Mapping[str, str]) -> str:
        padded = (
            cells[key].rjust(widths[key]) if key in right else cells[key].ljust(widths[key])
            for key in columns
        )
        return "  ".join(padded).rstrip()

    yield line({key: key for key in columns})
    yield "  ".join("-" * widths[key] for key in columns)
    yield from map(line, rows)


def _section(name: str, entry: Mapping[str, Any]) -> list[str]:
    head = "| # | classifier | test accuracy (95% interval) | test loss | validation accuracy "
    lines = [
        head + "| trainable parameters | frozen parameters | note |",
        "|--:|:--|:--|--:|--:|--:|--:|:--|",
        *(_cells(row) for row in entry["classifiers"]),
    ]
    sentences = "\n".join(f"- {line}" for line in verdicts(entry))
    manifest = f"Dataset digest: `{entry['digest']}`"
    return [f"## {_heading(name, entry)}", "\n".join(lines), *([sentences] if sentences else []), manifest]


def _cells(row: Mapping[str, Any]) -> str:
    interval = f"{row['accuracy']:.1%} ({row['accuracy_low']:.1%} to {row['accuracy_high']:.1%})"
    trainable, frozen = (f"{row['parameters'][key]:,}" for key in ("trainable", "frozen"))
    cells = (
        str(row["rank"]), row["classifier"], interval, f"{row['loss']:.4f}",
        f"{row['validation_accuracy']:.1%}", trainable, frozen, row["note"],
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _heading(name: str, entry: Mapping[str, Any]) -> str:
    return f"{name}: {entry['images']:,} test images"


def verdicts(entry: Mapping[str, Any]) -> list[str]:
    """One sentence for each classifier that is not the best."""
    pairs = ((row["classifier"], verdict(row, entry["images"])) for row in entry["classifiers"])
    return [f"{name} is {words}" for name, words in pairs if words]


def _short(count: int) -> str:
    """A count in at most four digits: 812, 5.1k, 20.0M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            return f"{count / size:.1f}{unit}"
    return str(count)


def page(comparison: Mapping[str, Any]) -> str:
    """The HTML of a comparison; its chart is drawn by the page, to fit a phone."""
    return pages.render(
        "frostline.evaluation",
        "comparison.html.j2",
        marks={f"dataset_digest:{name}": entry["digest"] for name, entry in comparison["datasets"].items()},
        datasets={
            name: {**entry, "verdicts": verdicts(entry), "chart": _chart(entry["classifiers"])}
            for name, entry in comparison["datasets"].items()
        },
        how=HOW,
        pictures={},
    )


_STEPS = (1, 2, 5, 10, 20)  # points between two ticks of an axis


@dataclass(frozen=True)
class Chart:
    """Accuracies on an axis: ticks by their text, and each row's interval and point, all in percent of its width."""

    ticks: dict[str, float]
    rows: list[dict[str, float]]


def _chart(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """The axis goes from tick to tick around all intervals."""
    least, most = (
        min(100 * row["accuracy_low"] for row in rows),
        max(100 * row["accuracy_high"] for row in rows),
    )
    step = next((step for step in _STEPS if most - least <= 4 * step), _STEPS[-1])
    end = math.ceil(most / step) * step
    start = min(math.floor(least / step) * step, end - step)

    def place(percent: float) -> float:
        return float(round(100 * (percent - start) / (end - start), 2))

    return Chart(
        {f"{tick}%": place(tick) for tick in range(start, end + 1, step)},
        [
            {
                key: place(100 * row[f"accuracy{of}"])
                for key, of in (("low", "_low"), ("point", ""), ("high", "_high"))
            }
            for row in rows
        ],
    )


@styled
def accuracies(comparison: dict[str, Any]) -> "Figure":
    """Test accuracy of every classifier with its 95% interval, one panel per dataset, best on top."""
    datasets: dict[str, Any] = comparison["datasets"]
    rows = [len(entry["classifiers"]) for entry in datasets.values()]
    every = [row for entry in datasets.values() for row in entry["classifiers"]]
    notes = {row["note"] for row in every}
    figure = canvas(
        width=8.4,
        height=0.42 * sum(rows) + 0.85 * len(rows) + 0.2,
        title=_accuracies_title(datasets),
        subtitle="point: test accuracy; bar: 95% Wilson interval"
        + ("; hollow: random weights" if any(notes) else ""),
        note=notes.pop() if len(notes) == 1 else "",
    )
    figure.get_layout_engine().set(h_pad=0.12)  # type: ignore[union-attr, call-arg]
    panels = figure.subplots(len(rows), 1, squeeze=False, height_ratios=[n + 0.6 for n in rows])[:, 0]
    for axes, (name, entry) in zip(panels, datasets.items(), strict=True):
        _accuracy_panel(axes, name, entry, spell_notes=bool(notes))
    return figure


def _accuracies_title(datasets: dict[str, Any]) -> str:
    if len(datasets) > 1:
        return "Best test accuracy: " + ", ".join(
            f"{entry['classifiers'][0]['classifier']} on {name}" for name, entry in datasets.items()
        )
    ((name, entry),) = datasets.items()
    best, *others = entry["classifiers"]
    right = round(best["accuracy"] * entry["images"])
    share = f"{best['accuracy']:.1%} ({right:,}/{entry['images']:,}) on {name}"
    return f"{best['classifier']}: test accuracy {share}" + (f"; {_against(others)}" if others else "")


def _against(others: list[dict[str, Any]]) -> str:
    """Whether the best is significantly better than the rest."""
    alike = sum(row["against_best"]["p"] >= SIGNIFICANT for row in others)
    if not alike:
        return (
            "significantly better than the other"
            if len(others) == 1
            else f"significantly better than all {len(others)} others"
        )
    if len(others) == 1:
        return "the other is not significantly different"
    return f"{alike} of {len(others)} others not significantly different"


def _accuracy_panel(axes: "Axes", name: str, entry: dict[str, Any], *, spell_notes: bool) -> None:
    rows = entry["classifiers"]
    labels = [row["classifier"] + (f"\n{row['note']}" if spell_notes and row["note"] else "") for row in rows]
    axes.set_title(f"{name}, {entry['images']:,} test images")
    axes.set_yticks(range(len(rows)), labels, color=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.4g}%")
    for place, row in enumerate(rows):
        colour = RIGHT if place == 0 else MUTED
        low, point, high = (100 * row[key] for key in ("accuracy_low", "accuracy", "accuracy_high"))
        axes.plot([low, high], [place, place], color=colour, linewidth=2.2, alpha=0.55)
        face = PAPER if row["note"] else colour
        axes.plot([point], [place], "o", color=colour, markerfacecolor=face, markersize=7, zorder=3)
        axes.annotate(f"{point:.1f}%", (point, place), xytext=(0, 6), textcoords="offset points",
                      ha="center", va="bottom", size=8, color=colour)  # fmt: skip
    axes.tick_params(axis="x", labelsize=8)
