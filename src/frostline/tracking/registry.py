"""The exported model in MLflow: one logged model and one registered version per content."""

import importlib.metadata
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from frostline import files
from frostline.errors import FrostlineError
from frostline.tracking.content import MODEL, Outputs, note

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models import ModelSignature
    from onnx import ModelProto

CHALLENGER = "challenger"
CHAMPION = "champion"
# What loading the model takes. Left to itself MLflow installs it somewhere to find out.
PACKAGES = ("mlflow", "numpy", "onnx", "onnxruntime", "onnxruntime-gpu")


def register(client: "MlflowClient", run: "Run", outputs: Outputs, *, model: Path) -> tuple[int, bool]:
    """The registered version of a model file and whether this call created it.

    One version per content and name, with the alias `challenger` on the newest.
    """
    sha256 = files.sha256_file(model)
    logged = _logged(client, run, outputs, model=model, sha256=sha256)
    _name(client, outputs.classifier)
    version, created = find_version(client, outputs.classifier, sha256), False
    if version is None:
        version, created = _create_version(client, run, outputs, logged=logged, sha256=sha256), True
    _challenge(client, outputs.classifier)
    return int(version.version), created


def find_version(client: "MlflowClient", name: str, sha256: str) -> "ModelVersion | None":
    """The version that holds a model file; of several (two machines at once) the oldest."""
    found = client.search_model_versions(f"name = '{name}' and tags.`{MODEL}` = '{sha256}'")
    return min(found, key=lambda version: int(version.version), default=None)


def _logged(
    client: "MlflowClient", run: "Run", outputs: Outputs, *, model: Path, sha256: str
) -> "LoggedModel":
    """The run's logged model of this content: found, finished or made."""
    from mlflow.entities import LoggedModelOutput

    experiment = run.info.experiment_id
    of_run = f"source_run_id = '{run.info.run_id}' and tags.`{MODEL}` = '{sha256}'"
    found = client.search_logged_models([experiment], filter_string=of_run)
    logged = found[0] if found else client.create_logged_model(
        experiment, outputs.classifier, run.info.run_id, {MODEL: sha256}, model_type="onnx"
    )  # fmt: skip
    if str(logged.status) != "READY":
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "model"
            _save(saved, model=model, run_id=run.info.run_id, model_id=logged.model_id)
            client.log_model_artifacts(logged.model_id, str(saved))
        client.finalize_logged_model(logged.model_id, "READY")
    shown = run.outputs.model_outputs if run.outputs else []
    if logged.model_id not in {output.model_id for output in shown}:
        client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, 0)])
    return logged


def _save(folder: Path, *, model: Path, run_id: str, model_id: str) -> None:
    """Write MLflow's folder of an ONNX model; the file in it is the exported one, byte for byte."""
    import mlflow.onnx
    from mlflow.models import Model

    loaded = _load(model, made_by=f"dvc repro export@{model.parent.name}")
    mlflow.onnx.save_model(
        loaded,
        str(folder),
        mlflow_model=Model(run_id=run_id, model_id=model_id),
        signature=_signature(loaded.graph),
        pip_requirements=requirements(),
        save_as_external_data=False,
    )
    shutil.copyfile(model, folder / "model.onnx")


def _load(model: Path, *, made_by: str) -> "ModelProto":
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(model)
    except DecodeError:
        raise FrostlineError(f"{model} is not an ONNX file; run `{made_by} --force`") from None


def requirements() -> list[str]:
    """Pins of what is installed here, for whoever loads the model through MLflow."""
    installed = {
        each.name: each.version for each in importlib.metadata.distributions() if each.name in PACKAGES
    }
    return [f"{name}=={version}" for name, version in sorted(installed.items())]


def _signature(graph: Any) -> "ModelSignature":
    """What the file itself says it takes and gives, (N, H, W, 3) uint8 and (N, C) float32; N is -1."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec
    from onnx.helper import tensor_dtype_to_np_dtype

    def schema(values: Any) -> Any:
        tensors = [(value.name, value.type.tensor_type) for value in values]
        return Schema(
            [
                TensorSpec(
                    tensor_dtype_to_np_dtype(tensor.elem_type),
                    tuple(size.dim_value or -1 for size in tensor.shape.dim),
                    name,
                )
                for name, tensor in tensors
            ]
        )

    return ModelSignature(inputs=schema(graph.input), outputs=schema(graph.output))


def _name(client: "MlflowClient", name: str) -> None:
    """The registered model, made when it is missing (also by somebody else, just now)."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _create_version(
    client: "MlflowClient", run: "Run", outputs: Outputs, *, logged: "LoggedModel", sha256: str
) -> "ModelVersion":
    """A new version; when another machine made one at the same time, ours goes and theirs stays."""
    created = client.create_model_version(
        outputs.classifier,
        f"models:/{logged.model_id}",
        run_id=run.info.run_id,
        tags={MODEL: sha256, "frostline.key": outputs.record["key"]},
        description=note(outputs) or None,
        model_id=logged.model_id,
    )
    first = find_version(client, outputs.classifier, sha256) or created
    if first.version != created.version:
        client.delete_model_version(outputs.classifier, created.version)
    return first


def _challenge(client: "MlflowClient", name: str) -> None:
    """Point `challenger` at the newest version, unless that one is the champion already."""
    newest = max(int(version.version) for version in client.search_model_versions(f"name = '{name}'"))
    aliases = client.get_registered_model(name).aliases
    if str(newest) not in {str(aliases.get(alias)) for alias in (CHALLENGER, CHAMPION)}:
        client.set_registered_model_alias(name, CHALLENGER, str(newest))
