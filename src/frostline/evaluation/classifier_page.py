"""The report of one classifier: all its results on one page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from frostline import pages
from frostline.evaluation import calibration, results, selective_prediction
from frostline.evaluation.label_issues import LabelIssue
from frostline.evaluation.metrics import TOP, Metrics
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.rejections import SHARES, Rejection
from frostline.evaluation.results import Results
from frostline.evaluation.statistics import Estimate, difference
from frostline.evaluation.temperature import Temperature

NEAR = 3  # training images named below an error
SET_SHOWN = 0.95  # the promised coverage that is shown class by class
_FIGURES = (
    ("accuracy", "accuracy", "share"),
    ("balanced_accuracy", "balanced accuracy (mean recall)", "share"),
    ("macro_f1", "macro F1", "share"),
    *((f"top_{k}", f"top-{k} accuracy", "share") for k in TOP),
    ("loss", "log loss (nats)", "number"),
    ("brier", "Brier score (0 best, 2 worst)", "number"),
    ("calibration_error", "expected calibration error", "share"),
    ("roc_auc", "ROC AUC", "number"),
    ("average_precision", "average precision", "number"),
)


@dataclass(frozen=True)
class Tile:
    """A photo with a first line in bold, a second and its path; perhaps its Grad-CAM beside it.

    `picture` and `beside` are data addresses; `wrong` colours the second line as a mistake;
    `near` are the training images most like it.
    """

    picture: str
    first: str
    second: str
    path: str
    beside: str = ""
    wrong: bool = True
    near: Sequence[str] = ()


def page(name: str, evaluated: Results, pictures: Mapping[str, bytes]) -> str:
    """The HTML of one classifier's report; `pictures` are PNG bytes by name."""
    test, measured = evaluated.rows["test"], evaluated.metrics
    accuracies = [measured[split].accuracy for split in ("train", "validation", "test")]
    return pages.render(
        "frostline.evaluation",
        "classifier.html.j2",
        name=name,
        marks={
            "classifier": name,
            "key": evaluated.record["key"],
            "dataset_digest": evaluated.record["dataset_digest"],
        },
        record=evaluated.record,
        note=evaluated.note,
        measured={split: measured[split] for split in ("test", "validation", "train")},
        figures=[row for row in _FIGURES if row[0] in measured["test"].figures],
        gaps=overfitting_sentences(*accuracies),
        classes=test.classes,
        right=int(test.right.sum()),
        calibration=_calibration(test, measured["test"]),
        temperature=temperature_sentence(evaluated.temperature),
        before=evaluated.uncalibrated.figures if evaluated.temperature.value != 1 else None,
        **_promises(evaluated),
        targets=list(selective_prediction.targets(_answers(evaluated.rows["validation"]), _answers(test))),
        **_thresholds(evaluated.rows["validation"], test),
        slices=evaluated.slices,
        errors=[_tile(test, row, evaluated) for row in test.most_confident_errors(results.SHOWN)],
        unsure=[_tile(test, row, evaluated) for row in test.least_confident(results.SHOWN)],
        layer=evaluated.layer,
        views=[pages.photo(view) for view in evaluated.views],
        augmentation=evaluated.record.get("recipe", {}).get("augmentation"),
        label_issues=evaluated.label_issues,
        issues=[_issue(issue, evaluated) for issue in (evaluated.label_issues or ())[: results.SHOWN]],
        checked=evaluated.checked,
        origin=_origin(evaluated.record, evaluated.hashes),
        recipe=json.dumps(evaluated.record.get("recipe", {}), indent=2, ensure_ascii=False),
        pictures={key: pages.embedded(png) for key, png in pictures.items()},
    )


def _promises(evaluated: Results) -> dict[str, Any]:
    """What was promised of sets of classes, and of how many images are rejected, and how it held on test."""
    return {
        "sets": [row for row in evaluated.sets if not row.name],
        "set_classes": [row for row in evaluated.sets if row.name and row.promised == SET_SHOWN],
        "unlike_shares": SHARES,
        "unlike": _unlike(evaluated),
    }


def _unlike(evaluated: Results) -> list[tuple[str, int, list[Estimate]]]:
    """What `--unknown` rejects of test: all images, then each class; an estimate for each share."""
    rows: dict[str, list[Rejection]] = {}
    for row in evaluated.rejections:
        rows.setdefault(row.name, []).append(row)
    return [(name, of[0].images, [row.rejected for row in of]) for name, of in rows.items()]


def _answers(rows: Predictions) -> tuple[np.ndarray, np.ndarray]:
    return rows.confidence, rows.right


def _thresholds(validation: Predictions, test: Predictions) -> dict[str, Any]:
    """The table for two classes, and the row that validation would choose."""
    if len(test.classes) != 2:
        return {"thresholds": [], "chosen": None}
    table = selective_prediction.thresholds(test.labels, test.probs[:, 1])
    return {
        "thresholds": table,
        "chosen": selective_prediction.best_f1(validation.labels, validation.probs[:, 1]),
    }


