"""Real MLflow stores for tests: sqlite files migrated once, servers, what a user sees in them."""

import contextlib
import functools
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frostline.tracking import StageOutputs, sync
from frostline.tracking.session import session


def project(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty frostline project as current folder, with nothing set in the environment."""
    for name in [name for name in os.environ if name.startswith(("MLFLOW_", "DVC_", "FROSTLINE_"))]:
        monkeypatch.delenv(name)
    root.mkdir(parents=True, exist_ok=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    monkeypatch.chdir(root)
    return root


@functools.cache
def _migrated() -> Path:
    """An empty store: making its tables takes seconds, copying it does not."""
    path = Path(tempfile.mkdtemp()) / "mlflow.db"
    with session(f"sqlite:///{path}"):
        return path


def sqlite(folder: Path) -> str:
    """The URI of a fresh store in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_migrated(), folder / "mlflow.db")
    with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as connection, connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ?", ((folder / "artifacts/0").as_uri(),)
        )
    return f"sqlite:///{folder / 'mlflow.db'}"


def gathered(name: str = "tiny") -> StageOutputs:
    """The outputs of a classifier in the current folder."""
    outputs = sync.gather(name)
    assert outputs is not None
    return outputs


def seen(uri: str, name: str = "tiny", *, experiment: str = "colours") -> dict[str, Any]:
    """All that a person finds in a store about one classifier, without ids and times."""
    with session(uri) as client:
        found = client.get_experiment_by_name(experiment)
        runs = client.search_runs([found.experiment_id])
        versions = client.search_model_versions(f"name = '{name}'")
        models = client.search_logged_models([found.experiment_id])
        return {
            "runs": [_run(client, run) for run in runs],
            "models": [(model.name, str(model.status), dict(model.tags)) for model in models],
            "versions": [(int(each.version), dict(each.tags), each.description) for each in versions],
            "aliases": _aliases(client, name) if versions else {},
        }


def _aliases(client: Any, name: str) -> dict[str, str]:
    return {alias: str(number) for alias, number in client.get_registered_model(name).aliases.items()}


def _run(client: Any, run: Any) -> dict[str, Any]:
    run_id = run.info.run_id
    points = {
        name: [(point.step, repr(point.value)) for point in client.get_metric_history(run_id, name)]
        for name in run.data.metrics
    }
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "params": run.data.params,
        "tags": run.data.tags,
        "metrics": points,
        "files": sorted(_files(client, run_id)),
        "datasets": [(each.dataset.name, each.dataset.digest) for each in run.inputs.dataset_inputs],
        "models": len(run.outputs.model_outputs),
    }


def _files(client: Any, run_id: str, folder: str | None = None) -> Iterator[str]:
    for each in client.list_artifacts(run_id, folder):
        yield from _files(client, run_id, each.path) if each.is_dir else [each.path]


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """The address of a real `mlflow server` on loopback, its store in a folder; ended by its own group."""
    port, store = free_port(), sqlite(folder)
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", store, "--workers", "1"]
    command += ["--port", str(port), "--artifacts-destination", str(folder / "files")]
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **quiet}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait(f"http://127.0.0.1:{port}/health", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(2000):  # a machine with much else to do takes minutes
        assert process.poll() is None, "mlflow server has ended"
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        time.sleep(0.1)
    raise AssertionError("mlflow server does not answer")
