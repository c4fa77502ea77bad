"""Accuracy against the number of photos, and what more of them would bring.

Near its end a learning curve's error falls as a power of the number of examples (J. Hestness et al., "Deep learning
scaling is predictable, empirically", 2017; T. Viering and M. Loog, "The shape of learning curves: a review", IEEE
TPAMI 2023). A straight line through the logarithms of its last points, no step further than one doubling, is the
forecast; the images are drawn again with replacement for its interval, which is that of what as many other photos
would show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from frostline.evaluation.statistics import Estimate, wilson
from frostline.evaluation.style import MUTED, RIGHT, WRONG, canvas, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LAST = 4  # points that a forecast is made of
MOST = 8  # points
DRAWS = 400
OTHERS = 2**0.5  # times as wide: the variances of these photos and of as many others add up

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LearningCurve:
    """Accuracies of one recipe with ever more photos to learn from, all judged on the same photos.

    `photos` (P,) rising, over all of `classes` classes together; `accuracy` (P,) with Wilson's interval each.
    `forecast`: for twice the last number; `check`: the same for the last number, made without its point (None where
    there are too few points).
    """

    photos: Sequence[int]
    classes: int
    accuracy: Sequence[Estimate]
    forecast: Estimate
    check: Estimate | None

    @property
    def lines(self) -> list[str]:
        """For people: the curve, the forecast, and how it would have done before."""
        last = self.accuracy[-1]
        points = ", ".join(
            f"{one.value:.1%} with {count / self.classes:.0f}"
            for count, one in zip(self.photos, self.accuracy, strict=True)
        )
        lines = [
            f"accuracy by training photos per class: {points}",
            f"forecast with {2 * self.photos[-1] / self.classes:.0f} per class: {_shown(self.forecast)}",
        ]
        if self.check:
            inside = self.check.low <= last.value <= self.check.high
            lines[-1] += (
                f"; a forecast of the last point from those before it, {_shown(self.check)}, "
                f"{'contains' if inside else 'misses'} its {last.value:.1%}"
            )
        return lines


def _shown(one: Estimate) -> str:
    return f"{one.value:.1%} ({one.low:.1%} to {one.high:.1%})"


def sizes(images: int, *, classes: int) -> list[int]:
    """How many photos the points have: all, a half, a quarter and so on, down to three of a class.

    Down to one of a class where there would be fewer points than a forecast takes.
    """
    found = [images]
    while len(found) < MOST:
        half, least = found[-1] // 2, 3 if len(found) >= LAST else 1
        if half < least * classes:
            break
        found.append(half)
    return found[::-1]


def curve(
    photos: Sequence[int],
    right: npt.NDArray[np.bool_],
    groups: npt.NDArray[np.int64],
    *,
    classes: int,
    seed: int,
) -> LearningCurve:
    """Of `right` (P, N): whether each of the same N images was classified correctly after training on so many photos.

    `groups` as in `selection.Judged`. ValueError with fewer than two points.
    """
    if len(photos) < 2:
        raise ValueError("a curve has two points or more")
    count = right.shape[1]
    accuracy = []
    for one in right:
        ends = wilson(int(one.sum()), count)
        accuracy.append(Estimate(float(one.mean()), ends.low, ends.high))
    drawn = _drawn(right, groups, seed=seed)
    at = np.array(photos, np.float64)
    forecast = _forecast(at, right.mean(1), drawn, count)
    check = _forecast(at[:-1], right[:-1].mean(1), drawn[:, :-1], count) if len(photos) > 2 else None
    return LearningCurve(list(photos), classes, accuracy, forecast, check)


def _drawn(right: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64], *, seed: int) -> Floats:
    """(DRAWS, P) accuracies on groups of images that were drawn with replacement."""
    rng, sizes = np.random.default_rng(seed), np.bincount(groups).astype(np.float64)
    sums = np.stack([np.bincount(groups, weights=one, minlength=len(sizes)) for one in right], axis=1)
    weights = rng.multinomial(len(sizes), np.full(len(sizes), 1 / len(sizes)), size=DRAWS)
    return np.asarray((weights @ sums) / (weights @ sizes)[:, None])


def _forecast(photos: Floats, accuracy: Floats, drawn: Floats, count: int) -> Estimate:
    """For twice the last number; the interval is that of what as many other photos would show, which vary as these."""
    value = float(_doubled(photos, accuracy[None], count)[0])
    low, high = np.quantile(_doubled(photos, drawn, count), (0.025, 0.975))
    below, above = (OTHERS * max(reach, 0.0) for reach in (value - float(low), float(high) - value))
    return Estimate(value, max(0.0, value - below), min(1.0, value + above))


def _doubled(photos: Floats, accuracy: Floats, count: int) -> Floats:
    """(B,) by a line through the last points of (B, P) accuracies, on logarithms, weighed by their precision."""
    some, error = np.log2(photos[-LAST:]), np.clip(1 - accuracy[:, -LAST:], 0.5 / count, 1 - 0.5 / count)
    weight = error / (1 - error)  # the inverse variance of log(error), but for the number of images
    y = np.log2(error)
    total = weight.sum(1)
    x_mean, y_mean = (weight * some).sum(1) / total, (weight * y).sum(1) / total
    x_off, y_off = some - x_mean[:, None], y - y_mean[:, None]
    slope = (weight * x_off * y_off).sum(1) / (weight * x_off**2).sum(1)
    slope = np.clip(slope, -1.0, 0.0)  # more photos do not harm, and never do more than halve the error
    return np.asarray(1 - 2 ** np.minimum(y_mean + slope * (some[-1] + 1 - x_mean), 0.0))


@styled
def picture(one: LearningCurve, *, title: str) -> "Figure":
    """The curve with its intervals, the forecast, and what it would have forecast of the last point."""
    figure = canvas(
        width=9.2,
        height=3.6,
        title=title,
        subtitle="cross-validated accuracy, 95% intervals; orange: forecast; grey: that of the last point without it",
    )
    axes = figure.add_subplot()
    at = np.array(one.photos) / one.classes
    values = np.array([point.value for point in one.accuracy])
    axes.plot(at, values, color=RIGHT, zorder=2)
    _bars(axes, at, one.accuracy, RIGHT)
    axes.plot([at[-1], 2 * at[-1]], [values[-1], one.forecast.value], color=WRONG, linestyle=":", zorder=1)
    _bars(axes, [2 * at[-1]], [one.forecast], WRONG)
    if one.check:
        _bars(axes, [at[-1] * 1.06], [one.check], MUTED)
    axes.set(xscale="log", xlabel="training photos per class", ylabel="accuracy")
    axes.set_xticks([*at, 2 * at[-1]], [f"{value:.0f}" for value in [*at, 2 * at[-1]]])
    axes.set_xticks([], minor=True)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.margins(x=0.06)
    axes.grid(axis="y")
    return figure


def _bars(axes: "object", at: Sequence[float] | Floats, some: Sequence[Estimate], colour: str) -> None:
    values = np.array([one.value for one in some])
    reach = np.maximum(np.array([values - [one.low for one in some], [one.high for one in some] - values]), 0)
    axes.errorbar(at, values, yerr=reach, fmt="o", color=colour, capsize=3, zorder=3)  # type: ignore[attr-defined]
