"""Training: deterministic, every row once an epoch, figures that NumPy agrees with."""

from collections.abc import Callable
from itertools import chain, islice
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from frostline.config import OPTIMIZERS, EarlyStopping, Phase, Training
from frostline.models import heads
from frostline.models.keras_backend import keras
from frostline.training import loop, optimizers, steps
from frostline.training.loop import LabelledRows
from helpers.networks import KERAS_COPIES, head, phase

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(53, 6)).astype(np.float32)
HELD = RNG.normal(size=(71, 6)).astype(np.float32)  # more than one batch, the last one smaller
STILL: dict[str, Any] = {"optimizer": "sgd", "learning_rate": 1e-30}


class Spy:
    """Rows that remember which of them were asked for."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.asked = rows, []  # type: ignore[var-annotated]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, chosen: Any) -> np.ndarray:
        self.asked.append(np.arange(len(self.rows))[chosen].tolist())
        return self.rows[chosen]


def labels(rows: np.ndarray, classes: int) -> np.ndarray:
    """Labels that a linear model can learn."""
    return (rows[:, :classes].argmax(1) if classes > 2 else rows[:, 0] > 0).astype(np.int64)


def always(rows: Any) -> Callable[[int], Any]:
    """The same rows in every epoch."""
    return lambda _: rows


def model(classes: int = 3, *, seed: int = 1, **changes: Any) -> Any:
    """A head on six features, freshly drawn."""
    keras(seed=seed)
    return heads.build(head(**changes), features=6, classes=classes)


def trained(model: Any, how: Phase, *, classes: int = 3, seed: tuple[int, ...] = (9, 0)) -> list[loop.Epoch]:
    """All epochs of a fit on the rows above."""
    return list(
        loop.fit(
            model,
            phase=how,
            train=LabelledRows(always(ROWS), labels(ROWS, classes)),
            validation=LabelledRows(always(HELD), labels(HELD, classes)),
            seed=seed,
        )
    )


def figures(model: Any, rows: np.ndarray, classes: int) -> tuple[float, float]:
    """Mean negative log-likelihood and accuracy by NumPy."""
    kernel, bias = (np.asarray(each, np.float64) for each in model.get_layer("logits").weights)
    logits = rows.astype(np.float64) @ kernel + bias
    if classes == 2:
        logits = np.hstack([np.zeros_like(logits), logits])
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    truth = labels(rows, classes)
    return float(-logs[np.arange(len(rows)), truth].mean()), float((logits.argmax(1) == truth).mean())


@pytest.mark.parametrize(("classes", "batch_size"), [(2, 8), (2, 64), (3, 1), (3, 53), (5, 8)])
def test_figures_are_over_every_row(classes: int, batch_size: int) -> None:
    """Losses and accuracies are means over all rows, however they are cut into batches."""
    made = model(classes)
    (epoch,) = trained(made, phase(epochs=1, batch_size=batch_size, **STILL), classes=classes)
    np.testing.assert_allclose([epoch.loss, epoch.accuracy], figures(made, ROWS, classes), rtol=1e-5)
    np.testing.assert_allclose([epoch.val_loss, epoch.val_accuracy], figures(made, HELD, classes), rtol=1e-5)


def test_later_epochs_start_counting_anew() -> None:
    """An epoch's figures hold nothing of the epoch before."""
    made = model()
    first, second = trained(made, phase(epochs=2, **STILL))
    np.testing.assert_allclose(
        [second.loss, second.accuracy, second.val_loss],
        [first.loss, first.accuracy, first.val_loss],
        rtol=1e-6,
    )


def test_every_row_once_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """In another order each epoch, the same for the same seed; validation in its own order."""
    monkeypatch.setattr(steps, "CHUNK_BYTES", 1)
    orders = {}
    for seed in ((9, 0), (9, 0), (9, 1)):
        shown, held = Spy(ROWS), Spy(HELD)
        list(
            loop.fit(
                model(),
                phase=phase(epochs=2, batch_size=20),
                train=LabelledRows(always(shown), labels(ROWS, 3)),
                validation=LabelledRows(always(held), labels(HELD, 3)),
                seed=seed,
            )
        )
        assert [len(batch) for batch in shown.asked] == [20, 20, 13] * 2
        epochs = [list(chain(*shown.asked[:3])), list(chain(*shown.asked[3:]))]
        assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(53))
        assert epochs[0] != epochs[1]
        assert orders.setdefault(seed, epochs) == epochs
        assert list(chain(*held.asked)) == list(range(71)) * 2
    assert orders[9, 0] != orders[9, 1]


def test_an_identical_run_gives_identical_weights() -> None:
    """Same seeds, same rows: bit for bit, dropout included; another order, other weights."""
    results = []
    for seed in ((9, 0), (9, 0), (9, 1)):
        made = model(dense={"hidden": 11}, dropout=0.3)
        epochs = trained(made, phase(epochs=3), seed=seed)
        results.append((epochs, [np.asarray(each) for each in made.weights]))
    assert results[0][0] == results[1][0]
    for one, same in zip(results[0][1], results[1][1], strict=True):
        np.testing.assert_array_equal(one, same)
    assert not np.array_equal(results[0][1][0], results[2][1][0])


