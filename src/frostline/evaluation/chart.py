"""The picture of a comparison: every classifier's test accuracy, and how sure it is."""

from typing import TYPE_CHECKING, Any

from frostline.evaluation.comparison import SIGNIFICANT
from frostline.evaluation.style import INK, MUTED, PAPER, RIGHT, canvas, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@styled
def accuracies(comparison: dict[str, Any]) -> "Figure":
    """Test accuracy of every classifier with its 95% interval, one panel a dataset, best on top."""
    datasets: dict[str, Any] = comparison["datasets"]
    rows = [len(entry["classifiers"]) for entry in datasets.values()]
    every = [row for entry in datasets.values() for row in entry["classifiers"]]
    notes = {row["note"] for row in every}
    figure = canvas(
        width=8.4,
        height=0.42 * sum(rows) + 0.85 * len(rows) + 0.2,
        title=_accuracies_title(datasets),
        subtitle="point: share of test images right; bar: 95% Wilson interval"
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
        return "Best on test: " + ", ".join(
            f"{entry['classifiers'][0]['classifier']} on {name}" for name, entry in datasets.items()
        )
    ((name, entry),) = datasets.items()
    best, *others = entry["classifiers"]
    told = f"; {_beside(others)}" if others else ""
    share = f"{best['accuracy']:.1%} of {entry['images']:,} {name} test images"
    return f"{best['classifier']}: {share} right{told}"


def _beside(others: list[dict[str, Any]]) -> str:
    """How far the best can be told from the rest."""
    alike = sum(row["against_best"]["p"] >= SIGNIFICANT for row in others)
    if not alike:
        return "better than the other" if len(others) == 1 else f"better than all {len(others)} others"
    if len(others) == 1:
        return "the other is not distinguishable"
    return f"{alike} of {len(others)} others not distinguishable"


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
