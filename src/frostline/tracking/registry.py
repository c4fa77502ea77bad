"""The exported model in MLflow: one logged model and one registered version per content, found again by its hash."""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from frostline import files
from frostline.tracking import content, packaging, run_contents, store_uri
from frostline.tracking.content import COMMIT, DIRTY, MODEL, StageOutputs
from frostline.tracking.runs import run_exists
from frostline.tracking.session import session

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
CHAMPION = "champion"
# On a version that was taken back: it does not become challenger by itself again.
WITHDRAWN = "frostline.withdrawn"


def register(client: "MlflowClient", run: "Run", outputs: StageOutputs, *, model: Path) -> tuple[int, bool]:
    """The registered version of a model file and whether this call created it.

    One version per content and name, with the alias `challenger` on the newest. Where the run of a version was
    deleted from MLflow for good, its files are gone too: another version takes its place and its aliases.
    """
    sha256 = files.sha256_file(model)
    logged = _logged(client, run, outputs, model=model, sha256=sha256)
    _name(client, outputs.classifier)
    version, created = find_version(client, outputs.classifier, sha256), False
    if version is None:
        version, created = _create_version(client, run, outputs, logged=logged, sha256=sha256), True
    _tag(client, version, content.version_tags(outputs))
    _describe(client, version, run, outputs)
    _challenge(client, outputs.classifier)
    return int(version.version), created


def find_version(client: "MlflowClient", name: str, sha256: str) -> "ModelVersion | None":
    """The version that holds a model file; of several (two machines at once) the oldest whose run is there."""
    found = _versions(client, name, sha256)
    return next((version for version in found if run_exists(client, str(version.run_id))), None)


def _versions(client: "MlflowClient", name: str, sha256: str) -> "list[ModelVersion]":
    """Every version with a model file, the oldest first."""
    versions = client.search_model_versions(f"name = '{name}' and tags.`{MODEL}` = '{sha256}'")
    return sorted(versions, key=lambda version: int(version.version))


def _logged(
    client: "MlflowClient", run: "Run", outputs: StageOutputs, *, model: Path, sha256: str
) -> "LoggedModel":
    """The run's logged model of this content: found, finished or made."""
    from mlflow.entities import LoggedModelOutput

    experiment = run.info.experiment_id
    of_run = f"source_run_id = '{run.info.run_id}' and tags.`{MODEL}` = '{sha256}'"
    models = client.search_logged_models([experiment], filter_string=of_run)
    logged = models[0] if models else client.create_logged_model(
        experiment, outputs.classifier, run.info.run_id, {MODEL: sha256}, model_type="onnx"
    )  # fmt: skip
    if str(logged.status) != "READY":
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "model"
            packaging.save(saved, model=model, run_id=run.info.run_id, model_id=logged.model_id)
            client.log_model_artifacts(logged.model_id, str(saved))
        client.finalize_logged_model(logged.model_id, "READY")
    shown = run.outputs.model_outputs if run.outputs else []
    if logged.model_id not in {output.model_id for output in shown}:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, 0)])
    return logged


