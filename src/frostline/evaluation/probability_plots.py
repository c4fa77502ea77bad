"""Reliability diagram, ROC and precision-recall curves, accuracy against coverage. Nothing here saves."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from frostline.evaluation.calibration import Bin
from frostline.evaluation.ranking import Curve
from frostline.evaluation.rejections import Rejection
from frostline.evaluation.selective_prediction import Coverage
from frostline.evaluation.statistics import Estimate
from frostline.evaluation.style import GRID, MUTED, RIGHT, WRONG, canvas, names, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 4.6, 3.6  # inches: readable on a phone
_COLOURS = (RIGHT, WRONG, "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito's
_ROWS = 20  # classes in a picture
_NAMED = len(_COLOURS)  # more classes than this: grey lines without names


@styled
def reliability(bins: Sequence[Bin], *, classifier: str, error: Estimate, note: str) -> "Figure":
    """Confidence against accuracy, with intervals; below, how many images each bin holds."""
    figure = canvas(
        width=WIDTH,
        height=HEIGHT + 0.8,
        title=f"{classifier}: expected calibration error {_percent(error)}",
        subtitle="bar: 95% interval of the accuracy; dashed: perfect calibration; orange: significantly off it",
        note=note,
    )
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for bin_ in bins:
        share = bin_.accuracy
        colour = RIGHT if share.low <= bin_.confidence <= share.high else WRONG
        upper.plot([bin_.confidence] * 2, [share.low, share.high], color=colour, linewidth=2.2, alpha=0.55)
        upper.plot([bin_.confidence], [share.value], "o", color=colour, markersize=5)
    upper.set(ylabel="accuracy", ylim=(-0.02, 1.02))
    upper.grid()
    lower.bar([(b.low + b.high) / 2 for b in bins], [b.images for b in bins], width=0.09, color=GRID)
    lower.yaxis.get_major_locator().set_params(integer=True)
    lower.set(xlabel="confidence", ylabel="images", xlim=(-0.02, 1.02))
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
    summary = "; ".join(
        f"{name} {_three(areas[key])}"
        for name, key in (("ROC AUC", "roc_auc"), ("average precision", "average_precision"))
        if key in areas
    )
    figure = canvas(
        width=WIDTH,
        height=2 * HEIGHT,
        title=f"{classifier}: ROC and precision-recall curves",
        subtitle=(summary or "one class only: nothing to rank")
        + "\neach class against the rest; areas are means over the classes",
        note=note,
    )
    figure.get_layout_engine().set(h_pad=0.14)  # type: ignore[union-attr, call-arg]
    upper, lower = figure.subplots(2, 1)
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    _curves(upper, curves[0], classes)
    _curves(lower, curves[1], classes)
    upper.set(xlabel="false positive rate", ylabel="true positive rate (recall)")
    lower.set(xlabel="recall", ylabel="precision")
    return figure


@styled
def abstaining(rows: Sequence[Coverage], *, classifier: str, note: str) -> "Figure":
    """Selective prediction: accuracy of the answers against the share of images answered, with its 95% band."""
    figure = canvas(
        width=WIDTH,
        height=HEIGHT,
        title=f"{classifier}: selective prediction",
        subtitle="accuracy when only the most confident images are answered; band: 95% interval",
        note=note,
    )
    axes = figure.add_subplot()
    shown = [(row.coverage.value, row.accuracy) for row in rows if row.accuracy]
    across = [coverage for coverage, _ in shown]
    axes.fill_between(
        across,
        [accuracy.low for _, accuracy in shown],
        [accuracy.high for _, accuracy in shown],
        color=RIGHT,
        alpha=0.18,
        linewidth=0,
    )
    axes.plot(across, [accuracy.value for _, accuracy in shown], color=RIGHT, marker="o", markersize=3.5)
    axes.set(
        xlabel="coverage (share of images answered)", ylabel="accuracy of the answered", xlim=(-0.02, 1.02)
    )
    axes.grid()
    _percents(axes, x=True, y=True)
    return figure


@styled
def rejecting(
    curve: Sequence[Rejection], by_class: Sequence[Rejection], *, classifier: str, note: str
) -> "Figure":
    """Images unlike the training images: the share of test rejected against the share asked for, and by class."""
    shown = _furthest(by_class)
    figure = canvas(
        width=WIDTH,
        height=HEIGHT + 0.6 + 0.2 * len(shown),
        title=f"{classifier}: test images that --unknown rejects",
        subtitle="band and bars: 95% intervals; dashed: as promised; orange: significantly more"
        + (
            ""
            if len(shown) == len(by_class)
            else f"\nthe {len(shown)} most rejected of {len(by_class)} classes"
        ),
        note=note,
    )
    upper, lower = figure.subplots(2, 1, height_ratios=(HEIGHT - 0.6, 0.5 + 0.2 * len(shown)))
    across = [row.promised for row in curve]
    ends = ([row.rejected.low for row in curve], [row.rejected.high for row in curve])
    upper.plot([0, across[-1]], [0, across[-1]], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    upper.fill_between(across, *ends, color=RIGHT, alpha=0.18, linewidth=0)
    upper.plot(across, [row.rejected.value for row in curve], color=RIGHT)
    upper.set(
        xlabel="share asked for (--unknown)", ylabel="rejected of test", xlim=(0, across[-1]), ylim=(0, None)
    )
    upper.grid()
    _percents(upper, x=True, y=True)
    _rejected_by_class(lower, shown)
    return figure


def _furthest(by_class: Sequence[Rejection]) -> list[Rejection]:
    """As many classes as can be read, the most rejected first."""
    return sorted(by_class, key=lambda row: -row.rejected.value)[:_ROWS]


def _rejected_by_class(axes: "Axes", rows: Sequence[Rejection]) -> None:
    for place, row in enumerate(rows):
        share = row.rejected
        colour = WRONG if share.low > row.promised else RIGHT
        axes.plot([share.low, share.high], [place] * 2, color=colour, linewidth=2.2, alpha=0.55)
        axes.plot([share.value], [place], "o", color=colour, markersize=5, clip_on=False)
    promised = rows[0].promised if rows else 0.0
    axes.axvline(promised, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(rows)), names([row.name for row in rows]))
    axes.set(xlabel=f"rejected of each class at {promised:.0%}", ylim=(len(rows) - 0.5, -0.5), xlim=(0, None))
    _percents(axes, x=True, y=False)


def _curves(axes: "Axes", curves: Mapping[int, Curve], classes: Sequence[str]) -> None:
    """Each class's curve; names in a legend while the colours differ."""
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


def _percent(figure: Estimate) -> str:
    return f"{figure.value:.1%} ({figure.low:.1%} to {figure.high:.1%})"


def _three(figure: Estimate) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"
