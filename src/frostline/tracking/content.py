"""What stage outputs mean in MLflow's words: params, metrics, tags. Pure; no MLflow here."""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from frostline import files
from frostline.errors import weights_note
from frostline.tracking.observations import Observed

# What the store may hold in a run changes with this, so that older runs are brought up to date.
FORMAT = 4
KEY = "frostline.key"
CLASSIFIER = "frostline.classifier"
MODEL = "frostline.model_sha256"
SYNCED = "frostline.synced"
STUDY = "frostline.study"
# What frostline itself called a run, and the digest of what it wrote: other words are a person's, and stay.
NAMED, DESCRIBED = "frostline.named", "frostline.described"
DIRTY = "mlflow.source.git.dirty"
COMMIT = "mlflow.source.git.commit"
PYTHON = "frostline.python"  # the last that is brought of what was observed

# MLflow's limits on lengths.
NAME_LENGTH, PARAM_LENGTH, TAG_LENGTH = 250, 6000, 5000
# Beyond this many classes a column per class helps nobody; classes.csv has them all.
PER_CLASS = 50

Point = tuple[str, int, float]  # name, step, value


@dataclass(frozen=True)
class StageOutputs:
    """What the stages of one classifier wrote; what a stage has not written yet is None or absent."""

    record: Mapping[str, Any]  # train's record.json
    history: Sequence[Mapping[str, float]]  # figures of each epoch, the first first
    phases: Sequence[str]  # the phase of each
    metrics: Mapping[str, Any] | None = None  # evaluate's JSON
    f1: Mapping[str, float | None] = field(default_factory=dict)  # of each class in the test split
    files: Mapping[str, Path] = field(default_factory=dict)  # path inside the run → file to keep there
    model: Path | None = None  # export's model.onnx
    data_hash: str = ""  # DVC's hash of the raw dataset, as dvc.lock has it; "" where it is not known
    observed: Observed | None = None  # of the training, if it ran on this machine

    @property
    def classifier(self) -> str:
        return str(self.record["classifier"])

    @property
    def packages(self) -> Mapping[str, str]:
        """Versions of the packages that the result depends on."""
        packages: Mapping[str, str] = self.record.get("packages", {})
        return packages

    def digest(self) -> str:
        """Changes whenever anything that a run shows would change, on whatever machine it is asked."""
        content = {name: files.sha256_file(path) for name, path in self.files.items()}
        model = files.sha256_file(self.model) if self.model else None
        return files.digest([FORMAT, dict(self.record), content, model, self.data_hash])


def params(record: Mapping[str, Any]) -> dict[str, str]:
    """The recipe by dotted name, as `dvc exp run -S` takes it; then the weights and sizes used."""
    used = {
        "weights": {name: record["weights"].get(name) for name in ("backbone", "source")},
        "parameters": record.get("parameters", {}),
    }
    return {
        _short(name, NAME_LENGTH): _short(_text(value), PARAM_LENGTH)
        for part in (record["recipe"], used)
        for name, value in _flat(part)
    }


def epochs(history: Sequence[Mapping[str, float]]) -> list[Point]:
    """The course of training as points `epoch/<figure>` at step = epoch, counted from 1."""
    return [
        (epoch_metric(name), number, storable(float(value)))
        for number, figures in enumerate(history, start=1)
        for name, value in figures.items()
    ]


def epoch_metric(name: str) -> str:
    """The name of a per-epoch metric; the prefix keeps the curve apart from the final figure."""
    return f"epoch/{name}"


def results(metrics: Mapping[str, Any] | None, f1: Mapping[str, float | None]) -> list[Point]:
    """The final figures: test with its interval first, then the other splits, then F1 of each class."""
    if metrics is None:
        return []
    test = ("accuracy", "accuracy_low", "accuracy_high", "loss", "images")
    chosen = [("test", "test", test), ("val", "validation", test[::3]), ("train", "train", test[::3])]
    figures = [
        (f"{prefix}_{name}", 0, storable(float(metrics[split][name])))
        for prefix, split, names in chosen
        for name in names
        if metrics.get(split, {}).get(name) is not None
    ]
    return [*figures, *_per_class(f1)]


def _per_class(f1: Mapping[str, float | None]) -> Iterator[Point]:
    if len(f1) > PER_CLASS:
        return
    names = {name: re.sub(r"[^\w. -]", "_", name).strip() or "_" for name in f1}
    for number, (name, figure) in enumerate(f1.items()):
        plain = names[name]
        if list(names.values()).count(plain) > 1 or plain in {".", ".."}:
            plain = f"{number} {plain}"  # two folders whose names differ only in what MLflow refuses
        if figure is not None:
            yield f"f1/{_short(plain, NAME_LENGTH - 3)}", 0, storable(figure)


