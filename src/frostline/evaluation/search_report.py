"""A search for people: a table, a picture of accuracy against cost, one page, CSV and JSON."""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from frostline import pages
from frostline.evaluation import selection, tables
from frostline.evaluation.learning_curve import LearningCurve
from frostline.evaluation.statistics import Estimate
from frostline.evaluation.style import MUTED, PAPER, RIGHT, WRONG, canvas, legible, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NUMBERS = frozenset({"accuracy", "loss", "ms", "MB", "photos"})
NEIGHBOURS = 5  # of the reference
STRENGTH_NAMES = {"logistic": "C", "lda": "lda", "mlp": "mlp"}  # before a strength in the table
HOW = (
    "Accuracy: cross-validation in five folds on training and validation photos, copies of one picture in one fold; "
    "bars and intervals: 95%, Wilson's, not corrected for how many were looked at. The test photos were not read. "
    "ms: one photo through the frozen layers in batches on this machine; where a network ends early, "
    "in proportion to its operations."
)


@dataclass(frozen=True)
class SearchRow:
    """A candidate: what it is, what it does on so many photos, what it costs. `close`: within one standard error.

    `head` is a kind of solver, `strength` its C, shrinkage or alpha.
    """

    classifier: str
    head: str
    strength: float
    accuracy: Estimate
    loss: float
    milliseconds: float
    megabytes: float
    photos: int
    close: bool


@dataclass(frozen=True)
class SearchReport:
    """What a search of a dataset found on `photos` of its `of` photos.

    `rows` are paired, image by image; `earlier` those that came less far. `best` and `chosen` are places among the
    rows, `expected` the accuracy to expect of what was chosen; `names` what the chosen and the best one (where it is
    another) are called in params.yaml; `left_out` trunks with the reason; `misdescribed` trunks whose file fits another
    description of its input better.
    """

    dataset: str
    photos: int
    of: int
    rows: Sequence[SearchRow]
    earlier: Sequence[SearchRow]
    best: int
    chosen: int
    expected: Estimate
    names: Sequence[str]
    left_out: dict[str, str]
    misdescribed: Collection[str] = ()
    course: Sequence[tuple[int, float]] = ()  # of what was chosen: so many photos, accuracy on them
    neighbours: float | None = None  # accuracy of the nearest photos' classes on its features, a reference
    curve: LearningCurve | None = None  # of what was chosen
    thawed: str = ""  # what came of the chosen network with a block thawed
    seconds: float = 0.0  # from the start to the choice
    passing: float = 0.0  # of them, in which images passed networks

    @property
    def heads(self) -> list[int]:
        """Places of the most accurate head of each network, the most accurate network first."""
        found = {self.rows[place].classifier: place for place in (self.best, self.chosen)}
        order = sorted(
            range(len(self.rows)), key=lambda place: (-self.rows[place].accuracy.value, self.rows[place].loss)
        )
        for place in order:
            found.setdefault(self.rows[place].classifier, place)
        return sorted(found.values(), key=order.index)

    @property
    def verdict(self) -> list[str]:
        """What was chosen, why, and what to expect of it."""
        chosen, best = self.rows[self.chosen], self.rows[self.best]
        lines = [
            f"most accurate: {best.classifier}, {_percent(best.accuracy)}, {best.milliseconds:.1f} ms per image"
        ]
        if chosen.classifier == best.classifier:
            lines.append(
                f"chosen: {chosen.classifier} too: none that is cheaper is within one standard error of it"
            )
        else:
            lines.append(
                f"chosen: {chosen.classifier}, {_percent(chosen.accuracy)}, {chosen.milliseconds:.1f} ms per image: "
                "the cheapest within one standard error"
            )
        luck = 100 * (chosen.accuracy.value - self.expected.value)
        lines.append(
            f"to expect on new photos: {_percent(self.expected)}; choosing among {len(self.rows)} flattered it by "
            f"about {max(0.0, luck):.1f} points"
        )
        if self.neighbours is not None:
            lines.append(
                f"for reference: the {NEIGHBOURS} nearest photos on the same features give {self.neighbours:.1%}"
            )
        if self.curve:
            lines += self.curve.lines
        elif len(self.course) > 1:
            steps = ", ".join(f"{share:.1%} with {count:,}" for count, share in self.course)
            lines.append(f"by photos: {steps}")
        if self.thawed:
            lines.append(self.thawed)
        if self.photos < self.of:
            lines.append(f"judged on {self.photos:,} of {self.of:,} photos: more --minutes would take all")
        return [*lines, *(f"left out: {name}: {why}" for name, why in self.left_out.items())]

    def why(self, name: str) -> str:
        """The comment beside a classifier in params.yaml."""
        if name != self.names[0]:
            return f"The most accurate that `frostline search {self.dataset}` found."
        if len(self.names) == 1:
            return f"What `frostline search {self.dataset}` chose: the most accurate."
        return f"What `frostline search {self.dataset}` chose: the cheapest within one standard error of the best."


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def table(report: SearchReport) -> list[dict[str, str]]:
    """A row for each network with its best head, then those that came less far."""
    rows = [(place, report.rows[place]) for place in report.heads]
    return [_cells(report, place, row) for place, row in [*rows, *((-1, row) for row in report.earlier)]]


