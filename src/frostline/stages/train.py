"""Stage `train@NAME`: cached features below the frost line, training above it, predictions for every image."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files, paths
from frostline.config import SolverPhase
from frostline.datasets import calibration_photos
from frostline.evaluation import explanations, history, predictions, unlike_training
from frostline.features import backends, ray_stream, trunks
from frostline.features.cut_model import CutModel
from frostline.models import heads
from frostline.models.dense_head import SolvedHead
from frostline.models.network import Network, remarks
from frostline.pipeline import code_digest
from frostline.progress import note, say
from frostline.training import (
    assemble,
    cross_validation,
    illustrations,
    int8_check,
    loop,
    nearest,
    phases,
    recipe,
    unlike,
)
from frostline.training.checkpoint import Checkpoint
from frostline.training.recipe import Recipe

EXPLAINED = 12  # most confident errors, and as many of the least confident images

WatchEpochs = Callable[..., AbstractContextManager[Callable[[int, dict[str, float]], None]]]


def run(name: str, *, live: WatchEpochs, engine: str = "local", ray_address: str | None = None) -> None:
    """Train one classifier; write its weights, history, predictions and record.

    `live` watches the epochs (see `tracking.live`); it cannot change what is written. A training that was
    killed goes on after the last epoch it kept, to the same outputs. With `engine` ray the actors of a cluster,
    the one at `ray_address` or one of this machine's own, decode images and send them through the trunk; what
    is above it trains here.
    """
    with ray_stream.open_executor(engine, ray_address) as executor:
        _train(recipe.read(name, executor=executor), live)


def _train(inputs: Recipe, live: WatchEpochs) -> None:
    name = inputs.name
    for remark in remarks(inputs.entry):
        note(f"{name}: {remark}")
    if inputs.entry.precision == "int8":
        calibration_photos.require(
            inputs.listed, inputs.images("train").ids, classifier=name, dataset=inputs.entry.dataset
        )
    network = inputs.network()
    parts = assemble.cut_phases(network, inputs.entry)
    last = list(parts.values())[-1]
    record = _record(inputs, network, last)
    if inputs.entry.precision == "int8":
        record["int8"] = int8_check.require(inputs, last).values()
    checkpoint = Checkpoint(record["key"])
    epochs = []
    with live(key=record["key"], classifier=name, dataset=inputs.entry.dataset) as log:
        for number, (phase, epoch) in enumerate(
            phases.train(inputs, network, parts, checkpoint=checkpoint), start=1
        ):
            epochs.append((phase, epoch))
            say(_line(inputs, epochs))
            log(number, dataclasses.asdict(epoch))
    for line in (*_chosen(inputs, epochs), *_stopped(inputs, epochs)):
        say(line)
    _write(inputs, network, last, record=record, epochs=epochs)
    checkpoint.remove()


def _line(inputs: Recipe, epochs: Sequence[tuple[str, loop.Epoch]]) -> str:
    """The last of the epochs so far, and how many there will be at most: phases before it may have ended early."""
    (phase, epoch), number, names = epochs[-1], len(epochs), list(inputs.entry.phases)
    at = names.index(phase)
    done = sum(names.index(of) < at for of, _ in epochs)
    total = done + sum(inputs.entry.phases[name].epochs for name in names[at:])
    settings = inputs.entry.phases[phase]
    step = (
        f"{settings.hyperparameter} {settings.strengths[number - 1]:<6g}"
        if isinstance(settings, SolverPhase)
        else f"epoch {number}/{total}"
    )
    return (
        f"{step} {phase}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.4f}  "
        f"validation loss {epoch.val_loss:.4f}  accuracy {epoch.val_accuracy:.4f}"
    )


def _chosen(inputs: Recipe, epochs: Sequence[tuple[str, loop.Epoch]]) -> Iterator[str]:
    """Which strength of a solver's phase validation chose."""
    name, phase = next(iter(inputs.entry.phases.items()))
    if isinstance(phase, SolverPhase):
        losses = [epoch.val_loss for of, epoch in epochs if of == name]
        best, untried = losses.index(min(losses)), phase.strengths[len(losses) :]
        edge = best in (0, len(losses) - 1) and len(losses) > 1 and phase.strengths[best] != phase.most
        beyond = (
            f"; others beyond it may be better: widen phases.{name}.{phase.hyperparameter}" if edge else ""
        )
        left = f"; it rose twice in a row, so {untried[0]:g} and above were not tried" if untried else ""
        yield f"{name}: {phase.hyperparameter} {phase.strengths[best]:g} has the lowest validation loss{beyond}{left}"


def _stopped(inputs: Recipe, epochs: Sequence[tuple[str, loop.Epoch]]) -> Iterator[str]:
    """A line for each phase of epochs that early stopping ended: why, and which epoch's weights are kept."""
    rule = inputs.entry.training.early_stopping if inputs.entry.training else None
    for name, phase in inputs.entry.phases.items():
        ran = [(number, epoch) for number, (of, epoch) in enumerate(epochs, start=1) if of == name]
        if rule is None or isinstance(phase, SolverPhase) or not ran or len(ran) >= phase.epochs:
            continue
        by_loss = rule.measure == "loss"
        best, _ = min(ran, key=lambda row: row[1].val_loss if by_loss else -row[1].val_accuracy)
        what = "validation loss has not fallen" if by_loss else "validation accuracy has not risen"
        yield f"stopped early after epoch {ran[-1][0]}: {what} since epoch {best}, whose weights are kept"