@pytest.mark.parametrize("classes", [2, 3])
def test_one_step_of_gradient_descent(classes: int) -> None:
    """One batch of all rows with sgd: kernel - rate x gradient, the gradient by NumPy."""
    made = model(classes)
    kernel, bias = (np.asarray(each, np.float64).copy() for each in made.get_layer("logits").weights)
    probs = loop.predict(made, ROWS).astype(np.float64)
    error = (probs - np.eye(classes)[labels(ROWS, classes)]) / len(ROWS)
    error = error[:, 1:] if classes == 2 else error
    trained(made, phase(epochs=1, batch_size=53, optimizer="sgd", learning_rate=0.5), classes=classes)
    found = made.get_layer("logits").weights
    np.testing.assert_allclose(np.asarray(found[0]), kernel - 0.5 * ROWS.T @ error, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.asarray(found[1]), bias - 0.5 * error.sum(0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer: str) -> None:
    """Each optimizer of params.yaml brings the loss down."""
    epochs = trained(model(), phase(epochs=6, optimizer=optimizer, learning_rate=0.05))
    assert epochs[-1].loss < epochs[0].loss
    assert epochs[-1].val_loss < epochs[0].val_loss


def test_epochs_come_one_by_one_with_their_own_rows() -> None:
    """Each epoch asks for its rows (its view) by number; validation always for the first; nothing runs ahead."""
    asked: dict[str, list[int]] = {"train": [], "validation": []}

    def rows(kind: str, values: np.ndarray) -> Callable[[int], np.ndarray]:
        return lambda number: asked[kind].append(number) or values  # type: ignore[func-returns-value]

    epochs = loop.fit(
        model(),
        phase=phase(epochs=3),
        train=LabelledRows(rows("train", ROWS), labels(ROWS, 3)),
        validation=LabelledRows(rows("validation", HELD), labels(HELD, 3)),
        seed=[1],
    )
    for number in range(3):
        next(epochs)
        assert asked == {"train": list(range(number + 1)), "validation": [0] * (number + 1)}


@pytest.mark.parametrize(("classes", "count"), [(2, 65), *((3, count) for count in (1, 63, 64, 65, 130))])
def test_predictions_are_in_order(count: int, classes: int) -> None:
    """Every row's probabilities at its own place, at sizes around the batch's."""
    made = model(classes)
    rows = np.random.default_rng(count).normal(size=(count, 6)).astype(np.float32)
    found = loop.predict(made, rows)
    logits = rows @ np.asarray(made.get_layer("logits").kernel) + np.asarray(made.get_layer("logits").bias)
    logits = np.hstack([np.zeros_like(logits), logits]) if classes == 2 else logits
    powers = np.exp(logits)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, powers / powers.sum(1, keepdims=True), rtol=1e-4)


