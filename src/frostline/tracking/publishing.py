"""Bring a classifier's run, files, model and registration, or a study's runs, up to date, as often as called."""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline import files
from frostline.errors import FrostlineError
from frostline.progress import announce, note
from frostline.tracking import content, observations, registry, run_contents, runs, store_uri, studies
from frostline.tracking.content import STUDY, SYNCED, StageOutputs
from frostline.tracking.database import locked
from frostline.tracking.observations import Commit
from frostline.tracking.runs import RunIdentity
from frostline.tracking.session import session
from frostline.tracking.studies import Child, Study

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"  # MLflow's pages fold children below the run that this names

# Another sync may be sending a large model.
LOCK_SECONDS = 600.0


@dataclass(frozen=True)
class Published:
    """What a call found or did: the run, the registered version (None before export)."""

    run_id: str
    version: int | None
    created: bool  # this call created the run
    registered: bool  # this call registered the version
    changed: bool  # anything at all was brought


def publish(
    outputs: StageOutputs, *, uri: str, commit: Commit | None = None, version_too: bool = True
) -> Published:
    """Find or create the run of the outputs' key in the store and bring what is missing.

    Without `version_too` no model is registered: an experiment that nobody took up is no challenger.

    Each part looks before it writes, and the tag that says so comes last: a call that was
    interrupted anywhere is completed by the next one, and nothing is there twice.
    FrostlineError when the store fails.
    """
    record = outputs.record
    with locked(uri, seconds=LOCK_SECONDS), session(uri) as client:
        span = outputs.observed.span if outputs.observed else None
        start = span[0] if span else None
        wanted = RunIdentity(record["key"], record["classifier"], record["dataset"], start=start)
        run, created = runs.find_or_create(client, uri, wanted)
        run_id = run.info.run_id
        for known_commit in (outputs.observed.commit if outputs.observed else None, commit):
            run_contents.log(client, run_id, tags=run_contents.commit_tags(run, known_commit))
            run = client.get_run(run_id)
        observe = functools.partial(
            run_contents.observe, client, run, outputs.observed, packages=outputs.packages
        )
        digest = outputs.digest()
        version, wanted_version = None, outputs.model is not None and version_too
        if outputs.model:
            version = registry.find_version(client, outputs.classifier, files.sha256_file(outputs.model))
        complete = run.data.tags.get(SYNCED) == digest and run.info.status == "FINISHED"
        if complete and (version or not wanted_version):
            return Published(run_id, int(version.version) if version else None, False, False, observe())
        run_contents.fill(client, run, outputs)
        observe()  # after the figures: MLflow compares runs by the metric that came first
        number, registered = int(version.version) if version else None, False
        if outputs.model and version_too:
            number, registered = registry.register(client, run, outputs, model=outputs.model)
        # A run that streamed, or began at a sync, keeps its own times.
        mine = span is not None and run.info.start_time == span[0]
        client.set_terminated(run_id, "FINISHED", end_time=span[1] if span and mine else run.info.end_time)
        client.set_tag(run_id, SYNCED, digest)
        return Published(run_id, number, created, registered, True)


def publish_study(study: Study, *, uri: str, commit: Commit | None = None) -> bool:
    """Bring a study's runs up to date; whether anything was missing. FrostlineError when the store fails."""
    with locked(uri, seconds=LOCK_SECONDS), session(uri) as client:
        writer = _Writer(client, uri, study, commit)
        parent = writer.find(study.key, study.kind, {})
        changed = [writer.child(child, parent.info.run_id) for child in study.children]
        return writer.parent(parent) or any(changed)


@contextlib.contextmanager
def studying(study: Study) -> Iterator[list[Child]]:
    """Yield a list for the children. What is in it at the end is kept and brought to MLflow, also when the
    block fails or is interrupted; the machine's load is observed meanwhile.

    A store that does not answer costs a line: `frostline registry sync` brings what is saved.
    """
    children: list[Child] = []
    commit = None
    try:
        with observations.observing(study.key) as observed:
            commit = observed.commit
            yield children
    finally:
        if children:
            _bring(replace(study, children=tuple(children)), commit)


def _bring(study: Study, commit: Commit | None) -> None:
    try:
        whole, uri = studies.save(study), store_uri.store()
        store_uri.require(uri)
        announce("bringing what was tried to MLflow", about=10)
        publish_study(whole, uri=uri, commit=commit)
    except FrostlineError as error:
        note(f"what was tried is not in MLflow yet, `frostline registry sync` brings it: {error}")


@dataclass(frozen=True)
class _Writer:
    """One study on its way into a store."""

    client: "MlflowClient"
    uri: str
    study: Study
    commit: Commit | None

    def find(self, key: str, what: str, tags: Mapping[str, str]) -> "Run":
        """The run of a key, with what its figures come from."""
        study = self.study
        wanted = RunIdentity(
            key,
            study.classifier,
            str(study.inputs["dataset"]),
            name=f"{study.classifier}: {what}",
            tags={STUDY: study.kind, **studies.tags(study), **tags},
        )
        run, _ = runs.find_or_create(self.client, self.uri, wanted)
        run_contents.log(self.client, run.info.run_id, tags=run_contents.commit_tags(run, self.commit))
        run_contents.dataset(self.client, run, source=studies.source(study), profile={})
        return run

    def child(self, child: Child, parent: str) -> bool:
        """One training's run; whether anything was missing."""
        run = self.find(self.study.child_key(child), child.name, {PARENT: parent})
        digest = studies.digest(asdict(child))
        if _is_done(run, digest):
            return False
        self._params(run, {**child.recipe, "variant": child.name})
        run_contents.log_points(self.client, run, content.epochs(child.epochs), whole_history=True)
        self._figures(run, child.figures)
        self._done(run, digest)
        return True

    def parent(self, run: "Run") -> bool:
        """What all share, how the children spread, pictures, and the observations of the machine."""
        study = self.study
        pictures = {path: files.sha256_file(Path(path)) for path in study.pictures if Path(path).is_file()}
        digest = studies.digest([study.key, [asdict(child) for child in study.children], pictures])
        packages = study.inputs["packages"]
        observed = run_contents.observe(self.client, run, observations.read(study.key), packages=packages)
        if _is_done(run, digest):
            return observed
        self._params(run, study.inputs["recipe"])
        self._figures(run, studies.spread(study.children))
        with tempfile.TemporaryDirectory() as folder:
            for path in pictures:
                shutil.copyfile(path, Path(folder) / Path(path).name)
            self.client.log_artifacts(run.info.run_id, folder)
        self._done(run, digest)
        return True

    def _params(self, run: "Run", recipe: Mapping[str, Any]) -> None:
        """Params cannot be changed in MLflow: one key has one recipe."""
        wanted = content.params({"recipe": recipe, "weights": self.study.inputs["weights"]})
        new = {name: value for name, value in wanted.items() if name not in run.data.params}
        run_contents.log(self.client, run.info.run_id, params=new)

    def _figures(self, run: "Run", figures: Mapping[str, float]) -> None:
        points = [(name, 0, content.storable(float(value))) for name, value in figures.items()]
        run_contents.log_points(self.client, run, points, whole_history=False)

    def _done(self, run: "Run", digest: str) -> None:
        self.client.set_terminated(run.info.run_id, "FINISHED")
        self.client.set_tag(run.info.run_id, SYNCED, digest)


def _is_done(run: "Run", digest: str) -> bool:
    return bool(run.data.tags.get(SYNCED) == digest and run.info.status == "FINISHED")
