"""`frostline sweep CLASSIFIER KEY [VALUES]`: the same training with several values of one key."""

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from frostline import tracking
from frostline.commands import sweep_plan, sweep_report
from frostline.commands.sweep_plan import SweepPlan, SweepTraining
from frostline.commands.sweep_report import SweepOutcome
from frostline.config.sweep import SEED
from frostline.errors import weights_note
from frostline.evaluation import solver_rows, study_plots
from frostline.evaluation.solver_rows import SolverRows
from frostline.evaluation.study_plots import Band, Variant
from frostline.models import heads
from frostline.pipeline import dvc_lock
from frostline.progress import alive, duration, say
from frostline.tracking import Child, Study
from frostline.training import one_pass, phases
from frostline.training.loop import Epoch
from frostline.training.phases import Trial


def run(
    classifiers: Sequence[str],
    key: str,
    values: str | None = None,
    *,
    most: int | None = None,
    out: Path = Path("reports/sweep"),
) -> None:
    """Train each classifier once for each value, say each result, write tables and pictures below `out`.

    `key` and `values` are those of `config.sweep`; without values, those of `sweep_plan.usual`, at most `most`.
    Figures are those of validation. InputError, before anything trains, for a key, a value or a layer that
    cannot be.
    """
    train_all(classifiers, key, values, most=most, out=out)


def train_all(
    classifiers: Sequence[str], key: str, values: str | None, *, most: int | None, out: Path
) -> list[SweepOutcome]:
    """What `run` does; returns what came of each training, in order."""
    plans = [sweep_plan.plan(name, key, values, most=most) for name in classifiers]
    sweep_plan.announce(plans)
    watch = _Watch(total=sum(plan.epochs for plan in plans))
    with alive(watch.line):
        one_pass.fill([training.recipe for plan in plans for training in plan.trainings])
        if plans[0].name == SEED:
            sweep_plan.require_same_dataset(plans)
            outcomes = _seeds(plans, out, watch)
        else:
            outcomes = [outcome for plan in plans for outcome in _values(plan, out, watch)]
    return outcomes


@dataclass
class _Watch:
    """How far a sweep is, by its epochs."""

    total: int
    done: int = 0
    start: float = field(default_factory=time.monotonic)
    now: str = "starting"

    def begin(self, training: SweepTraining) -> None:
        self.now = f"{training.name}: computing features"

    def epoch(self, training: SweepTraining, phases: Sequence[str], epoch: Epoch) -> None:
        """After an epoch; the phase of each one so far."""
        self.done += 1
        row = solver_rows.read(training.recipe.plain, phases).label(len(phases) - 1)
        place = f"{row} of {training.epochs}" if row.startswith("epoch") else row
        self.now = f"{training.name}: {place}, validation accuracy {epoch.val_accuracy:.1%}"

    def end(self, done: int) -> None:
        self.done, self.now = done, "writing the results"

    def line(self) -> str:
        return f"{self.now}{self.left()}"

    def left(self) -> str:
        """Time left by the epochs so far; nothing before the first and after the last."""
        if not self.done or self.done >= self.total:
            return ""
        seconds = (time.monotonic() - self.start) / self.done
        return f"; about {duration(seconds * (self.total - self.done))} left"


def _train(training: SweepTraining, watch: _Watch) -> SweepOutcome:
    """One training. Features are cached before its clock starts: they are computed once, for all sweeps."""
    watch.begin(training)
    before, ends, names = watch.done, list[float](), list[str]()

    def count(phase: str, epoch: Epoch) -> None:
        ends.append(time.monotonic())
        names.append(phase)
        watch.epoch(training, names, epoch)

    trial = phases.trial(training.recipe, count)
    watch.end(before + training.epochs)  # early stopping leaves some out
    seconds = _without_start(ends, trial.seconds)
    outcome = SweepOutcome(
        training, _variant(training, trial, seconds), trial.epochs, trial.phases, trial.right
    )
    say(_line(outcome) + watch.left())
    return outcome


def _without_start(ends: Sequence[float], whole: float) -> float:
    """Seconds of all epochs, by when each ended; the first also pays for imports and compilation, in the first
    training of a process the most, and counts as a usual later one. `whole` where there is no later one.
    """
    later = np.diff(ends)
    return min(whole, float(later.sum() + np.median(later))) if len(later) else whole


def _variant(training: SweepTraining, trial: Trial, seconds: float) -> Variant:
    entry, upper = training.recipe.entry, trial.upper
    frozen = list(entry.phases.values())[-1].freeze != "none"
    value_bytes = 1 if not frozen else 4 if entry.precision in {"float32", "int8"} else 2
    views = entry.augmentation.views if entry.augmentation else 1
    return Variant(
        value=training.value,
        accuracy=study_plots.measured(trial.accuracy, images=len(trial.right)),
        epochs=len(trial.epochs),
        trainable=heads.trainable(upper),
        feature_bytes=heads.width(upper) * value_bytes,
        renderings=training.epochs if views == "live" else min(int(views), training.epochs),
        seconds=seconds,
    )


