"""A classifier's whole training: its phases on cached features, one after the other, epoch by epoch."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.config import Phase, SolverPhase
from frostline.features import cut_model
from frostline.features.cut_model import CutModel
from frostline.features.extraction import View
from frostline.models import heads
from frostline.models.network import Network
from frostline.training import assemble, loop, solver
from frostline.training.checkpoint import Checkpoint, TrainingState
from frostline.training.head_fits import HeadOptions
from frostline.training.loop import Epoch, Fit, LabelledRows
from frostline.training.recipe import Recipe
from frostline.training.steps import RowsLike

Epochs = Iterator[tuple[str, Epoch]]


def train(
    inputs: Recipe, network: Network, parts: dict[str, CutModel], *, checkpoint: Checkpoint | None = None
) -> Epochs:
    """All phases' epochs in order, each with its phase's name; the network is trained in place.

    With a checkpoint that holds something, its epochs come first, and training goes on after them; the
    result has the same bits as without. Batches are shown in an order of the seed, phase and epoch.
    """
    last = list(parts.values())[-1].upper
    resumed = _resumed(last, checkpoint)
    epochs = list(resumed.epochs) if resumed else []
    yield from epochs
    names = list(inputs.entry.phases)
    solved = isinstance(inputs.entry.phases[names[0]], SolverPhase)  # which standardises by itself
    if not resumed and inputs.entry.network.head.standardize and not solved:
        loop.standardize(network.head, _pooled(inputs, network))
    for name in names[names.index(epochs[-1][0]) if resumed else 0 :]:
        if isinstance(phase := inputs.entry.phases[name], SolverPhase):
            for epoch in _solve(inputs, network, parts[name], name, phase):
                epochs.append((name, epoch))
                yield name, epoch
            continue
        fit = _fit(inputs, parts[name], name, phase)
        if resumed and name == resumed.epochs[-1][0]:
            fit.restore(resumed.fit)
        for epoch in fit.epochs():
            epochs.append((name, epoch))
            if checkpoint and checkpoint.due():
                checkpoint.write(TrainingState(epochs, _values(last), fit.state()))
            yield name, epoch


def _solve(
    inputs: Recipe, network: Network, parts: CutModel, name: str, phase: SolverPhase
) -> Iterator[Epoch]:
    """A head for each strength; the best one is put in place."""
    labels = {split: inputs.manifest.split(split).labels for split in ("train", "validation")}
    training, found = inputs.entry.training, []
    for candidate in solver.candidates(
        [inputs.rows(parts, "train", view=view) for view in _shown(inputs, name)],
        labels["train"],
        inputs.rows(parts, "validation"),
        labels["validation"],
        strengths=phase.strengths,
        classes=len(inputs.manifest.classes),
        kind=phase.solver,
        options=HeadOptions(
            balanced=bool(training and training.class_weights == "balanced"),
            hidden=tuple(inputs.entry.network.head.dense.values()),
            seed=inputs.seed,
        ),
    ):
        found.append(candidate)
        yield candidate.epoch
    heads.assign(network.head, solver.best(found).head)


def extract(inputs: Recipe, network: Network, parts: dict[str, CutModel]) -> None:
    """Cache all that training will read, but for live views."""
    _pooled(inputs, network)
    for name, cut in parts.items():
        for view in _shown(inputs, name):
            if view is None or view.augmentation.views != "live":
                inputs.rows(cut, "train", view=view)
        inputs.rows(cut, "validation")


@dataclass(frozen=True)
class Trial:
    """What came of a training: the part that trained, its epochs and the phase of each, which validation images it gets
    right (N,) bool.

    The seconds are those of training alone, after all features it reads are cached; live views never are.
    """

    upper: Any
    epochs: tuple[Epoch, ...]
    phases: tuple[str, ...]
    right: npt.NDArray[np.bool_]
    seconds: float

    @property
    def accuracy(self) -> float:
        """On the validation images, 0 to 1."""
        return float(self.right.mean())


def _unwatched(_phase: str, _epoch: Epoch) -> None:
    """Nobody looks at the epochs."""


def trial(inputs: Recipe, watch: Callable[[str, Epoch], None] = _unwatched) -> Trial:
    """Cache what the training needs, then train to its end; `watch` gets each epoch as it ends, with its phase."""
    network = inputs.network()
    parts = assemble.cut_phases(network, inputs.entry)
    extract(inputs, network, parts)
    start = time.monotonic()
    names, epochs = list[str](), list[Epoch]()
    for name, epoch in train(inputs, network, parts):
        names.append(name)
        epochs.append(epoch)
        watch(name, epoch)
    seconds, last = time.monotonic() - start, list(parts.values())[-1]
    probs = loop.predict(last.upper, inputs.rows(last, "validation"))
    right = probs.argmax(1) == inputs.manifest.split("validation").labels
    return Trial(last.upper, tuple(epochs), tuple(names), right, seconds)


def _resumed(last: Any, checkpoint: Checkpoint | None) -> TrainingState | None:
    """What the checkpoint holds, its variables put in place; None where it holds nothing of this model."""
    state = checkpoint.read() if checkpoint else None
    return state if state and _assign(last, state.variables) else None


def _fit(inputs: Recipe, parts: CutModel, name: str, phase: Phase) -> Fit:
    labels = {split: inputs.manifest.split(split).labels for split in ("train", "validation")}
    return Fit(
        parts.upper,
        phase,
        LabelledRows(_views(inputs, parts, _epochs(inputs, name)), labels["train"]),
        LabelledRows(_plain(inputs, parts, "validation"), labels["validation"]),
        [inputs.seed, list(inputs.entry.phases).index(name)],
        inputs.entry.training,
    )


def _epochs(inputs: Recipe, name: str) -> range:
    """A phase's epochs, counted over all phases."""
    ends = dict(
        zip(inputs.entry.phases, accumulate(p.epochs for p in inputs.entry.phases.values()), strict=True)
    )
    return range(ends[name] - inputs.entry.phases[name].epochs, ends[name])


