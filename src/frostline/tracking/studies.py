"""One classifier trained in several ways: a parent run with what all share, and a child run a training.

A study is kept in `.frostline/studies/KEY.json` and brought to MLflow from there, as often as asked.
"""

import contextlib
import json
import shutil
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline import files
from frostline.errors import FrostlineError, InputError, weights_note
from frostline.progress import note
from frostline.tracking import content, observations, run_contents, runs, store_uri
from frostline.tracking.content import SYNCED
from frostline.tracking.git import Commit
from frostline.tracking.runs import Wanted
from frostline.tracking.session import locked, session

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

PARENT = "mlflow.parentRunId"  # MLflow's pages fold children below the run that this names
STUDY = "frostline.study"
LOCK_SECONDS = 600.0
MAIN = "val_accuracy"
TRAINER = "frostline.training.phases"  # its code, and what it imports, decides the figures


@dataclass(frozen=True)
class Child:
    """One training of a study: what is particular about it, its recipe, figures by epoch and at its end."""

    name: str
    recipe: Mapping[str, Any]
    epochs: Sequence[Mapping[str, float]]
    figures: Mapping[str, float]


@dataclass(frozen=True)
class Study:
    """Several trainings of a classifier. `kind` says what varies; `inputs` is all that they share, by content:
    see `shared`. `pictures` are files to keep with it.
    """

    kind: str
    classifier: str
    inputs: Mapping[str, Any]
    children: Sequence[Child] = ()
    pictures: Sequence[str] = field(default=())
    data_hash: str = ""  # DVC's, of the raw dataset; "" where it is not known

    @property
    def key(self) -> str:
        """The same for the same kind of study of the same content, whichever children it has by now."""
        return _digest([self.kind, self.classifier, dict(self.inputs)])

    def child_key(self, child: Child) -> str:
        """The content key of one training in this study."""
        return _digest([self.key, child.name, dict(child.recipe)])


def keep(study: Study) -> Study:
    """Keep a study beside what is kept of it already; a child of a known name takes the old one's place."""
    path = _folder() / f"{study.key}.json"
    known = {child.name: child for each in _read(path) for child in each.children}
    children = known | {child.name: child for child in study.children}
    whole = replace(study, children=tuple(children.values()))
    files.write_text(path, _text(asdict(whole)))
    return whole


def kept() -> list[Study]:
    """Every study of this project, by classifier and kind; what is not legible is left out."""
    try:
        found = [study for path in sorted(_folder().glob("*.json")) for study in _read(path)]
    except InputError:
        return []
    return sorted(found, key=lambda study: (study.classifier, study.kind))


def publish_study(study: Study, *, uri: str, commit: Commit | None = None) -> bool:
    """Bring a study's runs up to date; whether anything was missing. FrostlineError when the store fails."""
    with locked(uri, seconds=LOCK_SECONDS), session(uri) as client:
        writer = _Writer(client, uri, study, commit)
        parent = writer.find(study.key, study.kind, {})
        changed = [writer.child(child, parent.info.run_id) for child in study.children]
        return writer.parent(parent) or any(changed)


def shared(
    *, dataset: str, digest: str, weights: Mapping[str, Any], recipe: Mapping[str, Any]
) -> dict[str, Any]:
    """What the trainings of a study have in common, by content."""
    from frostline.pipeline import code_digest  # a scorer reads models here and lacks what it needs

    return {
        "dataset": dataset,
        "dataset_digest": digest,
        "weights": dict(weights),
        "recipe": dict(recipe),
        **code_digest.module(TRAINER),
    }


