"""Training a Keras model on rows: seeded order, one pass an epoch, figures as sums over every row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from frostline.nets.backend import keras
from frostline.nets.heads import probabilities
from frostline.params import Phase

PREDICT_BATCH = 64
FIT_CHUNK = 1024  # rows at a time when means and deviations are taken
OPTIMIZERS = {"adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "sgd": "SGD"}


class RowsLike(Protocol):
    """Rows that are read by index arrays, from memory or from the store."""

    def __len__(self) -> int: ...
    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]: ...


@dataclass(frozen=True)
class Labelled:
    """Rows with their labels (n,) int64. `epoch_rows` gives the rows to show in an epoch (0-based)."""

    epoch_rows: Callable[[int], RowsLike]
    labels: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Epoch:
    """Mean loss (nats) and accuracy (0-1) over every row, while training and on validation."""

    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float


def fit(
    model: Any, *, phase: Phase, train: Labelled, validation: Labelled, seed: Sequence[int]
) -> Iterator[Epoch]:
    """Train a model of logits in place, yielding after each epoch.

    `seed` and the epoch's number decide the order of the rows.
    """
    _compile(model, phase)
    for number in range(phase.epochs):
        order = np.random.default_rng([*seed, number]).permutation(len(train.labels))
        rows = train.epoch_rows(number)
        loss, accuracy = _pass(model.train_on_batch, rows, train.labels, order, phase.batch_size)
        everything = np.arange(len(validation.labels))
        held_out = _pass(
            model.test_on_batch, validation.epoch_rows(0), validation.labels, everything, PREDICT_BATCH
        )
        yield Epoch(loss, accuracy, *held_out)
    # Nothing goes on from its state; saved with the weights it would triple the file, and its name there
    # counts the optimizers of the process.
    model.optimizer = None


def predict(model: Any, rows: RowsLike) -> npt.NDArray[np.float32]:
    """Probabilities (n, C) float32 of a model of logits, for every row in order."""
    blocks = [
        np.asarray(probabilities(model.predict_on_batch(rows[start : start + PREDICT_BATCH])), np.float32)
        for start in range(0, len(rows), PREDICT_BATCH)
    ]
    return np.concatenate(blocks)


def standardize(head: Any, rows: RowsLike) -> None:
    """Set a head's Standardize layer from rows (n, D): mean, and 1 / standard deviation, in float64.

    A feature that never varies keeps scale 1, as in scikit-learn's StandardScaler.
    """
    layer = head.get_layer("standardize")
    count, total, squares = 0, np.float64(0), np.float64(0)
    shift = rows[:1][0].astype(np.float64)  # near the mean, so that the squares do not cancel
    for start in range(0, len(rows), FIT_CHUNK):
        block = rows[start : start + FIT_CHUNK].astype(np.float64) - shift
        count, total, squares = count + len(block), total + block.sum(0), squares + (block**2).sum(0)
    mean = total / count
    deviation = np.sqrt(np.maximum(squares / count - mean**2, 0))
    constant = deviation <= 1e-6 * np.maximum(np.abs(mean + shift), 1e-6)
    layer.mean.assign((mean + shift).astype(np.float32))
    layer.scale.assign((1 / np.where(constant, 1, deviation)).astype(np.float32))


def _compile(model: Any, phase: Phase) -> None:
    k = keras()
    optimizer = getattr(k.optimizers, OPTIMIZERS[phase.optimizer])(learning_rate=phase.learning_rate)
    if model.output.shape[-1] == 1:
        loss: Any = k.losses.BinaryCrossentropy(from_logits=True)
        accuracy: Any = k.metrics.BinaryAccuracy(threshold=0.0, name="accuracy")
    else:
        loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
        accuracy = k.metrics.SparseCategoricalAccuracy(name="accuracy")
    model.compile(optimizer=optimizer, loss=loss, metrics=[accuracy])


def _pass(
    step: Callable[..., dict[str, Any]],
    rows: RowsLike,
    labels: npt.NDArray[np.int64],
    order: npt.NDArray[np.int64],
    batch_size: int,
) -> tuple[float, float]:
    """Show every row once. Keras gives each batch's means; the last batch is smaller and counts less."""
    loss = accuracy = 0.0
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        logs = step(rows[chosen], labels[chosen].reshape(-1, 1), return_dict=True)
        loss += float(logs["loss"]) * len(chosen)
        accuracy += float(logs["accuracy"]) * len(chosen)
    return loss / len(order), accuracy / len(order)
