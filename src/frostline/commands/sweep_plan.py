"""What a sweep will train, checked before anything does: its values, its networks, its dangers, its time."""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from frostline import config, paths, progress, tracking
from frostline.config import Phase, SolverPhase, sweep
from frostline.config.sweep import Key
from frostline.errors import InputError
from frostline.features import cut_model
from frostline.models import keras_backend
from frostline.progress import duration, note, say
from frostline.training import assemble, recipe
from frostline.training.recipe import Recipe

ENDS, VIEWS, SEEDS = 6, "1,4,16,live", 3  # where no values are named
THAW = "thaw: {freeze: all, epochs: 3, batch_size: 32, optimizer: adam, learning_rate: 1.0e-5}"
THAWED_RATE = 1e-4  # from here up, a new head's first steps destroy pretrained layers above it


@dataclass(frozen=True)
class SweepTraining:
    """One training of a sweep: the value as it is shown, and the inputs that it makes."""

    name: str
    value: str
    recipe: Recipe

    @property
    def epochs(self) -> int:
        """As many as its phases have; early stopping may end it before."""
        return sum(phase.epochs for phase in self.recipe.entry.phases.values())


@dataclass(frozen=True)
class SweepPlan:
    """All trainings of one classifier; `base` is the recipe as params.yaml has it, `name` the key below it."""

    classifier: str
    name: str
    base: Recipe
    trainings: tuple[SweepTraining, ...]

    @property
    def epochs(self) -> int:
        """Of all trainings together."""
        return sum(training.epochs for training in self.trainings)


def plan(classifier: str, key: str, values: str | None, *, most: int | None) -> SweepPlan:
    """The trainings of one classifier; InputError for what cannot be trained."""
    plain = config.read(paths.PARAMS)
    settings = config.parse(plain)
    config.entry(settings.classifiers, classifier, what="classifier")
    base = recipe.read(classifier, settings=settings)
    steps = sweep.find_key(plain, classifier, key)
    if steps[-1] == "freeze":
        _require_thawing(base, steps[-2])
    progress.announce(f"building the networks of {classifier}", about=keras_backend.LOADING)
    chosen = sweep.read_values(values) if values is not None else _usual(base, steps, most)
    every = sweep.variants(plain, steps, chosen)
    name = ".".join(steps[2:]) or steps[0]
    trainings = tuple(
        SweepTraining(f"{classifier}, {name} {shown}", shown, recipe.read(classifier, settings=params))
        for shown, params in zip(map(sweep.shown, chosen), every, strict=True)
    )
    _require_networks(trainings)
    return SweepPlan(classifier, name, base, trainings)


def _require_thawing(base: Recipe, phase: str) -> None:
    """InputError where a phase has no other freeze point, with what has."""
    if base.weights["backbone"] == config.ONNX:
        raise InputError(
            f"{base.name}: its network comes from an ONNX file and cannot be thawed; sweep a classifier on a Keras "
            "backbone"
        )
    if isinstance(base.entry.phases[phase], SolverPhase):
        raise InputError(
            f"{base.name}: a solver's phase freezes all; to sweep freeze points, add a phase below "
            f"classifiers.{base.name}.phases: {THAW}"
        )


def _usual(base: Recipe, key: Key, most: int | None) -> list[Any]:
    """Values where none are named: block ends and all, views, seeds; InputError for any other key."""
    if key == (sweep.SEED,):
        return [base.seed + number for number in range(most or SEEDS)]
    if key[-1] == "views":
        return sweep.read_values(VIEWS)[:most]
    if key[-1] == "freeze":
        if base.weights["backbone"] is None:
            raise InputError(f"{base.name} trains from scratch; there is nothing to freeze")
        return [*cut_model.block_ends(base.network().body, most=most or ENDS), "all"]
    raise InputError(f"name the values of {key[-1]}, separated by commas, such as 1e-4,1e-3")


def _require_networks(trainings: Sequence[SweepTraining]) -> None:
    """Build each different network once and cut it as each training will; InputError names a layer that cannot be."""
    built: dict[str, Any] = {}
    for training in trainings:
        inputs = training.recipe
        parts = (inputs.entry.network, inputs.entry.image, inputs.entry.precision, inputs.entry.weights)
        key = repr(parts)
        if key not in built:
            built[key] = inputs.network()
        assemble.cut_phases(built[key], inputs.entry)


def require_same_dataset(plans: Sequence[SweepPlan]) -> None:
    """Curves of one picture are of the same images."""
    if len({plan.base.entry.dataset for plan in plans}) > 1:
        raise InputError(
            "the classifiers have different datasets; curves in one picture need the same images"
        )


def announce(plans: Sequence[SweepPlan]) -> None:
    """Say how many trainings there will be and how long they may take, and warn of those that will go wrong."""
    for plan in plans:
        values = ", ".join(training.value for training in plan.trainings)
        count = f"{len(plan.trainings)} training{'s' if len(plan.trainings) > 1 else ''}"
        say(f"{plan.classifier}: {count} ({plan.name}: {values}), {_work(plan)}{_time(plan)}")
        for line in _warnings(plan):
            note(line)


def _work(plan: SweepPlan) -> str:
    """How many heads a solver will find, and how many epochs there will be."""
    every = [phase for training in plan.trainings for phase in training.recipe.entry.phases.values()]
    heads = sum(phase.epochs for phase in every if isinstance(phase, SolverPhase))
    counts = {"heads by a solver": heads, "epochs": plan.epochs - heads}
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def _time(plan: SweepPlan) -> str:
    """What the trainings of earlier sweeps took, if there were any."""
    rates = [
        child.figures["seconds"] / len(child.epochs)
        for study in tracking.saved_studies()
        if study.classifier == plan.classifier
        for child in study.children
        if "seconds" in child.figures and child.epochs
    ]
    return f", about {duration(statistics.median(rates) * plan.epochs)} by earlier sweeps" if rates else ""


def _warnings(plan: SweepPlan) -> Iterator[str]:
    """A single phase that thaws pretrained layers while the head above them is still random."""
    risky = [training.value for training in plan.trainings if _thaws_at_once(training.recipe)]
    if risky:
        yield (
            f"warning: {plan.classifier} trains in one phase, which would thaw pretrained layers below an untrained "
            f"head at a learning rate of {THAWED_RATE:g} or more ({plan.name}: {', '.join(risky)}); accuracy may fall "
            "to that of guessing. Train the head first (a phase with freeze: all), then thaw in a second phase at 1e-5"
        )


def _thaws_at_once(inputs: Recipe) -> bool:
    (phase, *later) = inputs.entry.phases.values()
    pretrained = inputs.weights["backbone"] is not None
    return (
        isinstance(phase, Phase)
        and pretrained
        and not later
        and phase.freeze != "all"
        and phase.learning_rate >= THAWED_RATE
    )
