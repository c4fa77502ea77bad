"""Results of one evaluation: everything that its pictures, its tables and its page are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from frostline.evaluation import (
    calibration,
    gallery,
    metrics,
    plots,
    probability_plots,
    ranking,
    rejections,
    selective_prediction,
    solver_rows,
    style,
    tables,
)
from frostline.evaluation.gallery import Mistake
from frostline.evaluation.history import History
from frostline.evaluation.label_issues import LabelIssue
from frostline.evaluation.metrics import Metrics
from frostline.evaluation.prediction_sets import SetCoverage
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.rejections import Rejection
from frostline.evaluation.slices import Slice
from frostline.evaluation.temperature import Temperature

SHOWN = 12  # photos of one kind on the page
UNLIKE = "unknown"  # the name of a picture that not every classifier has


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of each split, their figures, and photos ((H, W, 3) uint8) by path.

    The rows hold the probabilities that the exported model gives, `uncalibrated` are the test figures without the
    temperature; `sets` are prediction sets on test, `unlike` (N,) is how unlike the training images each test image is,
    None where nothing is frozen. `label_issues` is None where labels were not checked, `checked`
    counts the images that were. `neighbours` are the nearest training images of a test image (path, label), nearest
    first. `overlays` holds photos as the network takes them, covered by Grad-CAM's heat at
    `layer`; `views` one training image as epochs show it.
    """

    record: Mapping[str, Any]
    note: str
    history: History
    rows: Mapping[str, Predictions]
    metrics: Mapping[str, Metrics]
    temperature: Temperature
    uncalibrated: Metrics
    sets: Sequence[SetCoverage]
    unlike: np.ndarray | None
    slices: Sequence[Slice]
    label_issues: Sequence[LabelIssue] | None
    checked: int
    photos: Mapping[str, np.ndarray]
    neighbours: Mapping[str, Sequence[Mapping[str, Any]]]
    overlays: Mapping[str, np.ndarray]
    layer: str
    views: Sequence[np.ndarray]
    hashes: Mapping[str, str]

    @property
    def test(self) -> Predictions:
        return self.rows["test"]

    @property
    def rejections(self) -> list[Rejection]:
        """What `--unknown` rejects of test: by share, all images and each class."""
        return list(rejections.measured(self.test, self.unlike))


def shown(test: Predictions, label_issues: Sequence[LabelIssue]) -> list[str]:
    """Paths of the photos that pictures and page show, each once."""
    rows = (*test.most_confident_errors(gallery.TILES), *test.least_confident(SHOWN))
    return list(
        dict.fromkeys([*(test.paths[row] for row in rows), *(issue.path for issue in label_issues[:SHOWN])])
    )


def pictures(name: str, evaluated: Results) -> dict[str, bytes]:
    """PNG by name: confusion, curves, mistakes, reliability, ranking and abstaining of the test split."""
    test, figures = evaluated.test, evaluated.metrics["test"].figures
    about: dict[str, Any] = {"classifier": name, "note": evaluated.note}
    matrix = metrics.confusion(test.labels, test.predicted, classes=len(test.classes))
    bins = calibration.reliability(test.probs, test.right)
    rows = selective_prediction.curve(
        test.confidence, test.right, thresholds=(0.0, *selective_prediction.STEEP)
    )
    curves = (ranking.roc(test.labels, test.probs), ranking.precision_recall(test.labels, test.probs))
    wrong = int((~test.right).sum())
    solved = solver_rows.read(evaluated.record["recipe"], evaluated.history.phases)
    drawn = {
        "confusion": plots.confusion(matrix, test.classes, **about),
        "curves": plots.curves(evaluated.history, solved=solved, **about),
        "mistakes": gallery.mistakes(_mistakes(evaluated), wrong=wrong, total=len(test), **about),
        "reliability": probability_plots.reliability(bins, error=figures["calibration_error"], **about),
        "ranking": probability_plots.ranking(curves, test.classes, areas=figures, **about),
        "abstaining": probability_plots.abstaining(rows, **about),
    }
    return {key: style.png(figure) for key, figure in drawn.items()}


def unlike_picture(name: str, evaluated: Results) -> bytes | None:
    """PNG of which share of test is rejected as unknown; None where the model does not tell it."""
    if evaluated.unlike is None:
        return None
    by_class = [row for row in evaluated.rejections if row.name and row.promised == rejections.SHOWN]
    curve = rejections.curve(evaluated.unlike)
    return style.png(probability_plots.rejecting(curve, by_class, classifier=name, note=evaluated.note))


def _mistakes(evaluated: Results) -> list[Mistake]:
    """The most confident errors with their photos, in order."""
    errors = evaluated.test.take(evaluated.test.most_confident_errors(gallery.TILES))
    return [
        Mistake(
            pixels=evaluated.photos[path],
            actual=errors.classes[errors.labels[row]],
            predicted=errors.classes[errors.predicted[row]],
            probability=float(errors.probs[row].max()),
            path=path,
        )
        for row, path in enumerate(errors.paths)
    ]


def plotted_tables(evaluated: Results) -> dict[str, str]:
    """CSV that DVC draws: a row per test image with its classes, a row per class."""
    test = evaluated.test
    names = [
        (test.classes[label], test.classes[predicted])
        for label, predicted in zip(test.labels, test.predicted, strict=True)
    ]
    return {
        "confusion.csv": tables.table(("actual", "predicted"), names),
        "classes.csv": tables.table(
            metrics.CLASS_COLUMNS, metrics.class_rows(evaluated.metrics["test"].per_class)
        ),
    }


def report_tables(evaluated: Results) -> dict[str, str]:
    """CSV behind the page: coverage, reliability, slices; thresholds of two classes; what `--unknown` rejects and label
    issues where there are any.
    """
    test = evaluated.test
    covered = selective_prediction.curve(test.confidence, test.right, thresholds=selective_prediction.STEEP)
    named = {
        "coverage.csv": tables.text(covered, kind=selective_prediction.Coverage),
        "reliability.csv": tables.text(calibration.reliability(test.probs, test.right), kind=calibration.Bin),
        "sets.csv": tables.text(evaluated.sets, kind=SetCoverage),
        "slices.csv": tables.text(evaluated.slices, kind=Slice),
    }
    if len(test.classes) == 2:
        steps = selective_prediction.thresholds(test.labels, test.probs[:, 1])
        named["thresholds.csv"] = tables.text(steps, kind=selective_prediction.Threshold)
    if evaluated.unlike is not None:
        named["unknown.csv"] = tables.text(evaluated.rejections, kind=Rejection)
    if evaluated.label_issues is not None:
        named["label_issues.csv"] = tables.text(evaluated.label_issues, kind=LabelIssue)
    return named