def test_standardize_is_scikit_learns() -> None:
    """Means and deviations of rows in several chunks, far from 0, tiny, huge and constant ones too."""
    rng = np.random.default_rng(4)
    scales = np.array([1, 1e-3, 1e4, 1, 0, 0], np.float64)
    means = np.array([0, 5, -3e5, 1e3, 7.25, 0], np.float64)
    rows = (rng.normal(size=(2500, 6)) * scales + means).astype(np.float32)
    made = model(standardize=True)
    loop.standardize(made, rows)
    expected = StandardScaler().fit(rows.astype(np.float64))
    layer = made.get_layer("standardize")
    np.testing.assert_allclose(np.asarray(layer.mean), expected.mean_, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(np.asarray(layer.scale), 1 / expected.scale_, rtol=1e-5)
    np.testing.assert_array_equal(np.asarray(layer.scale)[4:], 1)


@pytest.mark.parametrize("count", [1, 2, 1024, 1025])
def test_standardize_counts_every_row(count: int) -> None:
    """At sizes around the chunk's, the last row counts as much as the first."""
    rows = np.random.default_rng(count).normal(size=(count, 6)).astype(np.float32)
    rows[-1] += 100
    made = model(standardize=True)
    loop.standardize(made, rows)
    layer = made.get_layer("standardize")
    np.testing.assert_allclose(np.asarray(layer.mean), rows.mean(0, dtype=np.float64), rtol=1e-5)
    deviation = rows.std(0, dtype=np.float64)
    np.testing.assert_allclose(np.asarray(layer.scale), 1 / np.where(deviation == 0, 1, deviation), rtol=1e-5)


@KERAS_COPIES
def test_standardisation_does_not_train() -> None:
    """Its constants are those of the data before and after a fit."""
    made = model(standardize=True)
    loop.standardize(made, ROWS)
    before = made.get_layer("standardize").get_weights()
    trained(made, phase(epochs=2))
    for one, same in zip(before, made.get_layer("standardize").get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def stopping(patience: int, measure: str = "loss", **changes: Any) -> Training:
    """Training that stops early."""
    rule = {"measure": measure, "patience": patience}
    plain = {"schedule": "constant", "warmup": 0.0, "class_weights": "equal", "label_smoothing": 0.0}
    return Training(**{**plain, **changes, "early_stopping": EarlyStopping(**rule)})


def fitted(made: Any, how: Phase, training: Training | None = None) -> loop.Fit:
    """A fit on the rows above, not begun."""
    shown, held = LabelledRows(always(ROWS), labels(ROWS, 3)), LabelledRows(always(HELD), labels(HELD, 3))
    return loop.Fit(made, how, shown, held, [9, 0], training)


@pytest.mark.parametrize("measure", ["loss", "accuracy"])
def test_early_stopping_keeps_the_best_weights(measure: str) -> None:
    """It ends after `patience` epochs that were no better, with the weights of the best one."""
    made = model()
    how = phase(epochs=400, optimizer="sgd", learning_rate=9.0)  # so fast that it soon gets worse
    epochs = list(fitted(made, how, stopping(4, measure)).epochs())
    course = [each.val_loss if measure == "loss" else -each.val_accuracy for each in epochs]
    best = int(np.argmin(course))
    assert len(epochs) == best + 5 < 400
    loss, accuracy = figures(made, HELD, 3)
    np.testing.assert_allclose(
        [loss, accuracy], [epochs[best].val_loss, epochs[best].val_accuracy], rtol=1e-4
    )


@pytest.mark.parametrize(
    ("optimizer", "training", "stops"),
    [
        ("sgd", None, [1]), ("nesterov", None, [2]), ("lion", None, [3]),
        ("adam", stopping(2), [1, 2, 3, 4]), ("adam", stopping(9, schedule="cosine", warmup=0.2), [1, 3]),
    ],
)  # fmt: skip
def test_going_on_gives_the_same_bits(optimizer: str, training: Training | None, stops: list[int]) -> None:
    """Stopped after any epoch and continued by a new process' objects: figures and weights, bit for bit."""
    how = phase(epochs=4, optimizer=optimizer, learning_rate=0.3)
    whole = model(dense={"hidden": 7}, dropout=0.4)
    expected = list(fitted(whole, how, training).epochs())
    for stop in stops:
        first = model(dense={"hidden": 7}, dropout=0.4)
        fit = fitted(first, how, training)
        begun = list(islice(fit.epochs(), stop))
        variables, state = [np.asarray(each).copy() for each in first.variables], fit.state()
        second = model(dense={"hidden": 7}, dropout=0.4, seed=77)
        for variable, value in zip(second.variables, variables, strict=True):
            variable.assign(value)
        then = fitted(second, how, training)
        then.restore(state)
        assert [*begun, *then.epochs()] == expected
        for one, same in zip(second.weights, whole.weights, strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(same))


@pytest.mark.parametrize("size", [1, 24 * 8 * 2, 24 * 8 * 5])
def test_how_much_is_read_at_once_changes_no_bit(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """The size of chunks is a matter of speed alone."""
    expected = trained(model(dropout=0.2), phase(epochs=2, batch_size=8))
    monkeypatch.setattr(steps, "CHUNK_BYTES", size)
    assert trained(model(dropout=0.2), phase(epochs=2, batch_size=8)) == expected


@KERAS_COPIES
@pytest.mark.parametrize(("optimizer", "classes"), [("rmsprop", 2), ("adam", 3), ("momentum", 3)])
def test_weights_are_those_of_keras_fit(optimizer: str, classes: int) -> None:
    """Keras' own `fit`, with class weights and smoothing, on batches of all rows ends at the same weights."""
    k = keras()
    how = phase(epochs=6, batch_size=53, optimizer=optimizer, learning_rate=0.02)
    own, theirs = model(classes), model(classes)
    shown, held = (LabelledRows(always(rows), labels(rows, classes)) for rows in (ROWS, HELD))
    more = stopping(99, class_weights="balanced", label_smoothing=0.1).model_copy(
        update={"early_stopping": None}
    )
    list(loop.Fit(own, how, shown, held, [1], more).epochs())
    own_weights = [np.asarray(each) for each in own.weights]
    if classes == 2:
        loss: Any = k.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)
        truth = labels(ROWS, 2)[:, None].astype(np.float32)
    else:
        loss = k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
        truth = np.eye(3, dtype=np.float32)[labels(ROWS, 3)]
    weights = steps.class_weights(labels(ROWS, classes), more, classes=classes)[labels(ROWS, classes)]
    theirs.compile(optimizers.build(how, theirs), loss)
    theirs.fit(ROWS, truth, sample_weight=weights, epochs=6, batch_size=53, shuffle=False, verbose=0)
    for one, same in zip(own_weights, theirs.weights, strict=True):
        np.testing.assert_allclose(one, np.asarray(same), rtol=1e-4, atol=1e-5)
