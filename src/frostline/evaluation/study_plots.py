"""Plots of one classifier trained in several ways: over freeze points, numbers of views, and seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.statistics import Estimate, wilson
from frostline.evaluation.style import MUTED, RIGHT, WRONG, canvas, names, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LINES = ("-", "-", "--", ":")
_COLOURS = (RIGHT, WRONG, "#009e73", "#e69f00", "#56b4e9", "#cc79a7")


@dataclass(frozen=True)
class AtCut:
    """A training with one freeze point: validation accuracy (0-1), and what it cost."""

    cut: str
    accuracy: Estimate
    trainable: int
    feature_bytes: int
    seconds: float

    @property
    def label(self) -> str:
        """What the picture calls it."""
        return self.cut


@dataclass(frozen=True)
class AtViews:
    """A training with a number of views: validation accuracy (0-1), and what it cost.

    `renderings`: how often each training image passes the trunk.
    """

    views: str
    accuracy: Estimate
    renderings: int
    seconds: float

    @property
    def label(self) -> str:
        """What the picture calls it."""
        return self.views


def measured(accuracy: float, *, images: int) -> Estimate:
    """An accuracy (0-1) over so many images, with Wilson's interval."""
    ends = wilson(round(accuracy * images), images)
    return Estimate(accuracy, ends.low, ends.high)


def flat(name: str, estimate: Estimate) -> dict[str, float]:
    """A figure and its interval's ends by name."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


@dataclass(frozen=True)
class Band:
    """Validation accuracies (S, E) of one classifier: S seeds, E epochs, each 0 to 1."""

    name: str
    accuracy: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        """Over seeds, (E,)."""
        mean: np.ndarray = self.accuracy.mean(0)
        return mean

    @property
    def half_width(self) -> np.ndarray:
        """Of the 95% interval of the mean, (E,), by Student's t; NaN with a single seed."""
        from scipy import stats

        seeds = len(self.accuracy)
        if seeds < 2:
            return np.full(self.accuracy.shape[1], np.nan)
        error = self.accuracy.std(0, ddof=1) / np.sqrt(seeds)
        half: np.ndarray = error * stats.t.ppf(0.975, seeds - 1)
        return half

    def lecture(self) -> dict[str, float]:
        """What the lecture asks of a curve: where it starts, how it climbs, where it ends.

        `start`: after one epoch. `slope`: mean gain per epoch over the first quarter of the epochs.
        `asymptote`: mean of the last quarter.
        """
        quarter = max(1, len(self.mean) // 4)
        slope = (self.mean[min(quarter, len(self.mean) - 1)] - self.mean[0]) / quarter
        return {
            "start": float(self.mean[0]),
            "slope": float(slope),
            "asymptote": float(self.mean[-quarter:].mean()),
        }


@styled
def cuts(points: Sequence[AtCut], *, classifier: str, note: str) -> "Figure":
    """Validation accuracy with its interval, and seconds of training, for each freeze point."""
    best = max(points, key=lambda point: point.accuracy.value)
    return _rated(
        points,
        title=f"{classifier}: validation accuracy {best.accuracy.value:.1%} when frozen up to {best.cut}",
        subtitle="what stays frozen, from nothing but the first layers (top) to everything (bottom)",
        cost="seconds of training, features cached",
        note=note,
    )


@styled
def views(points: Sequence[AtViews], *, classifier: str, note: str) -> "Figure":
    """Validation accuracy with its interval, and seconds of training, for each number of views."""
    best = max(points, key=lambda point: point.accuracy.value)
    kind = {"1": "with images as they are", "live": "with live views"}.get(
        best.views, f"with {best.views} views of each image"
    )
    return _rated(
        points,
        title=f"{classifier}: validation accuracy {best.accuracy.value:.1%} {kind}",
        subtitle="views of each training image that epochs rotate through; live: a new one each epoch",
        cost="seconds of training; cached views were extracted before",
        note=note,
    )


def _rated(
    points: Sequence[AtCut] | Sequence[AtViews],
    *,
    title: str,
    subtitle: str,
    cost: str,
    note: str,
) -> "Figure":
    """A row per training: accuracy with its interval on the left, seconds on the right."""
    figure = canvas(width=9.2, height=0.42 * len(points) + 1.0, title=title, subtitle=subtitle, note=note)
    accuracy, seconds = figure.subplots(1, 2, sharey=True)
    rows = np.arange(len(points))
    values = np.array([point.accuracy.value for point in points])
    reach = [
        values - [point.accuracy.low for point in points],
        [point.accuracy.high for point in points] - values,
    ]
    accuracy.errorbar(values, rows, xerr=np.maximum(reach, 0), fmt="o", color=RIGHT, capsize=3)
    accuracy.set(
        xlabel="validation accuracy, 95% interval",
        yticks=rows,
        yticklabels=names([point.label for point in points]),
    )
    accuracy.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    accuracy.invert_yaxis()
    seconds.barh(rows, [point.seconds for point in points], color=MUTED, height=0.6)
    seconds.set(xlabel=cost)
    return figure


@styled
def bands(shown: Sequence[Band], *, title: str, note: str) -> "Figure":
    """Validation accuracy over the epochs: the mean of the seeds, and its 95% interval as a band."""
    seeds = len(shown[0].accuracy)
    figure = canvas(
        width=9.2,
        height=4.2,
        title=title,
        subtitle=f"mean of {seeds} seeds; band: its 95% interval" if seeds > 1 else "one seed: no interval",
        note=note,
    )
    axes = figure.add_subplot()
    # Frozen and thawed share their first epochs: through the gaps of the one line the other is seen.
    for band, colour, line in zip(shown, cycle(_COLOURS), cycle(_LINES), strict=False):
        epochs = np.arange(1, len(band.mean) + 1)
        axes.plot(epochs, band.mean, color=colour, linestyle=line, label=band.name)
        if seeds > 1:
            low, high = band.mean - band.half_width, band.mean + band.half_width
            axes.fill_between(epochs, low, np.minimum(high, 1), color=colour, alpha=0.2, linewidth=0)
    axes.set(xlabel="epoch", ylabel="validation accuracy")
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.legend(loc="lower right")
    return figure