def _record(inputs: Recipe, network: Network, last: CutModel) -> dict[str, Any]:
    """All that this training is, by content: equal records, equal results."""
    more = () if last.trunk is None else backends.packages(inputs.trunk(last)[0])
    computed_by = code_digest.stage("train")
    content = {
        "classifier": inputs.name,
        "dataset": inputs.entry.dataset,
        "dataset_digest": inputs.manifest.digest,
        "classes": list(inputs.manifest.classes),
        "weights": inputs.weights,
        "recipe": inputs.plain,
        "code": computed_by["code"],
        "packages": {**computed_by["packages"], **{name: version(name) for name in more}},
    }
    if inputs.entry.precision == "int8":
        content["calibration"] = files.digest(list(inputs.calibration().ids))
    return {"key": code_digest.key(content), **content, "parameters": _parameters(inputs, network, last)}


def _parameters(inputs: Recipe, network: Network, last: CutModel) -> dict[str, int]:
    """Counts: trained in the last phase; the rest of the body, frozen; standardisation's constants."""
    trainable = heads.trainable(last.upper)
    constants = 2 * heads.width(network.head) if inputs.entry.network.head.standardize else 0
    if isinstance(network.head, SolvedHead):
        return {"trainable": trainable, "frozen": trunks.parameters(network.body), "constants": constants}
    total = trunks.parameters(network.body) + network.head.count_params()
    return {"trainable": trainable, "frozen": total - trainable - constants, "constants": constants}


def _write(
    inputs: Recipe,
    network: Network,
    last: CutModel,
    *,
    record: dict[str, Any],
    epochs: list[tuple[str, Any]],
) -> None:
    folder = paths.classifier(inputs.name)
    files.empty(folder)
    assemble.save(last.upper, folder)
    figures = {name: np.array([getattr(epoch, name) for _, epoch in epochs]) for name in history.FIGURES}
    history.write(
        history.History(phases=tuple(phase for phase, _ in epochs), **figures), folder / "history.csv"
    )
    predicted = _predict(inputs, last)
    predictions.write(predicted, folder / "predictions.parquet")
    explanations.write(_explained(inputs, network, predicted.split("test")), folder / "explanations.npz")
    files.write_json(folder / "neighbours.json", _neighbours(inputs, last, predicted.split("test")))
    unlike_training.write(*_unlike(inputs, last), folder / "unknown.parquet")
    if (probs := _unseen(inputs, last, predicted)) is not None:
        predictions.write(dataclasses.replace(predicted, probs=probs), folder / "out_of_fold.parquet")
    files.write_json(folder / "record.json", record)


def _predict(inputs: Recipe, last: CutModel) -> predictions.Predictions:
    """Probabilities of every image of every split, once, as it is (no view)."""
    probs = {s: loop.predict(last.upper, inputs.rows(last, s)) for s in predictions.SPLITS}
    splits = {s: inputs.manifest.split(s) for s in predictions.SPLITS}
    return predictions.Predictions(
        classes=inputs.manifest.classes,
        paths=tuple(path for s in splits.values() for path in s.paths),
        ids=tuple(id_ for s in splits.values() for id_ in s.ids),
        splits=tuple(name for name, s in splits.items() for _ in s.paths),
        labels=np.concatenate([s.labels for s in splits.values()]),
        probs=np.concatenate(list(probs.values())),
    )


def _explained(inputs: Recipe, network: Network, test: predictions.Predictions) -> explanations.Explanations:
    """What the report shows of the network: heat on its most confident errors and least confident images, and views."""
    some = test.take(_shown(test))
    layer, maps = illustrations.heat(inputs, network, paths=some.paths, ids=some.ids, classes=some.predicted)
    return explanations.Explanations(layer, some.paths if layer else (), maps, illustrations.views(inputs))


def _shown(test: predictions.Predictions) -> npt.NDArray[np.int64]:
    """Which test images the report explains."""
    return np.unique(np.concatenate([test.most_confident_errors(EXPLAINED), test.least_confident(EXPLAINED)]))


def _neighbours(inputs: Recipe, last: CutModel, test: predictions.Predictions) -> dict[str, Any]:
    """The training images nearest to each of these test images, by its path; none where nothing is frozen."""
    chosen = _shown(test)
    if last.trunk is None or not len(chosen):
        return {}
    train = inputs.manifest.split("train")
    found = nearest.nearest(
        np.asarray(inputs.rows(last, "test")[chosen], np.float32),
        inputs.rows(last, "train"),
        paths=train.paths,
        labels=[inputs.manifest.classes[label] for label in train.labels],
    )
    return {
        test.paths[row]: [dataclasses.asdict(one) for one in of]
        for row, of in zip(chosen, found, strict=True)
    }


def _unlike(inputs: Recipe, last: CutModel) -> tuple[Sequence[str], npt.NDArray[np.float32]]:
    """Paths of the test images, and how unlike the training images each is (N,); none where nothing is frozen."""
    if (fitted := unlike.of(inputs, last)) is None:
        return (), np.zeros(0, np.float32)
    return inputs.manifest.split("test").paths, unlike.values(fitted, inputs.rows(last, "test"))


def _unseen(inputs: Recipe, last: CutModel, predicted: predictions.Predictions) -> Any:
    """Probabilities by plain classifiers that never saw the image, where its features are a cached vector."""
    if last.trunk is None or len(trunks.shape(last.trunk)) != 1:
        return None
    rows = [inputs.rows(last, split) for split in predictions.SPLITS]
    classes = len(predicted.classes)
    return cross_validation.known_out_of_fold(
        rows,
        predicted.labels,
        predicted.ids,
        classes=classes,
        seed=inputs.seed,
        made_by=code_digest.stage("train"),
    )