def _values(model: Any) -> list[Any]:
    """Every variable of a model: weights, statistics, and where its random generators stand."""
    return [np.asarray(variable).copy() for variable in model.variables]


def _assign(model: Any, values: list[Any]) -> bool:
    """Put variables in place; False, and nothing done, where they are not this model's."""
    variables = model.variables
    if [tuple(variable.shape) for variable in variables] != [value.shape for value in values]:
        return False
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
    return True


def _pooled(inputs: Recipe, network: Network) -> RowsLike:
    """The whole body's features of the training images as they are, before anything has trained."""
    return inputs.rows(cut_model.cut(network, "all"), "train")


def _view(inputs: Recipe, epoch: int) -> View | None:
    """Epochs, counted over all phases, rotate through the views, or see a new one each (`live`).

    The first view is the image as it is: its features are needed for predictions anyway.
    """
    augmentation = inputs.entry.augmentation
    if augmentation is None:
        return None
    number = epoch if augmentation.views == "live" else epoch % augmentation.views
    return View(augmentation, number) if number else None


def _shown(inputs: Recipe, name: str) -> list[View | None]:
    """The views that a phase shows, each once: a solver sees all of them at once."""
    augmentation, epochs = inputs.entry.augmentation, _epochs(inputs, name)
    if isinstance(inputs.entry.phases[name], SolverPhase):
        epochs = range(augmentation.views if augmentation and augmentation.views != "live" else 1)
    return list(dict.fromkeys(_view(inputs, epoch) for epoch in epochs))


def _views(inputs: Recipe, parts: CutModel, epochs: range) -> Callable[[int], RowsLike]:
    @lru_cache
    def rows(view: View | None) -> RowsLike:
        return inputs.rows(parts, "train", view=view)

    return lambda epoch: rows(_view(inputs, epochs[epoch]))


def _plain(inputs: Recipe, parts: CutModel, split: str) -> Callable[[int], RowsLike]:
    rows = inputs.rows(parts, split)
    return lambda _: rows
