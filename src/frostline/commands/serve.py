"""serve: MLflow, Prefect's server and its worker on loopback, until Ctrl-C; the deployments of prefect.yaml."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from frostline import tracking
from frostline.automation import interrupted_runs, processes, servers
from frostline.automation.processes import Service
from frostline.errors import FrostlineError, InputError

LOGS = Path(".frostline/logs")
POOL = "frostline"


def run(*, api_port: int, mlflow_port: int) -> None:
    """Start everything, say where to look, wait; on Ctrl-C or SIGTERM end everything that was started.

    FrostlineError where a service does not come up or ends by itself; nothing is then left running.
    """
    if not Path("prefect.yaml").is_file():
        raise InputError("no prefect.yaml here; run this in the project's root")
    for port in (api_port, mlflow_port):
        _require_free(port)
    shared = servers.environment(api_port=api_port, mlflow_port=mlflow_port)
    with processes.until_stopped(), contextlib.ExitStack() as stack:
        up = {}
        for service in (_mlflow(mlflow_port), servers.prefect(port=api_port)):
            print(f"starting {service.name} …", flush=True)
            up[service.name] = stack.enter_context(processes.running(service, environment=shared, logs=LOGS))
        _set_up(shared)
        for name in interrupted_runs.end_cut_off(shared["PREFECT_API_URL"], POOL):
            print(f"run {name} had been cut off when all was stopped, and is marked as crashed")
        up["worker"] = stack.enter_context(
            processes.running(servers.worker(pool=POOL), environment=shared, logs=LOGS)
        )
        _say(shared)
        _watch(up)
    print("all stopped")


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex((servers.HOST, port)) == 0:
            raise InputError(f"port {port} is in use; stop what listens there, or name another port")


def _mlflow(port: int) -> Service:
    """On the project's own store or the one that is named; a server somewhere else needs no second one."""
    store = tracking.store()
    if store.startswith("http"):
        raise InputError(
            f"MLFLOW_TRACKING_URI names a server already ({store}); unset it, or start Prefect's parts alone"
        )
    tracking.settle(store)
    return servers.mlflow(store=store, files=Path(".frostline/mlflow/files").absolute(), port=port)


def _set_up(shared: Mapping[str, str]) -> None:
    """The work pool and the deployments; what was there is brought up to date."""
    for command in servers.set_up(POOL):
        done = subprocess.run(
            command, env={**os.environ, **shared}, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            lines = (done.stdout + done.stderr).strip().splitlines()
            raise FrostlineError(
                f"`prefect {' '.join(command[1:])}` failed: {lines[-1] if lines else 'silent'}"
            )


def _say(shared: Mapping[str, str]) -> None:
    for name, address in servers.pages(shared).items():
        print(f"{name}: {address}")
    print(f"logs: {LOGS}/*.log")
    print(f"in another shell: export PREFECT_API_URL={shared['PREFECT_API_URL']}")
    print("ready; Ctrl-C stops all of it", flush=True)


def _watch(up: "Mapping[str, subprocess.Popen[bytes]]") -> None:
    """Wait for as long as all of them run."""
    while True:
        for name, process in up.items():
            if process.poll() is not None:
                raise FrostlineError(f"{name} has ended by itself; see {LOGS / name}.log")
        time.sleep(1)
