"""Stage outputs of one classifier by hand, as train, evaluate and export write them."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from frostline.evaluation import predictions
from frostline.evaluation.predictions import Predictions
from frostline.files import sha256
from helpers.models import contract, model

KEY = "a" * 64
CLASSES = ["blue", "green", "red"]


def record(name: str = "tiny", **changes: Any) -> dict[str, Any]:
    """train's record.json for random weights, with changes."""
    values = {
        "key": KEY,
        "classifier": name,
        "dataset": "colours",
        "dataset_digest": "d" * 64,
        "classes": CLASSES,
        "weights": {"name": "vgg19-random", "backbone": "vgg19", "source": "random", "sha256": "e" * 64},
        "recipe": {
            "seed": 7,
            "dataset": "colours",
            "augmentation": None,
            "image": {"size": {"height": 20, "width": 28}},
            "network": {"head": {"dense": {}, "standardize": True}},
            "phases": {"head": {"learning_rate": 0.001, "epochs": 2}},
        },
        "code": "c" * 64,
        "packages": {"tensorflow": "2.21.0"},
        "parameters": {"trainable": 12, "frozen": 345},
    }
    return values | changes


def metrics(name: str = "tiny", **changes: Any) -> dict[str, Any]:
    """evaluate's JSON, with changes."""

    def split(accuracy: float) -> dict[str, Any]:
        return {
            "images": 41,
            "accuracy": accuracy,
            "accuracy_low": accuracy - 0.1,
            "accuracy_high": accuracy + 0.05,
            "loss": 1 - accuracy,
        }

    values = {
        "classifier": name,
        "dataset": "colours",
        "dataset_digest": "d" * 64,
        "note": "random weights: smoke test only",
        "test": split(0.875),
        "validation": split(0.75),
        "train": split(0.9375),
    }
    return values | changes


def answers(wrong: int, *, images: int = 300) -> Predictions:
    """What a classifier says of the test images; the first `wrong` are mistaken for the next class."""
    labels = np.arange(images, dtype=np.int64) % 3
    mistaken = np.arange(images) < wrong
    probs = np.full((images, 3), 0.25, np.float32)
    probs[np.arange(images), (labels + mistaken) % 3] = 0.5
    names = tuple(f"{number}.png" for number in range(images))
    ids = tuple(sha256(name.encode()) for name in names)
    return Predictions(tuple(CLASSES), names, ids, ("test",) * images, labels, probs)


def compared(root: Path, name: str = "tiny", *, wrong: int = 3) -> Path:
    """Beside the outputs of `write`, what a later challenger is compared with."""
    predictions.write(answers(wrong), root / "artifacts/classifiers" / name / "predictions.parquet")
    summary = {"digest": "d" * 64, "images": 900, "quarantined": {"images": 3}, "findings": {}}
    _put(root / "artifacts/datasets/colours/summary.json", json.dumps(summary))
    proof = root / "artifacts/models" / name / "agreement.json"
    figures = {"tolerance": 5e-5, "image_difference": 1e-6, "feature_difference": 0.0}
    _put(proof, json.dumps({**json.loads(proof.read_text()), **figures}))
    return root


def write(
    root: Path, name: str = "tiny", *, only: tuple[str, ...] = ("evaluate", "export"), **changes: Any
) -> Path:
    """All outputs of a classifier below a project's root; `changes` go into its record."""
    made = record(name, **changes)
    folder = root / "artifacts/classifiers" / name
    _put(folder / "record.json", json.dumps(made))
    _put(
        folder / "history.csv",
        "epoch,phase,loss,accuracy,val_loss,val_accuracy\n1,head,0.5,0.25,0.75,0.125\n2,head,0.4,0.5,0.7,nan\n",
    )
    if "evaluate" in only:
        _put(root / "metrics" / f"{name}.json", json.dumps(metrics(name)))
        picture = io.BytesIO()
        Image.new("RGB", (31, 17), "red").save(picture, "png")
        _put(root / "plots" / name / "confusion.png", picture.getvalue())
        _put(root / "plots" / name / "confusion.csv", "actual,predicted\nred,blue\n")
        rows = "".join(f"{each},9,1.0,1.0,0.5\n" for each in CLASSES)
        _put(root / "plots" / name / "classes.csv", f"class,images,precision,recall,f1\n{rows}")
    if "export" in only:
        content = model(contract(classifier=name, recipe=made["key"], classes=tuple(made["classes"])))
        _put(root / "artifacts/models" / name / "model.onnx", content)
        _put(root / "artifacts/models" / name / "agreement.json", json.dumps({"model": sha256(content)}))
    return root


def _put(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
