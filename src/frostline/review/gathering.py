"""From a project to the list of candidates: the audit as it is today, a classifier's predictions, new photos."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from frostline import config, files, paths, system
from frostline.config import Dataset, Params
from frostline.datasets import decisions
from frostline.datasets.decisions import LEAVE_OUT, PhotoDecision
from frostline.datasets.manifest import Manifest
from frostline.datasets.source import ImageSource
from frostline.errors import InputError
from frostline.evaluation import predictions, temperature
from frostline.evaluation.predictions import Predictions
from frostline.images import ImageError
from frostline.review import candidates
from frostline.review.candidates import ReviewItem
from frostline.stages import preprocess
from frostline.training import features, next_to_label
from frostline.training.frozen import LayerSelection


@dataclass(frozen=True)
class Gathered:
    """A dataset's candidates, its classes in order, its manifest without decisions, and what to tell the person."""

    candidates: list[ReviewItem]
    classes: tuple[str, ...]
    manifest: Manifest
    remarks: tuple[str, ...] = ()


def of_dataset(name: str, settings: Params, source: ImageSource, *, classifier: str | None) -> Gathered:
    """What is worth a look in a dataset's own photos; without a trained classifier, what the audit finds."""
    found = _examined(name, settings, source)
    chosen = trained(name, settings, classifier)
    out_of_fold, predicted = (_read(chosen, file) for file in ("out_of_fold", "predictions"))
    if predicted is not None:  # as the report and the exported model give them
        predicted = temperature.calibrated(predicted)
    disagreed = decisions.disagreements(decisions.read(paths.DECISIONS), name)
    some = candidates.of_dataset(
        found.manifest, found.findings, out_of_fold=out_of_fold, predicted=predicted, disagreed=disagreed
    )
    return Gathered(some, found.manifest.classes, found.manifest, tuple(_remarks(name, chosen, out_of_fold)))


def _examined(name: str, settings: Params, source: ImageSource) -> preprocess.Examined:
    """The audit of the photos as they lie there: nothing decided, and nothing that it would fail for."""
    dataset = settings.datasets[name]
    return preprocess.examine(source, _lenient(dataset), key=f"datasets.{name}", seed=settings.seed)


def _lenient(dataset: Dataset) -> Dataset:
    if dataset.audit is None:
        return dataset
    policies = {
        kind: ("keep" if kind == "imbalance" else "quarantine") if policy == "fail" else policy
        for kind, policy in dataset.audit.model_dump().items()
    }
    return dataset.model_copy(update={"audit": dataset.audit.model_copy(update=policies)})


def trained(dataset: str, settings: Params, classifier: str | None) -> str:
    """The named classifier, else the one on the dataset that is best on validation; "" where none is trained."""
    if classifier is not None:
        entry = config.entry(settings.classifiers, classifier, what="classifier")
        if entry.dataset != dataset:
            raise InputError(
                f"{classifier} is a classifier of {entry.dataset}, not of {dataset}; name another"
            )
        return classifier
    names = [name for name, entry in settings.classifiers.items() if entry.dataset == dataset]
    there = [name for name in names if (paths.classifier(name) / "predictions.parquet").is_file()]
    return max(there, key=_validation_accuracy, default="")


def _validation_accuracy(classifier: str) -> float:
    rows = _read(classifier, "predictions")
    return float(rows.split("validation").right.mean()) if rows is not None else 0.0


def _read(classifier: str, file: str) -> Predictions | None:
    path = paths.classifier(classifier) / f"{file}.parquet"
    if not classifier or not path.is_file():
        return None
    return predictions.read(path, made_by=f"dvc repro train@{classifier}")


def _remarks(dataset: str, classifier: str, out_of_fold: Predictions | None) -> list[str]:
    if not classifier:
        return [
            f"no classifier of {dataset} is trained: after `dvc repro` suspected labels and mistakes are listed, too"
        ]
    if out_of_fold is None:
        return [
            f"{classifier} has no out-of-fold predictions (only frozen networks have): no suspected labels are listed"
        ]
    return [f"suspected labels and mistakes are those of {classifier}"]


