"""The tables of one evaluation as CSV: the data of DVC's plots, and what stands behind the page."""

from frostline.evaluation import calibration, flattening, metrics, selective_prediction
from frostline.evaluation.dataset_findings import Findings
from frostline.evaluation.label_issues import Doubt
from frostline.evaluation.slices import Slice


def plotted(of: Findings) -> dict[str, str]:
    """What DVC draws: a row a test image with its classes, a row a class."""
    test = of.test
    names = [
        (test.classes[label], test.classes[said])
        for label, said in zip(test.labels, test.predicted, strict=True)
    ]
    return {
        "confusion.csv": flattening.table(("actual", "predicted"), names),
        "classes.csv": flattening.table(
            metrics.CLASS_COLUMNS, metrics.class_rows(of.measured["test"].per_class)
        ),
    }


def behind(of: Findings) -> dict[str, str]:
    """Coverage, reliability, slices; thresholds of two classes; labels in doubt where they were checked."""
    test, sure = of.test, of.test.probs.max(axis=1)
    covered = [
        selective_prediction.answered(sure, test.right, threshold=step) for step in selective_prediction.SURE
    ]
    tables = {
        "coverage.csv": flattening.text(covered, of=selective_prediction.Answered),
        "reliability.csv": flattening.text(
            calibration.reliability(test.probs, test.right), of=calibration.Bin
        ),
        "slices.csv": flattening.text(of.slices, of=Slice),
    }
    if len(test.classes) == 2:
        steps = selective_prediction.thresholds(test.labels, test.probs[:, 1])
        tables["thresholds.csv"] = flattening.text(steps, of=selective_prediction.Threshold)
    if of.doubts is not None:
        tables["label_errors.csv"] = flattening.text(of.doubts, of=Doubt)
    return tables
