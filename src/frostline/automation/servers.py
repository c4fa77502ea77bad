"""The services of a night: MLflow, Prefect's server and its worker, as commands."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from frostline.automation.processes import Service

HOST = "127.0.0.1"
PROGRAMS = Path(sys.executable).parent
# Nothing is told to anybody; a busy machine is given time; Prefect's own files stay in the project.
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PREFECT_CLI_COLORS": "false",
}


def home() -> Path:
    """Prefect's own folder: $PREFECT_HOME, else `.frostline/prefect` in the project."""
    return Path(os.environ.get("PREFECT_HOME") or Path(".frostline/prefect").absolute())


def environment(*, api_port: int, mlflow_port: int) -> dict[str, str]:
    """What all services and the runs of the worker share: each other's addresses, this environment's programs."""
    return {
        **QUIET,
        "PREFECT_HOME": str(home()),
        "PREFECT_API_URL": f"http://{HOST}:{api_port}/api",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{mlflow_port}",
        "PATH": os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", "")]),
    }


def mlflow(*, store: str, files: Path, port: int) -> Service:
    """An MLflow server on a store, which keeps new experiments' files in a folder."""
    command = [str(PROGRAMS / "mlflow"), "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", store, "--artifacts-destination", str(files)]
    return Service("mlflow", command, f"http://{HOST}:{port}/health")


def prefect(*, port: int) -> Service:
    """Prefect's server, with its pages."""
    command = [str(PROGRAMS / "prefect"), "server", "start", "--host", HOST, "--port", str(port)]
    return Service("prefect", command, f"http://{HOST}:{port}/api/health")


def worker(*, pool: str) -> Service:
    """What runs flows as processes of their own, one at a time: they share one workspace."""
    command = [
        str(PROGRAMS / "prefect"),
        "worker",
        "start",
        "--pool",
        pool,
        "--type",
        "process",
        "--limit",
        "1",
    ]
    return Service("worker", command)


def set_up(pool: str) -> list[list[str]]:
    """Commands that make the work pool and the deployments of prefect.yaml; they may be called again."""
    prefect = str(PROGRAMS / "prefect")
    return [
        [prefect, "--no-prompt", "work-pool", "create", pool, "--type", "process", "--overwrite"],
        [prefect, "--no-prompt", "deploy", "--all"],
    ]


def pages(shared: Mapping[str, str]) -> dict[str, str]:
    """Where to look."""
    return {
        "Prefect": shared["PREFECT_API_URL"].removesuffix("/api"),
        "MLflow": shared["MLFLOW_TRACKING_URI"],
    }
