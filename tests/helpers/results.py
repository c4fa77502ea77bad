"""A small trained project without any training: a dataset of real files, a manifest, train's outputs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from frostline import files, images, paths
from frostline.datasets import manifest as manifests
from frostline.evaluation import explanations, history, predictions
from frostline.evaluation.comparison import Candidate
from frostline.evaluation.metrics import measure
from frostline.evaluation.predictions import SPLITS, Predictions
from helpers.images import encoded, folder, pixels

CLASSES = ("cat", "dog", "élan")
COUNTS = {"train": 6, "validation": 4, "test": 9}
RANDOM = {"name": "vgg19-random", "backbone": "vgg19", "source": "random", "sha256": "0" * 64}
REAL = {**RANDOM, "name": "vgg19", "source": "vgg19.h5"}


def rows(
    labels: Sequence[int],
    predicted: Sequence[int] = (),
    *,
    classes: Sequence[str] = CLASSES,
    split: str = "test",
    probs: np.ndarray | None = None,
) -> Predictions:
    """Predictions whose most probable classes are `predicted`, ever less surely; or with these `probs`."""
    if probs is not None:
        classes = [f"class {number}" for number in range(probs.shape[1])]
        return replace(rows(labels, [0] * len(labels), classes=classes, split=split), probs=probs)
    count = len(labels)
    probs = np.full((count, len(classes)), 0.1 / (len(classes) - 1), dtype=np.float32)
    for row, guess in enumerate(predicted):
        top = np.float32(0.95 - 0.3 * row / max(count, 1))
        probs[row] = (1 - top) / (len(classes) - 1)
        probs[row, guess] = top
    return Predictions(
        classes=tuple(classes),
        paths=tuple(f"{classes[label]}/{split}-{row}.png" for row, label in enumerate(labels)),
        ids=tuple(files.sha256(f"{split} {row}".encode()) for row in range(count)),
        splits=(split,) * count,
        labels=np.array(labels, dtype=np.int64),
        probs=probs,
    )


def course(epochs: int = 5, *, phases: Sequence[str] = ()) -> history.History:
    """A history whose losses fall and accuracies rise."""
    fall = np.linspace(1.2, 0.2, epochs)
    return history.History(
        phases=tuple(phases) or ("head",) * epochs,
        loss=fall,
        accuracy=1 - fall / 2,
        val_loss=fall + 0.1,
        val_accuracy=1 - fall / 1.9,
    )


def dataset(name: str, *, counts: dict[str, int] = COUNTS, seed: int = 0) -> manifests.Manifest:
    """Image files of unequal sizes under data/NAME and their manifest, with one quarantined row."""
    split_of = [split for split, count in counts.items() for _ in range(count)]
    names = [f"{CLASSES[row % 3]}/{split}-{row}.png" for row, split in enumerate(split_of)]
    sizes = [(20 + 3 * row, 35 + row) for row in range(len(names))]
    contents = [
        encoded(seed * 100 + row, height=height, width=width) for row, (height, width) in enumerate(sizes)
    ]
    root = folder(Path("data") / name, dict(zip(names, contents, strict=True)))
    broken = {
        "path": "cat/broken.png",
        "label": 0,
        "split": "",
        "status": "quarantined",
        "reason": "empty file",
    }
    table = [
        {"path": path, "label": row % 3, "split": split_of[row], "status": "ok", "reason": ""}
        for row, path in enumerate(names)
    ]
    for row, content in enumerate(contents):
        height, width = images.probe(content)
        table[row] |= {
            "sha256": files.sha256(content),
            "height": height,
            "width": width,
            "bytes": len(content),
        }
    broken |= {"sha256": files.sha256(b""), "height": 0, "width": 0, "bytes": 0}
    manifest = manifests.Manifest(
        str(root), CLASSES, pa.Table.from_pylist([*table, broken], schema=manifests.SCHEMA)
    )
    manifests.write(manifest, paths.dataset(name) / "manifest.parquet")
    return manifest


def guesses(manifest: manifests.Manifest, *, wrong: int) -> Predictions:
    """Predictions for every usable image; the first `wrong` of each split are mistaken for the next class."""
    parts = {split: manifest.split(split) for split in SPLITS}
    labels = np.concatenate([part.labels for part in parts.values()])
    mistaken = np.concatenate([np.arange(len(part.paths)) < wrong for part in parts.values()])
    drawn = rows(labels.tolist(), ((labels + mistaken) % 3).tolist())
    return Predictions(
        classes=manifest.classes,
        paths=tuple(path for part in parts.values() for path in part.paths),
        ids=tuple(each for part in parts.values() for each in part.ids),
        splits=tuple(split for split, part in parts.items() for _ in part.paths),
        labels=labels,
        probs=drawn.probs,
    )


def record(
    name: str, manifest: manifests.Manifest, *, dataset: str, weights: dict[str, str]
) -> dict[str, object]:
    """The part of train's record that evaluate and compare read."""
    return {
        "key": "5e" * 32,
        "classifier": name,
        "dataset": dataset,
        "dataset_digest": manifest.digest,
        "classes": list(manifest.classes),
        "weights": weights,
        "recipe": {
            "image": {"size": {"height": 24, "width": 32}, "resize": "squash"},
            "augmentation": {"views": 2},
        },
        "parameters": {"trainable": 5130, "frozen": 20_024_384},
    }


def sights(test: Predictions) -> explanations.Explanations:
    """Heat in one corner of every test image, and two views of a training image."""
    heat = np.zeros((len(test), 3, 4), np.uint8)
    heat[:, 0, 0] = 255
    views = np.stack([pixels(number, height=24, width=32) for number in (1, 2)])
    return explanations.Explanations("last_conv", test.paths, heat, views)


def trained(
    name: str,
    manifest: manifests.Manifest,
    *,
    dataset: str = "pets",
    wrong: int = 2,
    weights: dict[str, str] = RANDOM,
) -> Path:
    """Write train's outputs of one classifier; returns their folder."""
    place = paths.classifier(name)
    files.write_json(place / "record.json", record(name, manifest, dataset=dataset, weights=weights))
    predicted = guesses(manifest, wrong=wrong)
    predictions.write(predicted, place / "predictions.parquet")
    explanations.write(sights(predicted.split("test")), place / "explanations.npz")
    history.write(course(phases=("head", "head", "head", "thaw", "thaw")), place / "history.csv")
    return place


LABELS = [row % 3 for row in range(60)]


def candidate(
    name: str, wrong: int, *, dataset: str = "pets", note: str = "", loss: float | None = None, first: int = 0
) -> Candidate:
    """A classifier that mistakes `wrong` of 60 images, from the `first` on."""
    guesses = [(label + (first <= row < first + wrong)) % 3 for row, label in enumerate(LABELS)]
    test = rows(LABELS, guesses)
    figures = measure(test).as_json()
    figures["loss"] = figures["loss"] if loss is None else loss
    metrics = {
        "dataset": dataset, "dataset_digest": "d" * 64, "note": note,
        "test": figures, "validation": {"accuracy": 0.5},
    }  # fmt: skip
    return Candidate(
        name=name, metrics=metrics, parameters={"trainable": 5130, "frozen": 20_024_384}, test=test
    )