def _calibration(test: Predictions, measured: Metrics) -> str:
    """Over- or underconfidence in a sentence."""
    error = measured.figures["calibration_error"]
    off = 100 * calibration.overconfidence(test.probs, test.right)
    if error.low == 0:
        return "No significant miscalibration: confidence and accuracy agree."
    how = "overconfident" if off > 0 else "underconfident"
    return (
        f"On average the classifier is {abs(off):.1f} points {how}; expected calibration error "
        f"{100 * error.value:.1f} points (95%: {100 * error.low:.1f} to {100 * error.high:.1f}). "
        "Do not use its probabilities as they are."
    )


def temperature_sentence(found: Temperature) -> str:
    """What was done about the calibration, and on what evidence."""
    if found.value == 1:
        return f"The network's own probabilities stay (temperature 1): {found.reason}."
    gain = found.gain
    by = "" if gain is None else f" by {gain.value:.3g} nats (95%: {gain.low:.2g} to {gain.high:.2g})"
    return (
        f"The exported model divides logits by {found.value:.3g} (temperature scaling), which lowers the loss on "
        f"{found.images:,} validation images{by}, each by a temperature that it had no part in. All figures here "
        "are of the exported model."
    )


def _tile(test: Predictions, row: int, evaluated: Results) -> Tile:
    path, predicted = test.paths[row], int(test.predicted[row])
    second = f"→ {test.classes[predicted]} {test.probs[row, predicted]:.1%}"
    heat = pages.photo(evaluated.overlays[path]) if path in evaluated.overlays else ""
    wrong = predicted != test.labels[row]
    near = [f"{one['path']} ({one['label']})" for one in evaluated.neighbours.get(path, ())[:NEAR]]
    photo, actual = pages.photo(evaluated.photos[path]), test.classes[test.labels[row]]
    return Tile(photo, actual, second, path, heat, bool(wrong), near)


def _issue(issue: LabelIssue, evaluated: Results) -> Tile:
    second = f"predicted {issue.predicted} {issue.probability:.1%}"
    return Tile(pages.photo(evaluated.photos[issue.path]), f"labelled {issue.label}", second, issue.path)


def _origin(record: Mapping[str, Any], hashes: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a result stands for, by content: rows for a table."""
    weights, parameters = record["weights"], record["parameters"]
    packages = ", ".join(f"{name} {version}" for name, version in record.get("packages", {}).items())
    return [
        ("training key", record["key"]),
        ("dataset", record["dataset"]),
        ("dataset digest", record["dataset_digest"]),
        ("weights", f"{weights.get('backbone') or 'none'} from {weights['source']}"),
        ("weights file (SHA-256)", weights.get("sha256") or "none"),
        ("parameters", f"{parameters['trainable']:,} trainable, {parameters['frozen']:,} frozen"),
        ("training code (digest)", record.get("code", "")),
        ("packages", packages),
        *hashes.items(),
    ]


def overfitting_sentences(train: Estimate, validation: Estimate, test: Estimate) -> list[str]:
    """Two sentences on the accuracies of the three splits: overfitting, and whether validation was fair."""
    return [_overfitting(difference(train, validation), train), _optimism(difference(validation, test))]


def _overfitting(gap: Estimate, train: Estimate) -> str:
    if gap.low > 0:
        return (
            f"Overfitting: train − validation = {_points(gap)}. Fewer trainable parameters, early "
            "stopping, dropout or a stronger penalty on the weights, augmentation or more photos may turn part of it "
            "into accuracy."
        )
    if gap.high < 0:
        return (
            f"Train is below validation: train − validation = {_points(gap)}. Dropout or augmentation hold "
            "training back, the splits differ, or it stopped too early."
        )
    low = (
        " Both are low: the network may be too small, or was trained too briefly."
        if train.value < 0.8
        else ""
    )
    return f"No significant overfitting: train − validation = {_points(gap)}.{low}"


def _optimism(gap: Estimate) -> str:
    if gap.low > 0:
        return (
            f"Test is below validation: validation − test = {_points(gap)}. Choices were made on validation, "
            "or the test photos are harder; expect the test accuracy on new photos."
        )
    if gap.high < 0:
        return (
            f"Test is above validation: validation − test = {_points(gap)}. Its photos are easier, or there "
            "is a leak."
        )
    return f"Validation and test do not differ significantly: validation − test = {_points(gap)}."


def _points(gap: Estimate) -> str:
    value, low, high = (f"{100 * end:.1f}".replace("-", "−") for end in (gap.value, gap.low, gap.high))
    return f"{value} points (95%: {low} to {high})"