@contextlib.contextmanager
def studying(study: Study) -> Iterator[list[Child]]:
    """Yield a list for the children. What is in it at the end is kept and brought to MLflow, also when the
    block fails or is interrupted; the machine's load is seen meanwhile.

    A store that does not answer costs a line: `frostline registry sync` brings what is kept.
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
        whole, uri = keep(study), store_uri.store()
        store_uri.require(uri)
        publish_study(whole, uri=uri, commit=commit)
    except FrostlineError as error:
        note(f"the sweep is not in MLflow yet, `frostline registry sync` brings it: {error}")


def _text(value: Any) -> str:
    """JSON, where a training that diverged has its NaN."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _digest(value: Any) -> str:
    return files.sha256(_text(value).encode())


def _folder() -> Path:
    return store_uri.folder().parent / "studies"


def _read(path: Path) -> Iterator[Study]:
    """The study in a file; none where it is missing or damaged."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        children = tuple(Child(**each) for each in values.pop("children"))
        yield Study(**values, children=children)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return


@dataclass(frozen=True)
class _Writer:
    """One study on its way into a store."""

    client: "MlflowClient"
    uri: str
    study: Study
    commit: Commit | None

    def find(self, key: str, what: str, tags: Mapping[str, str]) -> "Run":
        """The run of a content key, with what its figures come from."""
        study = self.study
        wanted = Wanted(
            key,
            study.classifier,
            str(study.inputs["dataset"]),
            name=f"{study.classifier}: {what}",
            tags={STUDY: study.kind, **_tags(study), **tags},
        )
        run, _ = runs.find_or_create(self.client, self.uri, wanted)
        run_contents.log(self.client, run.info.run_id, tags=run_contents.commit_tags(run, self.commit))
        run_contents.dataset(self.client, run, source=_source(study), profile={})
        return run

    def child(self, child: Child, parent: str) -> bool:
        """One training's run; whether anything was missing."""
        run = self.find(self.study.child_key(child), child.name, {PARENT: parent})
        digest = _digest(asdict(child))
        if _is_done(run, digest):
            return False
        self._params(run, {**child.recipe, "variant": child.name})
        run_contents.log_points(self.client, run, content.epochs(child.epochs), whole_history=True)
        self._figures(run, child.figures)
        self._done(run, digest)
        return True

    def parent(self, run: "Run") -> bool:
        """What all share, how the children spread, pictures, and what was seen of the machine."""
        study = self.study
        pictures = {path: files.sha256_file(Path(path)) for path in study.pictures if Path(path).is_file()}
        digest = _digest([study.key, [asdict(child) for child in study.children], pictures])
        packages = study.inputs["packages"]
        seen = run_contents.observe(self.client, run, observations.read(study.key), packages=packages)
        if _is_done(run, digest):
            return seen
        self._params(run, study.inputs["recipe"])
        self._figures(run, _spread(study.children))
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


def _source(study: Study) -> dict[str, str]:
    known = {
        "dataset": str(study.inputs["dataset"]),
        "digest": str(study.inputs["dataset_digest"]),
        "dvc": study.data_hash,
    }
    return {name: value for name, value in known.items() if value}


def _tags(study: Study) -> dict[str, str]:
    """Where the figures come from."""
    weights = study.inputs["weights"]
    wanted = {
        "frostline.dataset_digest": study.inputs["dataset_digest"],
        "frostline.dataset_dvc": study.data_hash,
        "frostline.weights": weights.get("name"),
        "frostline.weights_source": weights["source"],
        "frostline.code": study.inputs["code"],
        "note": weights_note(weights["source"]),
    }
    return {name: str(value) for name, value in wanted.items() if value}


def _spread(children: Sequence[Child]) -> dict[str, float]:
    """The children's main figure: its mean, extremes and standard deviation."""
    values = [child.figures[MAIN] for child in children if MAIN in child.figures]
    if not values:
        return {}
    found = {
        f"{MAIN}_mean": statistics.fmean(values),
        f"{MAIN}_best": max(values),
        f"{MAIN}_worst": min(values),
    }
    return (
        found
        | ({f"{MAIN}_sd": statistics.stdev(values)} if len(values) > 1 else {})
        | {"trainings": len(values)}
    )
