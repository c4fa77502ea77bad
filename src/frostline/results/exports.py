"""The tables of one evaluation as CSV: the data of DVC's plots, and what stands behind the page."""

from frostline.results import answers, calibration, flat, metrics
from frostline.results.findings import Findings
from frostline.results.labels import Doubt
from frostline.results.slices import Slice


def plotted(of: Findings) -> dict[str, str]:
    """What DVC draws: a row a test image with its classes, a row a class."""
    test = of.test
    names = [
        (test.classes[label], test.classes[said])
        for label, said in zip(test.labels, test.predicted, strict=True)
    ]
    return {
        "confusion.csv": flat.table(("actual", "predicted"), names),
        "classes.csv": flat.table(metrics.CLASS_COLUMNS, metrics.class_rows(of.measured["test"].per_class)),
    }


def behind(of: Findings) -> dict[str, str]:
    """Coverage, reliability, slices; thresholds of two classes; labels in doubt where they were checked."""
    test, sure = of.test, of.test.probs.max(axis=1)
    covered = [answers.answered(sure, test.right, threshold=step) for step in answers.SURE]
    tables = {
        "coverage.csv": flat.text(covered, of=answers.Answered),
        "reliability.csv": flat.text(calibration.reliability(test.probs, test.right), of=calibration.Bin),
        "slices.csv": flat.text(of.slices, of=Slice),
    }
    if len(test.classes) == 2:
        steps = answers.thresholds(test.labels, test.probs[:, 1])
        tables["thresholds.csv"] = flat.text(steps, of=answers.Threshold)
    if of.doubts is not None:
        tables["label_errors.csv"] = flat.text(of.doubts, of=Doubt)
    return tables
