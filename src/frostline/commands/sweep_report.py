"""What a sweep found: a row for each training, which value to take, and the files that say so."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from frostline import files
from frostline.commands.sweep_plan import SweepTraining
from frostline.evaluation import paired_tests, style, tables
from frostline.evaluation.comparison_report import aligned
from frostline.evaluation.study_plots import Band, Variant, half_width
from frostline.progress import duration, say
from frostline.training.loop import Epoch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIGNIFICANT = 0.05
WITHIN_NOISE = 0.32  # a p-value of one standard error: what is further off is not recommended for its speed
CHEAPER = 0.8  # of the seconds: a smaller difference may be what else the machine did
WORTH = 10.0  # seconds: who would give accuracy for fewer


@dataclass(frozen=True)
class SweepOutcome:
    """What came of one training: its row in the table, its epochs and the phase of each, which validation images it
    gets right (N,) bool.
    """

    training: SweepTraining
    variant: Variant
    epochs: tuple[Epoch, ...]
    phases: tuple[str, ...]
    right: npt.NDArray[np.bool_]


def course(band: Band) -> str:
    """A classifier over its seeds, in a line; how its curve climbs where that is one of epochs."""
    half = float(half_width(band.trained))
    interval = "" if np.isnan(half) else f" ± {100 * half:.1f} points (95% interval of the mean)"
    line = (
        f"{band.name}: validation accuracy {band.trained.mean():.1%}{interval} over {len(band.trained)} seeds"
    )
    if band.tried:
        return line
    figures = band.summary()
    return (
        f"{line}; start {figures['start']:.1%}, slope {100 * figures['slope']:.2f} points per epoch, "
        f"asymptote {figures['asymptote']:.1%}"
    )


def most_accurate(outcomes: Sequence[SweepOutcome]) -> SweepOutcome:
    return max(outcomes, key=lambda outcome: outcome.variant.accuracy.value)


def verdict(outcomes: Sequence[SweepOutcome]) -> list[str]:
    """Which value is best, of equally accurate ones the quickest to train; where another is within a standard error
    of it and clearly cheaper, that one."""
    most = most_accurate(outcomes).right.sum()
    equal = [outcome for outcome in outcomes if outcome.right.sum() == most]
    best = min(equal, key=lambda outcome: outcome.variant.seconds)
    ties = [
        (outcome, test.p)
        for outcome in outcomes
        if outcome not in equal and (test := paired_tests.mcnemar(best.right, outcome.right)).p >= SIGNIFICANT
    ]
    value = best.variant.value
    lines = [_accuracy_line(best, equal)]
    if ties:
        named = ", ".join(f"{tie.variant.value} (p-value {p:.2g})" for tie, p in ties)
        lines.append(f"not significantly worse on {len(best.right)} validation images: {named}")
    close = [best, *(tie for tie, p in ties if p >= WITHIN_NOISE)]
    cheap = min(close, key=lambda outcome: outcome.variant.seconds)
    if cheap.variant.seconds < min(CHEAPER * best.variant.seconds, best.variant.seconds - WORTH):
        times = f"{duration(cheap.variant.seconds)} instead of {duration(best.variant.seconds)}"
        lines.append(
            f"take {cheap.variant.value}: within one standard error of {value}, and it trains in {times}"
        )
    return lines


def _accuracy_line(quickest: SweepOutcome, equal: Sequence[SweepOutcome]) -> str:
    if len(equal) == 1:
        return f"most accurate: {quickest.variant.value}"
    line = f"most accurate, all equally: {', '.join(outcome.variant.value for outcome in equal)}"
    seconds = quickest.variant.seconds
    if seconds >= CHEAPER * max(outcome.variant.seconds for outcome in equal):
        return line
    return f"{line}; quickest to train: {quickest.variant.value} ({seconds:.1f} s)"


def table(outcomes: Sequence[SweepOutcome], *, names: bool = False) -> list[str]:
    rows = [
        {
            "classifier": outcome.training.recipe.name if names else "",
            "value": outcome.variant.value,
            "accuracy": f"{outcome.variant.accuracy.value:.1%}",
            "95% interval": f"{outcome.variant.accuracy.low:.1%} to {outcome.variant.accuracy.high:.1%}",
            "epochs": str(outcome.variant.epochs),
            "trainable": f"{outcome.variant.trainable:,}",
            "kB per image": f"{outcome.variant.feature_bytes / 1e3:,.0f}",
            "renderings": str(outcome.variant.renderings),
            "seconds": f"{outcome.variant.seconds:.1f}",
        }
        for outcome in outcomes
    ]
    numbers = frozenset({"accuracy", "epochs", "trainable", "kB per image", "renderings", "seconds"})
    return list(aligned(rows, right=numbers))


def write(
    folder: Path,
    outcomes: Sequence[SweepOutcome],
    table: Sequence[str],
    figure: "Figure",
    *,
    last: bool = True,
) -> None:
    """sweep.csv, sweep.json with each training's epochs, sweep.txt and sweep.png; the table is printed too."""
    rows = [outcome.variant for outcome in outcomes]
    records = [
        {
            "classifier": outcome.training.recipe.name,
            **row,
            "course": [dataclasses.asdict(epoch) for epoch in outcome.epochs],
        }
        for outcome, row in zip(outcomes, tables.records(rows, kind=Variant), strict=True)
    ]
    files.write_text(folder / "sweep.csv", tables.text(rows, kind=Variant))
    files.write_json(folder / "sweep.json", records)
    files.write_text(folder / "sweep.txt", "\n".join(table) + "\n")
    with files.writing(folder / "sweep.png") as temporary:
        temporary.write_bytes(style.png(figure))
    if last:
        for line in ("", *table):
            say(line)
        say(f"Wrote {files.printable(folder)}/sweep.png, .txt, .csv and .json")