def _name(client: "MlflowClient", name: str) -> None:
    """The registered model, made when it is missing (also by somebody else, just now)."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _create_version(
    client: "MlflowClient", run: "Run", outputs: StageOutputs, *, logged: "LoggedModel", sha256: str
) -> "ModelVersion":
    """A new version; when another machine made one at the same time, ours goes and theirs stays."""
    created = client.create_model_version(
        outputs.classifier,
        f"models:/{logged.model_id}",
        run_id=run.info.run_id,
        tags={MODEL: sha256, **content.version_tags(outputs)},
        model_id=logged.model_id,
    )
    first = find_version(client, outputs.classifier, sha256) or created
    if first.version != created.version:
        client.delete_model_version(outputs.classifier, created.version)
    for gone in _versions(client, outputs.classifier, sha256):
        if int(gone.version) < int(first.version):
            _succeed(client, gone, first)
    return first


def _succeed(client: "MlflowClient", gone: "ModelVersion", version: "ModelVersion") -> None:
    """Let a version take over from one of the same model: its aliases, and that it was withdrawn."""
    if reason := gone.tags.get(WITHDRAWN):
        client.set_model_version_tag(version.name, version.version, WITHDRAWN, reason)
    for alias, number in client.get_registered_model(version.name).aliases.items():
        if str(number) == str(gone.version):
            client.set_registered_model_alias(version.name, alias, str(version.version))


def _tag(client: "MlflowClient", version: "ModelVersion", wanted: Mapping[str, str]) -> None:
    """Figures follow a new evaluation of the same model."""
    for name, value in wanted.items():
        if version.tags.get(name) != value:
            client.set_model_version_tag(version.name, version.version, name, value)


def _describe(client: "MlflowClient", version: "ModelVersion", run: "Run", outputs: StageOutputs) -> None:
    """The description on the version's page; one that a person wrote stays."""
    text, before = run_contents.describe(run, outputs), version.description or ""
    if text == before or run_contents.is_ours(before, version.tags, outputs):
        if text != before:
            client.update_model_version(version.name, version.version, text)
        _tag(client, version, {content.DESCRIBED: run_contents.mark(text)})


def _challenge(client: "MlflowClient", name: str) -> None:
    """Point `challenger` at the newest version, unless that one is the champion or was withdrawn."""
    versions = client.search_model_versions(f"name = '{name}'")
    newest = max(versions, key=lambda version: int(version.version))
    aliases = client.get_registered_model(name).aliases
    taken = {str(aliases.get(alias)) for alias in (CHALLENGER, CHAMPION)}
    if str(newest.version) not in taken and WITHDRAWN not in newest.tags:
        client.set_registered_model_alias(name, CHALLENGER, str(newest.version))


@dataclass(frozen=True)
class Registered:
    """A registered version that holds a model file: its name, number and aliases, its run, the run's commit."""

    name: str
    number: int
    aliases: tuple[str, ...]
    run_id: str
    commit: str  # "" where the run does not say; the flag says whether it was dirty
    dirty: bool


def registered(sha256: str, *, uri: str) -> list[Registered]:
    """Every version with this model file, by name and number; FrostlineError when the store fails."""
    store_uri.require(uri)
    with session(uri) as client:
        versions = client.search_model_versions(f"tags.`{MODEL}` = '{sha256}'")
        result = []
        for version in sorted(versions, key=lambda version: (version.name, int(version.version))):
            exists = run_exists(client, str(version.run_id))
            tags = client.get_run(str(version.run_id)).data.tags if exists else {}
            aliases = client.get_registered_model(version.name).aliases
            held = tuple(sorted(a for a, number in aliases.items() if str(number) == str(version.version)))
            result.append(
                Registered(
                    version.name, int(version.version), held, str(version.run_id),
                    tags.get(COMMIT, ""), tags.get(DIRTY) == "true",
                )
            )  # fmt: skip
        return result


def champion_days(name: str, *, uri: str) -> float | None:
    """Days since the champion of a registered model was registered; None without a champion."""
    store_uri.require(uri)
    version = store_uri.asked(uri, "registered-models/alias", name=name, alias=CHAMPION).get(
        "model_version", {}
    )
    made = version.get("creation_timestamp") or _champion_made(name, uri=uri)
    return None if made is None else (time.time() - int(made) / 1000) / 86400


def _champion_made(name: str, *, uri: str) -> int | None:
    """When the champion was registered, in milliseconds since 1970, as MLflow's client says it."""
    from mlflow.exceptions import MlflowException

    with session(uri) as client:
        try:
            return int(client.get_model_version_by_alias(name, CHAMPION).creation_timestamp)
        except MlflowException as error:
            if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                return None
            raise
