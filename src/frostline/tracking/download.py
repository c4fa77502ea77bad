"""A registered model as a file on this machine."""

import contextlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from frostline import files, paths
from frostline.errors import FrostlineError, InputError
from frostline.tracking import store_uri
from frostline.tracking.content import MODEL
from frostline.tracking.session import session

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

URI = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[\w-]+)|/(?P<version>[1-9]\d*))")


def download_model(uri: str) -> Path:
    """The .onnx file of `models:/NAME@ALIAS` or `models:/NAME/VERSION`.

    It is kept in the cache under its own hash, so that the next call finds it and a file that
    arrives damaged is noticed. InputError when the name, alias or version is unknown.
    """
    match = URI.fullmatch(uri)
    if match is None:
        raise InputError(f"{uri}: write models:/NAME@ALIAS (models:/digits-cnn@champion) or models:/NAME/3")
    store = store_uri.store()
    store_uri.require(store)
    with session(store) as client:
        version = _version(client, uri, **match.groupdict())
        sha256 = version.tags.get(MODEL, "")
        path = _place(sha256)
        if sha256 and path.is_file() and files.sha256_file(path) == sha256:
            _use(path.parent)
            return path
        return _fetch(store, version, sha256=sha256)


def _version(
    client: "MlflowClient", uri: str, *, name: str, alias: str | None, version: str | None
) -> "ModelVersion":
    from mlflow.exceptions import MlflowException

    try:
        if alias:
            return client.get_model_version_by_alias(name, alias)
        return client.get_model_version(name, str(version))
    except MlflowException as error:
        if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            raise
        raise InputError(f"{uri}: MLflow's registry has no such model; {_known(client, name)}") from None


def _known(client: "MlflowClient", name: str) -> str:
    """What there is instead."""
    for model in client.search_registered_models(f"name = '{name}'" if "'" not in name else None):
        if model.name == name:
            versions = [int(v.version) for v in client.search_model_versions(f"name = '{name}'")]
            aliases = ", ".join(f"@{alias}" for alias in sorted(model.aliases)) or "no alias"
            return f"{name} has {aliases} and versions up to {max(versions, default=0)}"
    names = ", ".join(sorted(model.name for model in client.search_registered_models())[:10])
    return f"known: {names}" if names else "it is empty: run `frostline registry sync`"


def _fetch(store: str, version: "ModelVersion", *, sha256: str) -> Path:
    """Download a version's ONNX file into the cache, under its hash."""
    from mlflow.artifacts import download_artifacts

    uri = f"models:/{version.name}/{version.version}"
    with tempfile.TemporaryDirectory() as folder:
        registry = os.environ.get("MLFLOW_REGISTRY_URI", store)
        download_artifacts(uri, dst_path=folder, tracking_uri=store, registry_uri=registry)
        models = sorted(Path(folder).rglob("*.onnx"))
        if len(models) != 1:
            raise FrostlineError(f"{uri} holds {len(models)} .onnx files, not one; give the file's own path")
        content = models[0].read_bytes()
    actual = files.sha256(content)
    if sha256 not in {actual, ""}:
        raise FrostlineError(
            f"{uri}: the file that arrived is not the one registered; run `frostline registry sync`"
        )
    path = _place(actual)
    with files.writing(path) as temporary:
        temporary.write_bytes(content)
    return path


def _use(folder: Path) -> None:
    """Say that a model and its parts were used just now: what was used last is pruned last."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # deleted meanwhile, or not ours to touch
            os.utime(path)


def _place(sha256: str) -> Path:
    """A folder for each model, so that what is cut out of it can lie beside it."""
    return paths.scoring_cache() / "models" / sha256 / "model.onnx"
