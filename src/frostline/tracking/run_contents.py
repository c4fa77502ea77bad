"""What a run shows: params, tags, metrics and files, each brought once however often asked."""

import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline import files
from frostline.tracking import content, runs, wording
from frostline.tracking.content import Point, StageOutputs
from frostline.tracking.machine import SYSTEM
from frostline.tracking.observations import Commit, Observed, Timed

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

DESCRIPTION = "mlflow.note.content"
ENVIRONMENT = "environment/requirements.txt"


def fill(client: "MlflowClient", run: "Run", outputs: StageOutputs) -> None:
    """Bring params, tags, metrics and files of a run up to date; what is there is not doubled."""
    run_id = run.info.run_id
    log(
        client,
        run_id,
        params=_new_params(run, outputs.record),
        tags=_changed(run, content.tags(outputs)),
    )
    # MLflow shows metrics in the order in which they came: the final figures first.
    log_points(client, run, content.results(outputs.metrics, outputs.f1), whole_history=False)
    log_points(client, run, content.epochs(outputs.history), whole_history=True)
    dataset(client, run, source=content.dataset_source(outputs), profile=content.dataset_profile(outputs))
    _name(client, run, outputs)
    _describe(client, run, outputs)
    with tempfile.TemporaryDirectory() as folder:
        for name, source in outputs.files.items():
            target = Path(folder) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        client.log_artifacts(run_id, folder)
    if outputs.observed is None and content.PYTHON not in run.data.tags:
        client.log_text(run_id, content.environment(None, packages=outputs.packages), ENVIRONMENT)


def observe(
    client: "MlflowClient", run: "Run", observed: Observed | None, *, packages: Mapping[str, str]
) -> bool:
    """Bring the observations of the training on this machine; whether anything was missing.

    Where there are none, here or on another machine, the environment is that of `packages`, pins of the record.
    """
    if observed is None:
        return False
    points = _unseen(client, run, observed)
    log_timed(client, run.info.run_id, points)
    if content.PYTHON not in run.data.tags:
        client.log_text(run.info.run_id, content.environment(observed, packages=packages), ENVIRONMENT)
        log(client, run.info.run_id, tags=content.machine_tags(observed))
        return True
    return bool(points)


def _unseen(client: "MlflowClient", run: "Run", observed: Observed) -> list[Timed]:
    """Samples that the run lacks, by their step: what was streamed is there already."""
    there = {
        (name, step)
        for name, step, _ in history(client, run, {n for n in run.data.metrics if n.startswith(SYSTEM)})
    }
    return [point for point in observed.points() if point[:2] not in there]


def log_timed(client: "MlflowClient", run_id: str, points: Sequence[Timed]) -> None:
    """Log points that know when they were taken."""
    from mlflow.entities import Metric

    new = [Metric(name, value, when, step) for name, step, value, when in points]
    for some in _pieces(new, 1000):
        client.log_batch(run_id, metrics=some)


def log(
    client: "MlflowClient",
    run_id: str,
    *,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log params and tags in batches of the size that MLflow takes."""
    from mlflow.entities import Param, RunTag

    for some in _pieces([Param(name, value) for name, value in (params or {}).items()], 100):
        client.log_batch(run_id, params=some)
    for some in _pieces([RunTag(name, value) for name, value in (tags or {}).items()], 100):
        client.log_batch(run_id, tags=some)


def log_points(client: "MlflowClient", run: "Run", points: Sequence[Point], *, whole_history: bool) -> None:
    """Log the points that the run does not have: in its history, or as its latest value."""
    from mlflow.entities import Metric

    latest = run.data.metrics
    if whole_history:
        present = history(client, run, {name for name, _, _ in points})
    else:
        present = [(name, 0, value) for name, value in latest.items()]
    now = int(time.time() * 1000)
    new = [Metric(name, value, now, step) for name, step, value in content.missing(points, present)]
    for some in _pieces(new, 1000):
        client.log_batch(run.info.run_id, metrics=some)


def history(client: "MlflowClient", run: "Run", names: set[str]) -> list[Point]:
    """Every point of these metrics that a run has."""
    return [
        (name, point.step, point.value)
        for name in sorted(names & run.data.metrics.keys())
        for point in client.get_metric_history(run.info.run_id, name)
    ]


def _pieces(items: list[Any], size: int) -> Iterator[list[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _new_params(run: "Run", record: Mapping[str, Any]) -> dict[str, str]:
    """Params cannot be changed in MLflow; one key has one recipe, so nobody needs to."""
    return {name: value for name, value in content.params(record).items() if name not in run.data.params}


def _changed(run: "Run", wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if run.data.tags.get(name) != value}


def commit_tags(run: "Run", commit: Commit | None) -> dict[str, str]:
    """The commit to note: the first one seen, until a clean one takes the place of a dirty one.

    A later sync from another commit must not claim the run.
    """
    known = run.data.tags
    settled = content.COMMIT in known and known.get(content.DIRTY) != "true"
    if commit is None or settled or (content.COMMIT in known and commit.dirty):
        return {}
    return {content.COMMIT: commit.sha, content.DIRTY: str(commit.dirty).lower()}


def dataset(
    client: "MlflowClient", run: "Run", *, source: Mapping[str, str], profile: Mapping[str, Any]
) -> None:
    """The dataset as MLflow's own column shows it; its digests have at most 36 characters.

    `source` names the dataset, its digest, and DVC's hash of the raw files where that is known.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    origin, described = files.canonical_json(dict(source)), files.canonical_json(dict(profile))
    made = Dataset(source["dataset"], source["digest"][:12], "frostline", origin, profile=described)
    inputs = run.inputs.dataset_inputs if run.inputs else []
    if not any(known.dataset.digest == made.digest for known in inputs):
        tag = InputTag("mlflow.data.context", "training, validation and test")
        client.log_inputs(run.info.run_id, [DatasetInput(made, [tag])])


def _name(client: "MlflowClient", run: "Run", outputs: StageOutputs) -> None:
    """The name in the list of runs; one that a person gave stays."""
    first, tags = runs.first_of(client, run, outputs.classifier), run.data.tags
    base, origin = (None, {}) if first is None else (first.data.params, first.data.tags)
    name = wording.run_name(outputs, base, origin)
    if run.info.run_name in {outputs.classifier, tags.get(content.NAMED)} and run.info.run_name != name:
        client.update_run(run.info.run_id, name=name)
    log(client, run.info.run_id, tags=_changed(run, {content.NAMED: name}))


def _describe(client: "MlflowClient", run: "Run", outputs: StageOutputs) -> None:
    """The description on the run's page; one that a person wrote stays."""
    text, before = describe(run, outputs), run.data.tags.get(DESCRIPTION, "")
    if is_ours(before, run.data.tags, outputs):
        log(client, run.info.run_id, tags=_changed(run, {DESCRIPTION: text, content.DESCRIBED: mark(text)}))


def describe(run: "Run", outputs: StageOutputs) -> str:
    """The description of a run, and of the version that it made."""
    info = run.info
    report = f"#/experiments/{info.experiment_id}/runs/{info.run_id}/artifacts/{wording.REPORT}"
    return wording.description(outputs, report=report if wording.REPORT in outputs.files else "")


def is_ours(text: str, tags: Mapping[str, str], outputs: StageOutputs) -> bool:
    """Whether nobody wrote a description but frostline, this version or an earlier one."""
    return text in {"", content.note(outputs)} or tags.get(content.DESCRIBED) == mark(text)


def mark(text: str) -> str:
    """By which a text of our own is known again."""
    return files.sha256(text.encode())[:16]
