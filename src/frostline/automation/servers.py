"""The services of a night: MLflow, Prefect's server and its worker, as commands."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from frostline.automation.supervisor import Service
from frostline.tracking import store_uri

HOST = "127.0.0.1"
PROGRAMS = Path(sys.executable).parent
# A pool whose runs may name no command, no environment and no folder: what runs is what prefect.yaml says.
POOL = Path(__file__).with_name("pool.json")
# A person's own choice of a database, by its name of today and an older one.
DATABASE = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
# No telemetry; a busy machine is given time; Prefect's own files stay in the project.
QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_WORKER_QUERY_SECONDS": "5",  # a run that a person asks for waits half as long as by default
}


def home() -> Path:
    """Prefect's own folder: $PREFECT_HOME, else `.frostline/prefect` in the project."""
    return Path(os.environ.get("PREFECT_HOME") or Path(".frostline/prefect").absolute())


def environment(*, api_port: int, mlflow_port: int, login: str) -> dict[str, str]:
    """What all services and the runs of the worker share: each other's addresses and login, our programs."""
    return {
        **QUIET,
        "PREFECT_HOME": str(home()),
        "PREFECT_API_URL": f"http://{HOST}:{api_port}/api",
        "PREFECT_API_AUTH_STRING": login,
        "PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "true",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "MLFLOW_TRACKING_URI": f"http://{HOST}:{mlflow_port}",
        "MLFLOW_TRACKING_USERNAME": login.partition(":")[0],
        "MLFLOW_TRACKING_PASSWORD": login.partition(":")[2],
        "PATH": os.pathsep.join([str(PROGRAMS), os.environ.get("PATH", "")]),
    }


def mlflow(*, store: str, files: Path, port: int) -> Service:
    """An MLflow server on a store, which keeps new experiments' files in a folder. It wants the login.

    The store is no argument: its address may hold a password.
    """
    settings = {
        "MLFLOW_BACKEND_STORE_URI": store,
        "MLFLOW_ARTIFACTS_DESTINATION": str(files),
        "MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(_addresses(port)),
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": _origins(port),
        "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
    }
    return Service("mlflow", _guarded("mlflow", port), f"http://{HOST}:{port}/health", settings)


def prefect(*, port: int, login: str) -> Service:
    """Prefect's server, with its pages. It wants the login, and a token against forged requests."""
    settings = {
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": _origins(port),
        "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_UI_API_URL": f"http://{HOST}:{port}/api",
        **_own_database(),
    }
    return Service("prefect", _guarded("prefect", port), f"http://{HOST}:{port}/api/health", settings)


def _own_database() -> dict[str, str]:
    """Where Prefect keeps its runs, if the path of its folder would be cut short in the address that it makes."""
    if "?" not in str(home()) or any(name in os.environ for name in DATABASE):
        return {}
    address = store_uri.sqlite(home() / "prefect.db")
    return {DATABASE[0]: address.replace("sqlite:", "sqlite+aiosqlite:", 1)}


def _guarded(app: str, port: int) -> list[str]:
    """A server behind the guard."""
    return [
        str(PROGRAMS / "python"), "-m", "uvicorn", "--factory", f"frostline.automation.guard:{app}",
        "--host", HOST, "--port", str(port), "--no-proxy-headers", "--log-level", "warning",
    ]  # fmt: skip


def _addresses(port: int) -> list[str]:
    return [f"{name}:{port}" for name in (HOST, "localhost")]


def _origins(port: int) -> str:
    return ",".join(f"http://{address}" for address in _addresses(port))


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
    create = [prefect, "--no-prompt", "work-pool", "create", pool, "--type", "process", "--overwrite"]
    return [[*create, "--base-job-template", str(POOL)], [prefect, "--no-prompt", "deploy", "--all"]]


def pages(shared: Mapping[str, str]) -> dict[str, str]:
    """Where to look."""
    return {
        "Prefect": shared["PREFECT_API_URL"].removesuffix("/api"),
        "MLflow": shared["MLFLOW_TRACKING_URI"],
    }