def storable(value: float) -> float:
    """A float as a database gives it back: infinities become the largest number, as MLflow does it."""
    return math.copysign(sys.float_info.max, value) if math.isinf(value) else value


def missing(wanted: Sequence[Point], present: Sequence[Point]) -> list[Point]:
    """The wanted points that are not there yet; NaN equals NaN here."""
    there = {(name, step, repr(value)) for name, step, value in present}
    return [point for point in wanted if (point[0], point[1], repr(point[2])) not in there]


def identity(*, key: str, classifier: str, dataset: str) -> dict[str, str]:
    """The tags by which a run is found again."""
    return {KEY: key, CLASSIFIER: classifier, "frostline.dataset": dataset}


def note(outputs: StageOutputs) -> str:
    """What must stand beside every number of this run; mostly empty."""
    noted = str((outputs.metrics or {}).get("note", ""))
    return noted or weights_note(outputs.record["weights"]["source"])


def tags(outputs: StageOutputs) -> dict[str, str]:
    """Where the run's figures come from; empty values are left out."""
    record, weights = outputs.record, outputs.record["weights"]
    wanted = {
        **identity(key=record["key"], classifier=record["classifier"], dataset=record["dataset"]),
        "frostline.dataset_digest": record["dataset_digest"],
        "frostline.dataset_dvc": outputs.data_hash,
        "frostline.weights": weights.get("name"),
        "frostline.weights_source": weights["source"],
        "frostline.weights_sha256": weights.get("sha256"),
        "frostline.code": record.get("code"),
        MODEL: files.sha256_file(outputs.model) if outputs.model else None,
        "note": note(outputs),
    }
    return {name: _short(str(value), TAG_LENGTH) for name, value in wanted.items() if value}


def dataset_source(outputs: StageOutputs) -> dict[str, str]:
    """Where the images are found again: frostline's digest of the manifest, DVC's hash of the raw files."""
    known = {
        "dataset": outputs.record["dataset"],
        "digest": outputs.record["dataset_digest"],
        "dvc": outputs.data_hash,
    }
    return {name: value for name, value in known.items() if value}


def dataset_profile(outputs: StageOutputs) -> dict[str, Any]:
    """What MLflow's page of a dataset says: its classes, the images of each split."""
    images = {
        split: outputs.metrics[split]["images"]
        for split in ("train", "validation", "test")
        if outputs.metrics and "images" in outputs.metrics.get(split, {})
    }
    return {"classes": list(outputs.record.get("classes", [])), **({"images": images} if images else {})}


def environment(observed: Observed | None, *, packages: Mapping[str, str]) -> str:
    """A requirements file: every package of the training's environment, or those that its result depends on."""
    if observed:
        origin, pins = "the environment that trained", list(observed.requirements)
    else:
        origin = "what the result depends on; the lock in requirements/ of the run's commit has the rest"
        pins = [f"{name}=={version}" for name, version in packages.items()]
    return "".join(f"{line}\n" for line in [f"# {origin}", *pins])


def machine_tags(observed: Observed) -> dict[str, str]:
    """What the training ran on; the tag that says that all is there comes last."""
    by_tag = {f"frostline.{name}": value[:TAG_LENGTH] for name, value in observed.machine.items()}
    return {
        **{name: value for name, value in by_tag.items() if name != PYTHON},
        PYTHON: by_tag.get(PYTHON, "?"),
    }


def version_tags(outputs: StageOutputs) -> dict[str, str]:
    """What the registry's list of versions shows: dataset and figures; the hashes stand in the version's run."""
    test = (outputs.metrics or {}).get("test", {})
    figures = {
        f"test_{name}": f"{test[name]:.4f}"
        for name in ("accuracy", "accuracy_low", "accuracy_high", "loss")
        if test.get(name) is not None
    }
    known = {
        "dataset": outputs.record["dataset"],
        **figures,
        **({"test_images": str(test["images"])} if "images" in test else {}),
    }
    return {name: value for name, value in known.items() if value}


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, below in value.items():
            yield from _flat(below, f"{prefix}.{name}" if prefix else str(name))
    else:
        yield prefix, value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str, length: int) -> str:
    """Text within MLflow's limit; what is cut off is replaced by a digest, so that texts stay apart."""
    if len(text) <= length:
        return text
    return f"{text[: length - 20]}-{files.sha256(text.encode())[:16]}"