def _line(outcome: SweepOutcome) -> str:
    accuracy, right = outcome.variant.accuracy, outcome.right
    return (
        f"{outcome.training.name}: validation accuracy {accuracy.value:.1%} ({right.sum()}/{len(right)}), "
        f"95% interval {accuracy.low:.1%} to {accuracy.high:.1%}, trained in {duration(outcome.variant.seconds)}"
    )


def _values(plan: SweepPlan, out: Path, watch: _Watch) -> list[SweepOutcome]:
    """Train one classifier with each value; its study, table and picture."""
    folder, outcomes = out / f"{plan.classifier}-{plan.name}", list[SweepOutcome]()
    pictures = (folder / "sweep.png", folder / "sweep.csv")
    with tracking.studying(_study(plan, pictures)) as children:
        for training in plan.trainings:
            outcomes.append(_train(training, watch))
            children.append(_child(plan, outcomes[-1]))
        table = [*sweep_report.table(outcomes), "", *sweep_report.verdict(outcomes)]
        best = sweep_report.most_accurate(outcomes).variant
        title = f"{plan.classifier}: {best.accuracy.value:.1%} on validation at best"
        note = weights_note(plan.trainings[0].recipe.weights["source"])
        figure = study_plots.rated(
            [outcome.variant for outcome in outcomes], title=title, key=plan.name, note=note
        )
        sweep_report.write(folder, outcomes, table, figure)
    return outcomes


def _seeds(plans: Sequence[SweepPlan], out: Path, watch: _Watch) -> list[SweepOutcome]:
    """Train several classifiers with each seed; their learning curves in one picture, a study of each."""
    folder = out / f"{'+'.join(plan.classifier for plan in plans)}-seed"
    bands, outcomes, lines = list[Band](), list[SweepOutcome](), list[str]()
    for plan in plans:
        with tracking.studying(_study(plan, (folder / "sweep.png",), varies=SEED)) as children:
            trained = [_train(training, watch) for training in plan.trainings]
            children += [_child(plan, outcome) for outcome in trained]
            outcomes += trained
            bands.append(_band(plan.classifier, trained))
            lines.append(sweep_report.course(bands[-1]))
            notes = {weights_note(other.trainings[0].recipe.weights["source"]) for other in plans} - {""}
            dataset = plans[0].trainings[0].recipe.entry.dataset
            title = f"{dataset}: validation accuracy"
            figure = study_plots.bands(bands, title=title, note="; ".join(sorted(notes)))
            table = [*sweep_report.table(outcomes, names=len(plans) > 1), "", *lines]
            sweep_report.write(folder, outcomes, table, figure, last=plan is plans[-1])
    return outcomes


def _band(name: str, outcomes: Sequence[SweepOutcome]) -> Band:
    courses = [[epoch.val_accuracy for epoch in outcome.epochs] for outcome in outcomes]
    shortest = min(map(len, courses))  # early stopping may end some before others
    seeds = tuple(outcome.variant.value for outcome in outcomes)
    return Band(
        name,
        np.array([course[:shortest] for course in courses]),
        seeds,
        np.array([outcome.variant.accuracy.value for outcome in outcomes]),
        _solved(outcomes[0]).name,
    )


def _solved(outcome: SweepOutcome) -> SolverRows:
    return solver_rows.read(outcome.training.recipe.plain, outcome.phases)


def _ended(outcome: SweepOutcome) -> Epoch:
    """The row of its history that it ended with: the best of a solver's heads, else the last epoch."""
    only_solved = len(outcome.epochs) == len(_solved(outcome).values)
    return min(outcome.epochs, key=lambda row: row.val_loss) if only_solved else outcome.epochs[-1]


def _study(plan: SweepPlan, pictures: Sequence[Path], *, varies: str = "") -> Study:
    """The sweep in MLflow: what its trainings share, by content; one key of the recipe may be what `varies`."""
    inputs = plan.base
    common = tracking.shared(
        dataset=inputs.entry.dataset,
        digest=inputs.manifest.digest,
        weights=inputs.weights,
        recipe={name: value for name, value in inputs.plain.items() if name != varies},
    )
    known = dvc_lock.data_hash(inputs.entry.dataset, classifier=inputs.name)
    return Study(plan.name, inputs.name, common, pictures=tuple(map(str, pictures)), data_hash=known)


def _child(plan: SweepPlan, outcome: SweepOutcome) -> Child:
    """One training in MLflow: its recipe, epochs, validation accuracy and cost."""
    row = outcome.variant
    figures = {
        **study_plots.flat("val_accuracy", row.accuracy),
        "val_loss": _ended(outcome).val_loss,
        "trainable": row.trainable,
        "feature_bytes": row.feature_bytes,
        "renderings": row.renderings,
        "seconds": row.seconds,
    }
    courses = [dataclasses.asdict(epoch) for epoch in outcome.epochs]
    return Child(f"{plan.name} {row.value}", outcome.training.recipe.plain, courses, figures)