def to_label(  # noqa: PLR0913  # what decides the list
    name: str,
    settings: Params,
    source: ImageSource,
    new: ImageSource,
    *,
    classifier: str | None,
    count: int,
    decided: Mapping[str, PhotoDecision],
) -> Gathered:
    """Which photos of a folder to label next; those of the dataset already, by content, are none of them."""
    manifest = _examined(name, settings, source).manifest
    layers = LayerSelection(classifier=_frozen(name, settings, classifier))
    known = set(manifest.table["sha256"].to_pylist())
    ids = {path: sha256 for path, sha256 in hashes(new).items() if sha256 not in known}
    if len(ids) > next_to_label.MOST:
        raise InputError(
            f"{len(ids):,} photos are too many to choose among; name a folder of at most {next_to_label.MOST:,}"
        )
    if not ids:
        raise InputError(
            "none of these photos is new: all are in the dataset already, or cannot be read; name another folder"
        )
    names = list({sha256: path for path, sha256 in ids.items()}.values())
    frozen = layers.open()
    images, labels = _labelled(manifest, decided)
    rows, _ = features.rows_of(images, source.read, frozen, layers.cache)
    others, unreadable = features.rows_of(names, new.read, frozen, layers.cache)
    names = [path for path in names if path not in unreadable]
    probs = next_to_label.fitted(rows, labels, others)
    chosen = next_to_label.order(others, probs, count=min(count, len(names)), seed=settings.seed)
    some = [names[place] for place in chosen.tolist()]
    listed = candidates.unlabelled(some, ids, probs[chosen], manifest.classes)
    remark = f"{len(listed)} of {len(names):,} new photos, by the frozen layers of {layers.classifier}"
    return Gathered(listed, manifest.classes, manifest, (remark,))


def _frozen(dataset: str, settings: Params, classifier: str | None) -> str:
    """The classifier whose frozen layers judge: trained or not, its features are what counts."""
    if chosen := trained(dataset, settings, classifier):
        return chosen
    names = [name for name, entry in settings.classifiers.items() if entry.dataset == dataset]
    frozen = [name for name in names if settings.classifiers[name].network.type == "pretrained"]
    if not frozen:
        raise InputError(
            f"no classifier of {dataset} has frozen layers; add one, or name it: --classifier NAME"
        )
    return frozen[0]


def _labelled(manifest: Manifest, decided: Mapping[str, PhotoDecision]) -> tuple[list[str], np.ndarray]:
    """Names and classes (N,) of the photos to learn from, as decided: usable ones, and none that tests."""
    numbers = {label: number for number, label in enumerate(manifest.classes)}
    names, labels = [], []
    for row in manifest.table.select(["path", "sha256", "label", "split"]).to_pylist():
        decision = decided.get(row["sha256"])
        if row["split"] in ("", "test") or (decision and decision.action == LEAVE_OUT):
            continue
        label = decision.new if decision else manifest.classes[row["label"]]
        if label in numbers:
            names.append(row["path"])
            labels.append(numbers[label])
    return names, np.array(labels, np.int64)


def hashes(source: ImageSource) -> dict[str, str]:
    """Name → content of every image that can be read."""
    names = list(source.names())
    with ThreadPoolExecutor(2 * system.processors()) as pool:
        found = pool.map(partial(_hash, source), names)
        return {name: sha256 for name, sha256 in zip(names, found, strict=True) if sha256}


def _hash(source: ImageSource, name: str) -> str:
    try:
        return files.sha256(source.read(name))
    except ImageError:
        return ""


def standing(name: str) -> dict[str, PhotoDecision]:
    """What was decided about a dataset so far."""
    return decisions.standing(decisions.read(paths.DECISIONS), name)


def ids_of(manifest: Manifest) -> dict[str, str]:
    """Name → content of a dataset's photos."""
    columns: Sequence[list[str]] = [manifest.table[name].to_pylist() for name in ("path", "sha256")]
    return {path: sha256 for path, sha256 in zip(*columns, strict=True) if sha256}


def source_of(name: str, settings: Params) -> Path:
    """Where a dataset's photos lie."""
    return Path(config.entry(settings.datasets, name, what="dataset").path)
