"""The report of one classifier: what was measured, shown and told on one page."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from frostline.evaluation import calibration, dataset_findings, overfitting, pages, selective_prediction
from frostline.evaluation.dataset_findings import Findings
from frostline.evaluation.label_issues import Doubt
from frostline.evaluation.metrics import TOP, Metrics
from frostline.evaluation.pages import Tile
from frostline.evaluation.predictions import Predictions

_FIGURES = (
    ("accuracy", "accuracy", "share"),
    ("balanced_accuracy", "balanced accuracy (mean recall of the classes)", "share"),
    ("macro_f1", "macro F1 (mean F1 of the classes)", "share"),
    *((f"top_{k}", f"right class among the {k} most probable", "share") for k in TOP),
    ("loss", "log loss (nats)", "number"),
    ("brier", "Brier score (0 best, 2 worst)", "number"),
    ("calibration_error", "expected calibration error", "share"),
    ("roc_auc", "area below the ROC curve", "number"),
    ("average_precision", "average precision", "number"),
)


def page(name: str, of: Findings, pictures: Mapping[str, bytes]) -> str:
    """The HTML of one classifier's report; `pictures` are PNG bytes by name."""
    test, measured = of.rows["test"], of.measured
    accuracies = [measured[split].accuracy for split in ("train", "validation", "test")]
    doubts = of.doubts or ()
    return pages.render(
        "classifier.html.j2",
        name=name,
        marks={"classifier": name, "key": of.record["key"], "dataset_digest": of.record["dataset_digest"]},
        record=of.record,
        note=of.note,
        measured={split: measured[split] for split in ("test", "validation", "train")},
        figures=[row for row in _FIGURES if row[0] in measured["test"].figures],
        gaps=overfitting.told(*accuracies),
        classes=test.classes,
        trust=_trust(test, measured["test"]),
        promises=list(selective_prediction.promises(_answers(of.rows["validation"]), _answers(test))),
        **_thresholds(of.rows["validation"], test),
        slices=of.slices,
        wrong=int((~test.right).sum()),
        mistakes=[_tile(test, row, of) for row in test.surest_mistakes(dataset_findings.SHOWN)],
        unsure=[_tile(test, row, of) for row in test.least_sure(dataset_findings.SHOWN)],
        layer=of.layer,
        views=[pages.photo(each) for each in of.views],
        augmentation=of.record.get("recipe", {}).get("augmentation"),
        doubts=of.doubts,
        doubted=[_doubted(doubt, of) for doubt in doubts[: dataset_findings.SHOWN]],
        checked=of.checked,
        origin=pages.origin(of.record, of.hashes),
        recipe=json.dumps(of.record.get("recipe", {}), indent=2, ensure_ascii=False),
        pictures={key: pages.embedded(png) for key, png in pictures.items()},
    )


def _answers(rows: Predictions) -> tuple[np.ndarray, np.ndarray]:
    return rows.probs.max(axis=1), rows.right


def _thresholds(validation: Predictions, test: Predictions) -> dict[str, Any]:
    """The table for two classes, and the row that validation would choose."""
    if len(test.classes) != 2:
        return {"thresholds": [], "chosen": None}
    table = selective_prediction.thresholds(test.labels, test.probs[:, 1])
    return {
        "thresholds": table,
        "chosen": selective_prediction.best_f1(validation.labels, validation.probs[:, 1]),
    }


def _trust(test: Predictions, measured: Metrics) -> str:
    """Over- or underconfidence in words."""
    error = measured.figures["calibration_error"]
    off = 100 * calibration.surer_than_right(test.probs, test.right)
    if error.low == 0:
        return "Said and right agree as well as chance allows: the probabilities can be taken at their word."
    how = "surer than right" if off > 0 else "less sure than right"
    return (
        f"On average the classifier is {abs(off):.1f} points {how}, and its probabilities are off by "
        f"{100 * error.value:.1f} points ({100 * error.low:.1f} to {100 * error.high:.1f}): "
        "do not take them at their word."
    )


def _tile(test: Predictions, row: int, of: Findings) -> Tile:
    path, guess = test.paths[row], int(test.predicted[row])
    told = f"→ {test.classes[guess]} {test.probs[row, guess]:.1%}"
    warm = pages.photo(of.warm[path]) if path in of.warm else ""
    return Tile(pages.photo(of.photos[path]), test.classes[test.labels[row]], told, path, warm)


def _doubted(doubt: Doubt, of: Findings) -> Tile:
    second = f"looks like {doubt.looks_like} {doubt.probability:.1%}"
    return Tile(pages.photo(of.photos[doubt.path]), f"labelled {doubt.label}", second, doubt.path)
