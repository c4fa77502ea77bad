"""Pictures of what a classifier's probabilities are worth: reliability, ranking, abstaining. Nothing here saves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from frostline.evaluation.calibration import Bin
from frostline.evaluation.ranking import Curve
from frostline.evaluation.selective_prediction import Answered
from frostline.evaluation.statistics import Estimate
from frostline.evaluation.style import GRID, MUTED, RIGHT, WRONG, canvas, names, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 3.6  # inches: readable on a phone
_COLOURS = (RIGHT, WRONG, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's
_NAMED = len(_COLOURS)  # more classes than this: grey lines without names


@styled
def reliability(bins: Sequence[Bin], *, classifier: str, error: Estimate, note: str) -> "Figure":
    """What was said against what was right, with intervals; below, how many images each bin holds."""
    figure = canvas(
        width=WIDTH,
        height=HEIGHT + 0.8,
        title=f"{classifier}: calibration error {_percent(error)}",
        subtitle="bar: 95% interval of the share right; on the line, a probability means what it says",
        note=note,
    )
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for each in bins:
        inside = each.right.low <= each.said <= each.right.high
        colour = RIGHT if inside else WRONG
        upper.plot(
            [each.said] * 2, [each.right.low, each.right.high], color=colour, linewidth=2.2, alpha=0.55
        )
        upper.plot([each.said], [each.right.value], "o", color=colour, markersize=5)
    upper.set(ylabel="share right", ylim=(-0.02, 1.02))
    upper.grid()
    lower.bar([(b.low + b.high) / 2 for b in bins], [b.images for b in bins], width=0.09, color=GRID)
    lower.set(xlabel="probability said", ylabel="images", xlim=(-0.02, 1.02))
    _percents(upper, x=True, y=True)
    return figure


@styled
def ranking(
    curves: tuple[Mapping[int, Curve], Mapping[int, Curve]],
    classes: Sequence[str],
    *,
    classifier: str,
    areas: Mapping[str, Estimate],
    note: str,
) -> "Figure":
    """ROC and precision-recall `curves` of every class against the rest."""
    told = "; ".join(
        f"{name} {_three(areas[key])}"
        for name, key in (("ROC area", "roc_auc"), ("average precision", "average_precision"))
        if key in areas
    )
    figure = canvas(
        width=WIDTH,
        height=2 * HEIGHT,
        title=f"{classifier}: how well the probabilities rank",
        subtitle=(told or "one class only: nothing to rank")
        + "\neach class against the rest; areas are means",
        note=note,
    )
    figure.get_layout_engine().set(h_pad=0.14)  # type: ignore[union-attr, call-arg]
    upper, lower = figure.subplots(2, 1)
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    _curves(upper, curves[0], classes)
    _curves(lower, curves[1], classes)
    upper.set(xlabel="share of the others taken for the class", ylabel="share of the class found")
    lower.set(xlabel="recall: share of the class found", ylabel="precision: right of those named")
    return figure


@styled
def abstaining(rows: Sequence[Answered], *, classifier: str, note: str) -> "Figure":
    """Accuracy of the answers against the share of images answered, with its 95% band."""
    figure = canvas(
        width=WIDTH,
        height=HEIGHT,
        title=f"{classifier}: leaving out what is unsure",
        subtitle="line: accuracy of the answers; band: 95% interval; right end: every image answered",
        note=note,
    )
    axes = figure.add_subplot()
    shown = [(row.coverage.value, row.accuracy) for row in rows if row.accuracy]
    across = [coverage for coverage, _ in shown]
    axes.fill_between(
        across,
        [each.low for _, each in shown],
        [each.high for _, each in shown],
        color=RIGHT,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(across, [each.value for _, each in shown], color=RIGHT, marker="o", markersize=3.5)
    axes.set(xlabel="coverage: images answered", ylabel="accuracy of the answers", xlim=(-0.02, 1.02))
    axes.grid()
    _percents(axes, x=True, y=True)
    return figure


def _curves(axes: "Axes", curves: Mapping[int, Curve], classes: Sequence[str]) -> None:
    """Each class's curve; names in a legend while the colours can be told apart."""
    named = len(curves) <= _NAMED
    drawn = names(classes)
    for place, (index, curve) in enumerate(curves.items()):
        axes.plot(
            curve.across,
            curve.up,
            color=_COLOURS[place] if named else MUTED,
            linewidth=1.5 if named else 0.8,
            alpha=1.0 if named else 0.5,
            linestyle=("-", (0, (5, 2)))[place % 2],
            label=drawn[index],
        )
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.grid()
    _percents(axes, x=True, y=True)
    if named and curves:
        axes.legend(frameon=False, fontsize=8, loc="lower center")


def _percents(axes: "Axes", *, x: bool, y: bool) -> None:
    for chosen, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if chosen:
            axis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")


def _percent(each: Estimate) -> str:
    return f"{each.value:.1%} ({each.low:.1%} to {each.high:.1%})"


def _three(each: Estimate) -> str:
    return f"{each.value:.3f} ({each.low:.3f} to {each.high:.3f})"
