"""compare: all classifiers of params.yaml beside each other, with how sure the ranking is."""

from collections.abc import Mapping
from typing import Any

from frostline import config, files, paths
from frostline.errors import FrostlineError
from frostline.evaluation import comparison_report, predictions, stage_outputs, style, temperature
from frostline.evaluation.comparison import Candidate, compare
from frostline.evaluation.metrics import DECIMALS


def run() -> str:
    """Write the comparison as a page, JSON, Markdown, text and PNG; returns the text and where the page is.

    Only classifiers that params.yaml names take part, whatever else lies in metrics/.
    FrostlineError names the stage that has to run first.
    """
    comparison = compare(_candidate(name) for name in config.load().classifiers)
    files.write_json(paths.COMPARISON / "comparison.json", comparison)
    files.write_text(paths.COMPARISON / "comparison.md", comparison_report.markdown(comparison))
    files.write_text(paths.COMPARISON / "comparison.txt", comparison_report.render(comparison))
    with files.writing(paths.COMPARISON / "comparison.png") as temporary:
        temporary.write_bytes(style.png(comparison_report.accuracies(comparison)))
    files.write_text(paths.COMPARISON / "report.html", comparison_report.page(comparison))
    return f"{comparison_report.render(comparison)}\nWrote {paths.COMPARISON / 'report.html'}"


def _candidate(name: str) -> Candidate:
    """One classifier's files, checked to speak of the same training."""
    made_by, folder = f"dvc repro evaluate@{name}", paths.classifier(name)
    metrics = stage_outputs.read(paths.metrics(name), keys=stage_outputs.METRICS, made_by=made_by)
    record = stage_outputs.read(folder / "record.json", keys=stage_outputs.RECORD, made_by=made_by)
    predicted = predictions.read(folder / "predictions.parquet", made_by=made_by)
    test = temperature.calibrated(predicted).split("test")
    stated = (metrics["dataset_digest"], metrics["test"]["images"], metrics["test"]["accuracy"])
    right = round(float(test.right.mean()), DECIMALS) if len(test) else None
    if stated != (record["dataset_digest"], len(test), right):
        raise FrostlineError(f"{paths.metrics(name)} is older than {folder}; run `{made_by}`")
    return Candidate(
        name=name, metrics=metrics, parameters=record["parameters"], test=test, model=_model(name, record)
    )


def _model(name: str, record: Mapping[str, Any]) -> str:
    """The hash of the exported model of this very training, "" where there is none."""
    path, made_by = paths.model(name) / "agreement.json", f"dvc repro export@{name}"
    if not path.is_file():
        return ""
    proof = stage_outputs.read(path, keys=("model",), made_by=made_by)
    return str(proof["model"]) if proof.get("key") == record.get("key") else ""
