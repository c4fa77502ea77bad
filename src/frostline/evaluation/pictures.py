"""All pictures of one evaluation, as PNG by name."""

from typing import Any

from frostline.evaluation import (
    calibration,
    diagrams,
    gallery,
    metrics,
    plots,
    ranking,
    selective_prediction,
    style,
)
from frostline.evaluation.dataset_findings import Findings
from frostline.evaluation.gallery import Mistake


def draw(name: str, of: Findings) -> dict[str, bytes]:
    """confusion, curves, mistakes, reliability, ranking and abstaining of the test split."""
    test, figures = of.test, of.measured["test"].figures
    about: dict[str, Any] = {"classifier": name, "note": of.note}
    matrix = metrics.confusion(test.labels, test.predicted, classes=len(test.classes))
    bins = calibration.reliability(test.probs, test.right)
    sure = test.probs.max(axis=1)
    rows = [
        selective_prediction.answered(sure, test.right, threshold=step)
        for step in (0.0, *selective_prediction.SURE)
    ]
    curves = (ranking.roc(test.labels, test.probs), ranking.precision_recall(test.labels, test.probs))
    wrong = int((~test.right).sum())
    drawn = {
        "confusion": plots.confusion(matrix, test.classes, **about),
        "curves": plots.curves(of.course, **about),
        "mistakes": gallery.mistakes(_mistakes(of), wrong=wrong, total=len(test), **about),
        "reliability": diagrams.reliability(bins, error=figures["calibration_error"], **about),
        "ranking": diagrams.ranking(curves, test.classes, areas=figures, **about),
        "abstaining": diagrams.abstaining(rows, **about),
    }
    return {key: style.png(figure) for key, figure in drawn.items()}


def _mistakes(of: Findings) -> list[Mistake]:
    """The surest wrong answers with their photos, in order."""
    shown = of.test.take(of.test.surest_mistakes(gallery.TILES))
    return [
        Mistake(
            pixels=of.photos[path],
            actual=shown.classes[shown.labels[row]],
            predicted=shown.classes[shown.predicted[row]],
            probability=float(shown.probs[row].max()),
            path=path,
        )
        for row, path in enumerate(shown.paths)
    ]
