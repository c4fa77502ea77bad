"""Where things live. Every stage output has its place here; all are relative to the project's root."""

import os
from pathlib import Path

from frostline import system
from frostline.errors import InputError

PARAMS = Path("params.yaml")
DECISIONS = Path("decisions.csv")  # of people, about single photos; only ever added to
CALIBRATION = Path("calibration.csv")  # photos that int8 is calibrated on, chosen by `frostline lock`
PRETRAINED = Path("pretrained")
BACKBONE = "backbone.weights.h5"  # in a weights folder; Keras decides the format by the ending
TRUNK = "trunk.onnx"  # there, of an ONNX file


def weights(name: str) -> Path:
    """Folder of one weights entry: `source.json`, and `backbone.weights.h5`, or `trunk.onnx` of an ONNX file; no other
    file for scratch."""
    return Path("artifacts/weights") / name


def dataset(name: str) -> Path:
    """Folder of one dataset: `manifest.parquet` and `summary.json`."""
    return Path("artifacts/datasets") / name


def data_report(name: str) -> Path:
    """The page about one dataset."""
    return Path("reports/data") / f"{name}.html"


def classifier(name: str) -> Path:
    """Folder of one trained classifier: weights, history, predictions and record."""
    return Path("artifacts/classifiers") / name


def model(name: str) -> Path:
    """Folder of one exported classifier: `model.onnx` and `agreement.json`."""
    return Path("artifacts/models") / name


def metrics(name: str) -> Path:
    """Metrics file of one classifier."""
    return Path("metrics") / f"{name}.json"


def headline(name: str) -> Path:
    """The few figures of one classifier that `dvc metrics` shows side by side."""
    return Path("metrics/headline") / f"{name}.json"


def plots(name: str) -> Path:
    """Folder of one classifier's plots."""
    return Path("plots") / name


def report(name: str) -> Path:
    """Folder of one classifier's report: `report.html` and the tables behind it."""
    return Path("reports/classifiers") / name


COMPARISON = Path("reports/comparison")


def find_root(start: Path) -> Path:
    """The nearest folder at or above `start` that holds dvc.yaml; InputError where there is none."""
    for folder in (start, *start.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise InputError(
        f"no dvc.yaml in {start} or above it; run this in a project, or begin one: frostline init"
    )


def cache(project: Path | None = None) -> Path:
    """The content-addressed cache: $FROSTLINE_CACHE, else `.frostline/cache` in the real root.

    `project` is a folder in a project, None: the current one.

    DVC runs experiments in temporary checkouts that vanish; it names the real root in $DVC_ROOT,
    so that all of them share one cache.
    """
    if chosen := os.environ.get("FROSTLINE_CACHE"):
        return Path(chosen)
    root = os.environ.get("DVC_ROOT")
    return (Path(root) if root else find_root((project or Path()).absolute())) / ".frostline" / "cache"


def scoring_cache() -> Path:
    """The project's cache; this user's own where a scorer runs outside any project."""
    try:
        return cache()
    except InputError:
        return system.user_cache() / "cache"
