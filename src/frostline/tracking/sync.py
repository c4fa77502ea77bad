"""Stage outputs and studies to MLflow: runs, pictures and models brought up to date."""

import csv
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from frostline import csv_text, files, paths, tracking
from frostline.errors import FrostlineError
from frostline.evaluation import history, stage_outputs
from frostline.pipeline import dvc_lock
from frostline.pipeline.experiments import Experiment
from frostline.pipeline.experiments import found as find_experiments
from frostline.progress import say
from frostline.tracking import Commit, Published, StageOutputs
from frostline.tracking.wording import REPORT

RECORD = (*stage_outputs.RECORD, "key", "classifier", "recipe")
# In the order in which they run.
STAGES = ("train", "evaluate", "export")


def run(names: Sequence[str], *, experiments: bool = False) -> None:
    """Bring the runs of these classifiers and of every study up to date, one line each, then say where to look.

    With `experiments` also the results of DVC's experiments, which nobody need have applied: see `_experiment`.

    It may be called as often as wanted: one run per training, one version per model. A store that
    does not answer is a FrostlineError within 10 seconds; the outputs stay, so a later sync has all.
    """
    uri = tracking.store()
    tracking.require(uri)
    width = max(len(name) for name in names)
    commit = tracking.commit(Path.cwd())
    for name in names:
        say(f"{name:<{width}}  {_sync(name, uri=uri, commit=commit)}")
    for experiment in find_experiments() if experiments else ():
        for name in experiment.classifiers:
            say(f"{name:<{width}}  {_experiment(experiment, name, uri=uri)}")
    for study in tracking.saved_studies():
        changed = tracking.publish_study(study, uri=uri)
        state = "updated" if changed else "already up to date"
        count = len(study.children)
        trainings = f"{count} training{'s' if count > 1 else ''}"
        say(f"{study.classifier:<{width}}  {state}: sweep of {study.kind}, {trainings}")
    say(f"to look at it: {tracking.where_to_look(uri)}")


def _sync(name: str, *, uri: str, commit: Commit | None) -> str:
    outputs = gather(name)
    if outputs is None:
        return f"not trained yet: dvc repro train@{name}"
    done = describe(tracking.publish(outputs, uri=uri, commit=commit))
    parts = [done, _missing(name, outputs), tracking.note(outputs)]
    return "; ".join(part for part in parts if part)


def _experiment(experiment: Experiment, name: str, *, uri: str) -> str:
    """Bring a classifier of a DVC experiment from DVC's cache; a run, but no version of the registry."""
    with tempfile.TemporaryDirectory() as folder:
        missing = experiment.lay_out(name, Path(folder))
        outputs = None if missing else gather(name, Path(folder))
        if outputs is None:
            lacking = f"DVC's cache lacks {', '.join(missing)}" if missing else "it has no training"
            return f"experiment {experiment.name}: {lacking}"
        commit = Commit(experiment.commit, dirty=False)
        done = describe(tracking.publish(outputs, uri=uri, commit=commit, version_too=False))
    return f"experiment {experiment.name}: {done}"


def gather(name: str, root: Path = Path()) -> StageOutputs | None:
    """What the stages wrote for a classifier in a project's root; None before training.

    Metrics and model of an earlier training lie there until their stages have run again: they are
    not this run's, and are left out.
    """
    folder, metrics = root / paths.classifier(name), root / paths.metrics(name)
    model, plots = root / paths.model(name) / "model.onnx", root / paths.plots(name)
    agreement = model.with_name("agreement.json")
    record = _json(folder / "record.json", keys=RECORD, made_by=f"dvc repro train@{name}")
    if record is None or not (folder / "history.csv").is_file():
        return None
    course = history.read(folder / "history.csv", made_by=f"dvc repro train@{name}")
    figures = _json(metrics, keys=stage_outputs.METRICS, made_by=f"dvc repro evaluate@{name}")
    classes, report = plots / "classes.csv", root / paths.report(name) / REPORT
    figures = _of_training(figures, record) if classes.is_file() else None
    agreed = _of_training(_json(agreement, keys=("model",), made_by=f"dvc repro export@{name}"), record)
    # The proof names the file that it proves: a model that was swapped or half restored is not it.
    exported = agreed is not None and model.is_file() and agreed["model"] == files.sha256_file(model)
    logged = {"record.json": folder / "record.json", "history.csv": folder / "history.csv"}
    logged |= _compared(name, record, root)
    if figures:
        pictures = sorted(path for path in plots.glob("*") if path.is_file())
        logged |= {"metrics.json": metrics, **{f"plots/{path.name}": path for path in pictures}}
        logged |= {REPORT: report} if report.is_file() else {}
    if exported:
        logged |= {"agreement.json": agreement}
    f1 = _f1(classes, made_by=f"dvc repro evaluate@{name}") if figures else {}
    return StageOutputs(
        record=record,
        history=_rows(course),
        phases=course.phases,
        metrics=figures,
        f1=f1,
        files=logged,
        model=model if exported else None,
        data_hash=dvc_lock.data_hash(record["dataset"], classifier=name, path=root / dvc_lock.LOCK),
        observed=tracking.observed(record["key"]),
    )


def _compared(name: str, record: Mapping[str, Any], root: Path) -> dict[str, Path]:
    """What a later challenger is compared with, on whoever's machine: predictions, the dataset's summary."""
    predictions = root / paths.classifier(name) / "predictions.parquet"
    summary = root / paths.dataset(record["dataset"]) / "summary.json"
    audited = _json(summary, keys=("digest",), made_by=f"dvc repro preprocess@{record['dataset']}")
    logged = {"predictions.parquet": predictions} if predictions.is_file() else {}
    if audited and audited["digest"] == record["dataset_digest"]:
        logged |= {"dataset.json": summary}
    return logged


def _of_training(result: dict[str, Any] | None, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """A later stage's result, if it names no other training than the record's."""
    if result is None:
        return None
    same = all(result.get(name, record[name]) == record[name] for name in ("key", "dataset_digest"))
    return result if same else None


def _json(path: Path, *, keys: Iterable[str], made_by: str) -> dict[str, Any] | None:
    return stage_outputs.read(path, keys=keys, made_by=made_by) if path.is_file() else None


def _rows(course: history.History) -> list[dict[str, float]]:
    """The figures of each epoch."""
    return [{name: float(getattr(course, name)[i]) for name in history.FIGURES} for i in range(len(course))]


def _f1(path: Path, *, made_by: str) -> dict[str, float | None]:
    """F1 in the test split by class; None where it is a share of nothing."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {
                csv_text.unescape(row["class"]): float(row["f1"]) if row["f1"] != "" else None
                for row in csv.DictReader(file)
            }
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise FrostlineError(f"{path} cannot be read ({error!r}); run `{made_by}` again") from None


def _missing(name: str, outputs: StageOutputs) -> str:
    """What to run so that the rest can be synced."""
    there = (True, outputs.metrics is not None, outputs.model is not None)
    waiting = [f"{stage}@{name}" for stage, done in zip(STAGES, there, strict=True) if not done]
    return f"not there yet: dvc repro {' '.join(waiting)}" if waiting else ""


def describe(published: Published) -> str:
    """What a call did, in a few words."""
    run = f"run {published.run_id[:8]}"
    version = f"version {published.version}" if published.version else "no version"
    if not published.changed:
        return f"already up to date: {run}, {version}"
    done = "created" if published.created else "updated"
    return f"{done} {run}, {'registered ' if published.registered else ''}{version}"
