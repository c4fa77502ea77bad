"""Training a Keras model on rows: seeded order, one pass per epoch, figures as sums over every row.

A fit can be stopped after any epoch, its state kept as arrays, and continued to the same bits.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.config import Phase, Training
from frostline.models.dense_head import Floats, SolvedHead
from frostline.models.heads import probabilities
from frostline.models.keras_backend import strategy
from frostline.training import optimizers, steps
from frostline.training.steps import RowsLike

PREDICT_BATCH = 64
FIT_CHUNK = 1024  # rows at a time when means and deviations are taken


@dataclass(frozen=True)
class LabelledRows:
    """Rows with their labels (n,) int64. `epoch_rows` gives the rows to show in an epoch (0-based)."""

    epoch_rows: Callable[[int], RowsLike]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Epoch:
    """Mean loss (nats) and accuracy (0-1) over every row, while training and on validation.

    The loss is the plain one, whatever labels were smoothed to and classes weigh in training.
    """

    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


@dataclass
class Fit:
    """One phase's training of a model of logits, in place."""

    model: Any
    phase: Phase
    train: LabelledRows
    validation: LabelledRows
    seed: Sequence[int]
    training: Training | None = None
    done: int = field(default=0, init=False)
    _best: "_BestEpoch" = field(init=False)
    _optimizer: Any = field(init=False)

    def __post_init__(self) -> None:
        with strategy().scope():
            self._optimizer = optimizers.build(self.phase, self.model)
        self._best = _BestEpoch(self.model, self.training)

    def epochs(self) -> Iterator[Epoch]:
        """Train on, yielding after each epoch that is not `done`; at the end the best weights are in place."""
        smoothing = self.training.label_smoothing if self.training else 0.0
        train = steps.training(self.model, self._optimizer, smoothing=smoothing)
        measure = steps.measuring(self.model)
        while self.done < self.phase.epochs and not self._best.over:
            shown = self._pass(train, self.done)
            held = self._held_out(measure)
            epoch = Epoch(*(float(figure) for figure in (*shown, *held)))
            self.done += 1
            self._best.update(epoch, self.model)
            yield epoch
        self._best.restore(self.model)

    def state(self) -> list[npt.NDArray[Any]]:
        """All that going on needs besides the model's variables."""
        optimizer = [np.asarray(variable) for variable in self._optimizer.variables]
        return [np.array(self.done), *optimizer, *self._best.state()]

    def restore(self, state: list[npt.NDArray[Any]]) -> None:
        """Go on from a state; ValueError where it is not of such a fit."""
        done, rest = state[0], state[1:]
        variables = self._optimizer.variables
        for variable, value in zip(variables, rest[: len(variables)], strict=True):
            variable.assign(value)
        self._best.resume(rest[len(variables) :])
        self.done = int(done)

    def _pass(self, train: steps.Steps, number: int) -> npt.NDArray[np.float64]:
        """Show every row once, in an order that the seed and the epoch decide; mean loss and accuracy."""
        labels, batch = self.train.labels, self.phase.batch_size
        order = np.random.default_rng([*self.seed, number]).permutation(len(labels))
        per_epoch = -(-len(order) // batch)
        rates = optimizers.rates(self.phase, self.training, steps=per_epoch * self.phase.epochs)[
            number * per_epoch :
        ]
        classes = max(2, self.model.output_shape[-1])
        weights = steps.class_weights(labels, self.training, classes=classes)[labels]
        sums, step = np.zeros(2), 0
        for rows, part in steps.chunks(self.train.epoch_rows(number), order, batch, model=self.model):
            count = -(-len(part) // batch)
            sums += train(rows, labels[part], weights[part], batch, rates[step : step + count]).numpy()
            step += count
        return sums / len(order)

    def _held_out(self, measure: steps.Steps) -> npt.NDArray[np.float64]:
        labels = self.validation.labels
        sums = np.zeros(2)
        everything = np.arange(len(labels))
        held = self.validation.epoch_rows(0)
        for rows, part in steps.chunks(held, everything, PREDICT_BATCH, model=self.model):
            sums += measure(rows, labels[part], PREDICT_BATCH).numpy()
        return sums / len(labels)


class _BestEpoch:
    """The best epoch so far by a validation figure, its weights, and how long ago it was."""

    def __init__(self, model: Any, training: Training | None) -> None:
        self.rule = training.early_stopping if training else None
        self.figure, self.waited = np.inf, 0
        self.weights = [np.asarray(variable) for variable in model.trainable_variables] if self.rule else []

    @property
    def over(self) -> bool:
        return self.rule is not None and self.waited >= self.rule.patience

    def update(self, epoch: Epoch, model: Any) -> None:
        if self.rule is None:
            return
        figure = epoch.val_loss if self.rule.measure == "loss" else -epoch.val_accuracy
        if figure < self.figure:
            self.figure, self.waited = figure, 0
            self.weights = [np.asarray(variable).copy() for variable in model.trainable_variables]
        else:
            self.waited += 1

    def restore(self, model: Any) -> None:
        for variable, value in zip(model.trainable_variables, self.weights, strict=False):
            variable.assign(value)

    def state(self) -> list[npt.NDArray[Any]]:
        return [np.array([self.figure, self.waited]), *self.weights]

    def resume(self, state: list[npt.NDArray[Any]]) -> None:
        figure, waited = state[0]
        self.figure, self.waited, self.weights = float(figure), int(waited), list(state[1:])


def fit(
    model: Any, *, phase: Phase, train: LabelledRows, validation: LabelledRows, seed: Sequence[int]
) -> Iterator[Epoch]:
    """Train a model of logits in place, yielding after each epoch.

    `seed` and the epoch's number decide the order of the rows.
    """
    return Fit(model, phase, train, validation, seed).epochs()


def predict(model: Any, rows: RowsLike) -> npt.NDArray[np.float32]:
    """Probabilities (n, C) float32 of a model of logits, or of a solved head, for every row in order."""
    if isinstance(model, SolvedHead):
        parts = [model.arrays(rows[start : start + FIT_CHUNK]) for start in range(0, len(rows), FIT_CHUNK)]
        return np.concatenate(parts)
    blocks = [
        np.asarray(probabilities(model.predict_on_batch(rows[start : start + PREDICT_BATCH])), np.float32)
        for start in range(0, len(rows), PREDICT_BATCH)
    ]
    return np.concatenate(blocks)


def standardize(head: Any, rows: RowsLike) -> None:
    """Set a head's Standardize layer from rows (n, D)."""
    layer = head.get_layer("standardize")
    mean, scale = moments(rows)
    layer.mean.assign(mean)
    layer.scale.assign(scale)


def moments(rows: RowsLike) -> tuple[Floats, Floats]:
    """Mean, and 1 / standard deviation, of rows (n, D), taken in float64: both (D,) float32.

    A feature that never varies keeps scale 1, as in scikit-learn's StandardScaler.
    """
    count, total, squares = 0, np.float64(0), np.float64(0)
    shift = rows[:1][0].astype(np.float64)  # near the mean, so that the squares do not cancel
    for start in range(0, len(rows), FIT_CHUNK):
        block = rows[start : start + FIT_CHUNK].astype(np.float64) - shift
        count, total, squares = count + len(block), total + block.sum(0), squares + (block**2).sum(0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean + shift), 1e-6)
    return (mean + shift).astype(np.float32), (1 / np.where(constant, 1, deviation)).astype(np.float32)
