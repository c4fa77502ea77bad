"""Pictures of one classifier trained with several values of a key: its accuracy and cost, its learning curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from frostline.evaluation.statistics import Estimate, wilson
from frostline.evaluation.style import MUTED, RIGHT, WRONG, canvas, names, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINES = ("-", "-", "--", ":")
_COLOURS = (RIGHT, WRONG, "#009e73", "#e69f00", "#56b4e9", "#cc79a7")


@dataclass(frozen=True)
class Variant:
    """A training with one value of the key: validation accuracy (0-1), and what it cost.

    `trainable` numbers in the last phase; `feature_bytes` that the cache holds per image at its cut;
    `renderings`: how often each training image passes the frozen layers; `seconds` of training, features cached,
    start-up left out.
    """

    value: str
    accuracy: Estimate
    epochs: int
    trainable: int
    feature_bytes: int
    renderings: int
    seconds: float


def measured(accuracy: float, *, images: int) -> Estimate:
    """An accuracy (0-1) over so many images, with Wilson's interval."""
    ends = wilson(round(accuracy * images), images)
    return Estimate(accuracy, ends.low, ends.high)


def flat(name: str, estimate: Estimate) -> dict[str, float]:
    """A figure and its interval's ends by name."""
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


@dataclass(frozen=True)
class Band:
    """Validation accuracies of one classifier over S `seeds`, each 0 to 1: (S, E) after each of E epochs, and (S,) as
    `trained`, which need not be the last. `tried`: C or the like, whose values a solver tries in place of epochs.
    """

    name: str
    accuracy: np.ndarray
    seeds: tuple[str, ...]
    trained: np.ndarray
    tried: str = ""

    @property
    def mean(self) -> np.ndarray:
        """Over seeds, (E,)."""
        mean: np.ndarray = self.accuracy.mean(0)
        return mean

    @property
    def half_width(self) -> np.ndarray:
        """Of the 95% interval of the mean, (E,)."""
        return half_width(self.accuracy)

    def summary(self) -> dict[str, float]:
        """Where the curve starts, how it climbs and where it ends.

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


def half_width(values: np.ndarray) -> np.ndarray:
    """Of the 95% interval of the mean over S seeds, by Student's t: (S, ...) → (...); NaN with a single seed."""
    from scipy import stats

    seeds = len(values)
    if seeds < 2:
        return np.full(values.shape[1:], np.nan)
    half: np.ndarray = values.std(0, ddof=1) / np.sqrt(seeds) * stats.t.ppf(0.975, seeds - 1)
    return half


@styled
def rated(points: Sequence[Variant], *, title: str, key: str, note: str) -> "Figure":
    """A row per value: validation accuracy with its interval on the left, seconds of training on the right."""
    figure = canvas(width=9.2, height=0.42 * len(points) + 1.0, title=title, subtitle=key, note=note)
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
        yticklabels=names([point.value for point in points]),
    )
    accuracy.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    accuracy.invert_yaxis()
    seconds.barh(rows, [point.seconds for point in points], color=MUTED, height=0.6)
    seconds.set(xlabel="seconds of training, features cached")
    return figure


@styled
def bands(curves: Sequence[Band], *, title: str, note: str) -> "Figure":
    """Validation accuracy over the epochs, or the values that a solver tries: the mean of the seeds, with its 95%
    interval as a band.

    Fewer than three seeds have an interval that hides everything: each is drawn by itself instead.
    """
    seeds = len(curves[0].accuracy)
    banded = seeds > 2
    how = f"mean of {seeds} seeds; band: its 95% interval" if banded else "a line for each seed"
    figure = canvas(width=9.2, height=4.2, title=title, subtitle=how, note=note)
    axes = figure.add_subplot()
    if banded:
        _draw_means(axes, curves)
    else:
        _draw_seeds(axes, curves)
    axes.set(xlabel=by(curves), ylabel="validation accuracy")
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)  # type: ignore[call-arg]
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.grid(axis="y")
    axes.legend(loc="lower right", frameon=False)
    return figure


def by(curves: Sequence[Band]) -> str:
    """What their points are."""
    kinds = sorted({f"{band.tried}, by number of its value" if band.tried else "epoch" for band in curves})
    return " or ".join(kinds)


def _draw_means(axes: "Axes", curves: Sequence[Band]) -> None:
    # Frozen and thawed share their first epochs: through the gaps of the one line the other is seen.
    for band, colour, line in zip(curves, cycle(_COLOURS), cycle(_LINES), strict=False):
        epochs = np.arange(1, len(band.mean) + 1)
        axes.plot(epochs, band.mean, color=colour, linestyle=line, label=band.name)
        low, high = band.mean - band.half_width, band.mean + band.half_width
        axes.fill_between(epochs, low, np.minimum(high, 1), color=colour, alpha=0.2, linewidth=0)


def _draw_seeds(axes: "Axes", curves: Sequence[Band]) -> None:
    """A colour for each classifier, a line style for each of its seeds; of one classifier, colours for seeds."""
    alone = len(curves) == 1
    for number, band in enumerate(curves):
        for place, (seed, course) in enumerate(zip(band.seeds, band.accuracy, strict=True)):
            axes.plot(
                np.arange(1, len(course) + 1),
                course,
                color=_COLOURS[(place if alone else number) % len(_COLOURS)],
                linestyle=("-", (0, (4, 1.5)))[place % 2],
                linewidth=max(1.2, 2.4 - 0.6 * number),  # what lies below another line shows at its sides
                marker="o" if len(course) <= 25 else "",
                markersize=3,
                label=f"{band.name}, seed {seed}",
            )
