"""A project's data, answers and figures in Python: what its stages wrote, as tables."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
import pyarrow as pa

from frostline import config, paths
from frostline.config import Params
from frostline.datasets import manifest as manifests
from frostline.errors import FrostlineError
from frostline.evaluation import history, predictions, stage_outputs, temperature
from frostline.files import printable
from frostline.scoring.model import Model, open_model
from frostline.scoring.score import OpenOptions
from frostline.table import Table

if TYPE_CHECKING:
    from frostline.evaluation.predictions import Predictions


def open_project(path: str | os.PathLike[str] = ".") -> "Project":
    """The project at or above a folder; InputError where there is none, or its params.yaml is wrong."""
    project = Project(paths.find_root(Path(path).absolute()))
    _ = project.params
    return project


@dataclass(frozen=True)
class Project:
    """A project: a folder with its params.yaml and what `dvc repro` made there; `open_project` finds it.

    `root` is its absolute path. What a stage has not made yet is a FrostlineError that names the command.
    """

    root: Path

    @cached_property
    def params(self) -> Params:
        """params.yaml, checked; read once."""
        return config.load(self.root / paths.PARAMS)

    @property
    def datasets(self) -> tuple[str, ...]:
        """Names of the datasets in params.yaml, in its order."""
        return tuple(self.params.datasets)

    @property
    def classifiers(self) -> tuple[str, ...]:
        """Names of the classifiers in params.yaml, in its order."""
        return tuple(self.params.classifiers)

    def manifest(self, dataset: str) -> Table:
        """One row per image of a dataset, those left out too.

        `path`, `sha256` (str), `label` (the class's name), `split` (train, validation, test, or "" where it is
        left out), `height`, `width` (pixels as found), `bytes`, `status` (ok or quarantined), `reason`, `flags`.
        """
        config.entry(self.params.datasets, dataset, what="dataset")
        manifest = manifests.read(self.root / paths.dataset(dataset) / "manifest.parquet")
        names = pa.array(manifest.classes, pa.string()).take(manifest.table["label"].combine_chunks())
        place = manifest.table.column_names.index("label")
        return Table(manifest.table.set_column(place, "label", names))

    def predictions(self, classifier: str) -> Table:
        """One row per usable image of the classifier's dataset: what it answers, and what is right.

        `path`, `sha256`, `split`, `actual` and `predicted` (names of classes), `correct` (bool), `prob` (float32, of
        the predicted class), `probs` (a list in the order of `classes(classifier)`), as the exported model gives them.
        """
        return Table(_answers(self._predictions(classifier)))

    def classes(self, classifier: str) -> tuple[str, ...]:
        """The names of a trained classifier's classes, in the order of its probabilities."""
        return self._predictions(classifier).classes

    def history(self, classifier: str) -> Table:
        """One row per epoch of a training: epoch, phase, loss, accuracy, val_loss, val_accuracy."""
        self._require(classifier)
        read = history.read(
            self.root / paths.classifier(classifier) / "history.csv", made_by=f"dvc repro train@{classifier}"
        )
        columns = {name: getattr(read, name) for name in history.FIGURES}
        return Table(
            pa.table(
                {"epoch": np.arange(1, len(read) + 1), "phase": pa.array(read.phases, pa.string()), **columns}
            )
        )

    def metrics(self, *classifiers: str) -> Table:
        """One row per classifier and split: the figures that evaluate measured; all classifiers where none is named.

        `classifier`, `dataset`, `split`, `images`, and `accuracy`, `loss` and the others (0-1; loss in nats), each
        with the ends of its 95% interval as `_low` and `_high`; null for a figure that one has not. `note` is what
        must stand beside the row, "" for trained weights.
        """
        rows = [row for name in classifiers or self.classifiers for row in self._figures(name)]
        columns = dict.fromkeys(key for row in rows for key in row)
        return Table(pa.table({key: [row.get(key) for row in rows] for key in columns}))

    def model(self, classifier: str, **options: Unpack[OpenOptions]) -> Model:
        """The exported model of a classifier, open; `options` are those of `open_model`."""
        self._require(classifier)
        path = self.root / paths.model(classifier) / "model.onnx"
        if not path.is_file():
            raise FrostlineError(f"{printable(path)} is missing; run `dvc repro export@{classifier}`")
        return open_model(path, **options)

    def _require(self, classifier: str) -> None:
        config.entry(self.params.classifiers, classifier, what="classifier")

    def _predictions(self, classifier: str) -> "Predictions":
        self._require(classifier)
        path = self.root / paths.classifier(classifier) / "predictions.parquet"
        return temperature.calibrated(predictions.read(path, made_by=f"dvc repro train@{classifier}"))

    def _figures(self, classifier: str) -> list[dict[str, Any]]:
        self._require(classifier)
        made_by = f"dvc repro evaluate@{classifier}"
        read = stage_outputs.read(
            self.root / paths.metrics(classifier), keys=stage_outputs.METRICS, made_by=made_by
        )
        about = {"classifier": classifier, "dataset": read["dataset"]}
        splits = [split for split in predictions.SPLITS if split in read]
        return [
            {**about, "split": split, **_first(read[split]), "note": read["note"] or ""} for split in splits
        ]


def _first(figures: dict[str, Any]) -> dict[str, Any]:
    """Images, then the figures by name."""
    return {"images": figures["images"], **dict(sorted(figures.items()))}


def _answers(read: "Predictions") -> pa.Table:
    names = pa.array(read.classes, pa.string())
    return pa.table(
        {
            "path": pa.array(read.paths, pa.string()),
            "sha256": pa.array(read.ids, pa.string()),
            "split": pa.array(read.splits, pa.string()),
            "actual": names.take(pa.array(read.labels)),
            "predicted": names.take(pa.array(read.predicted)),
            "correct": pa.array(read.right),
            "prob": pa.array(read.probs.max(axis=1), pa.float32()),
            "probs": pa.array(list(read.probs), pa.list_(pa.float32())),
        }
    )