def _cells(report: SearchReport, place: int, row: SearchRow) -> dict[str, str]:
    marks = {report.best: "most accurate", report.chosen: "chosen"}
    if report.best == report.chosen:
        marks = {report.best: "chosen, most accurate"}
    other = "another description of its input fits better" if row.classifier in report.misdescribed else ""
    return {
        "network": row.classifier,
        "accuracy": f"{row.accuracy.value:.1%}",
        "95% interval": f"{row.accuracy.low:.1%} to {row.accuracy.high:.1%}",
        "loss": f"{row.loss:.3f}",
        "head": f"{STRENGTH_NAMES[row.head]} {row.strength:g}",
        "ms": f"{row.milliseconds:.1f}",
        "MB": f"{row.megabytes:.0f}",
        "photos": f"{row.photos:,}",
        "": marks.get(place, "within one standard error" if row.close else other),
    }


def csv(report: SearchReport) -> str:
    """Every candidate with every head, those that came less far at the end."""
    return tables.text([*report.rows, *report.earlier], kind=SearchRow)


def record(report: SearchReport) -> dict[str, Any]:
    """The same for programs, with what was chosen."""
    return {
        "dataset": report.dataset,
        "photos": report.photos,
        "of": report.of,
        "classifiers": dict(
            zip(
                report.names,
                (report.rows[place].classifier for place in (report.chosen, report.best)),
                strict=False,
            )
        ),
        "expected": {
            "accuracy": report.expected.value,
            "low": report.expected.low,
            "high": report.expected.high,
        },
        "seconds": {"all": report.seconds, "passing": report.passing},
        "neighbours": report.neighbours,
        "thawed": report.thawed,
        "curve": dataclasses.asdict(report.curve) if report.curve else None,
        "candidates": tables.records([*report.rows, *report.earlier], kind=SearchRow),
        "left_out": dict(report.left_out),
    }


def page(report: SearchReport, picture: bytes, learning: bytes = b"") -> str:
    """One HTML file with everything inside."""
    return pages.render(
        "frostline.evaluation",
        "search.html.j2",
        marks={},
        report=report,
        rows=table(report),
        image=pages.embedded(picture),
        learning=pages.embedded(learning) if learning else "",
        alt=_alt(report),
        how=HOW,
    )


def _alt(report: SearchReport) -> str:
    return f"Accuracy against milliseconds per image of {len(report.heads)} networks; {report.verdict[1]}"


@styled
def picture(report: SearchReport) -> "Figure":
    """Accuracy with its interval against milliseconds per image, the Pareto front as a line.

    Networks that came less far are hollow: their accuracy is that on fewer photos.
    """
    from matplotlib.patheffects import withStroke

    rows = [report.rows[place] for place in report.heads]
    chosen = report.rows[report.chosen]
    earlier = [row for row in report.earlier if row.classifier not in report.misdescribed]
    hollow = "; hollow: judged on fewer photos" if earlier else ""
    figure = canvas(
        width=9.2,
        height=4.6,
        title=f"{report.dataset}: {chosen.classifier} chosen, {chosen.accuracy.value:.1%} of {report.photos:,} photos",
        subtitle=f"cross-validated accuracy with its 95% interval; line: no other is both better and cheaper{hollow}",
    )
    axes = figure.add_subplot()
    cost = np.array([row.milliseconds for row in rows])
    accuracy = np.array([row.accuracy.value for row in rows])
    on_front = np.flatnonzero(selection.front(accuracy, cost))
    line = on_front[np.argsort(cost[on_front])]
    named = [rows[place] for place in line]
    axes.plot(
        [row.milliseconds for row in earlier], [row.accuracy.value for row in earlier],
        "o", color=MUTED, markerfacecolor="none", zorder=1,
    )  # fmt: skip
    axes.step(cost[line], accuracy[line], where="post", color=MUTED, linewidth=1.0, zorder=1)
    for place, row in zip(report.heads, rows, strict=True):
        colour = WRONG if place == report.chosen else RIGHT if row.close else MUTED
        reach = np.maximum(
            [[row.accuracy.value - row.accuracy.low], [row.accuracy.high - row.accuracy.value]], 0
        )
        axes.errorbar([row.milliseconds], [row.accuracy.value], yerr=reach, fmt="o", color=colour, capsize=3)
        if place in (report.chosen, report.best) or row in named:
            right = row.milliseconds > np.sqrt(cost.min() * cost.max())
            axes.annotate(
                legible(row.classifier, longest=34), (row.milliseconds, row.accuracy.value),
                xytext=(-6 if right else 6, 4), textcoords="offset points", size=8, color=colour,
                ha="right" if right else "left", zorder=4, path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
            )  # fmt: skip
    _scales(axes, np.append(cost, [row.milliseconds for row in earlier]))
    return figure


def _scales(axes: "Axes", cost: np.ndarray) -> None:
    """Costs by their logarithm, marked at numbers that people read."""
    axes.set(xscale="log", xlabel="milliseconds per image on this machine", ylabel="accuracy")
    ticks = [digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 3, 5, 7)]
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks])
    axes.set_xticks([], minor=True)
    room = 1.25 if cost.max() > 3 * cost.min() else 2.0  # so that there are marks to read by
    axes.set_xlim(cost.min() / room, cost.max() * room)
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}%")
    axes.margins(x=0.15)
    axes.grid(axis="y")
