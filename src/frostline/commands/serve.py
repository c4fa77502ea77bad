"""serve: MLflow, Prefect's server and its worker on loopback, until Ctrl-C; the deployments of prefect.yaml.

Whoever speaks to these servers can run programs as this user: they take a login, which nobody else can read.
"""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from frostline import tracking
from frostline.automation import credential, prefect_api, servers, supervisor
from frostline.automation.supervisor import Service
from frostline.errors import FrostlineError, InputError, shell_command
from frostline.progress import say, waiting
from frostline.tracking import store_uri

LOGS = Path(".frostline/logs")
POOL = "frostline"


def run(*, api_port: int = 4200, mlflow_port: int = 5000, mlflow_only: bool = False) -> None:
    """Start everything, say where to look, wait; on Ctrl-C or SIGTERM end everything that was started.

    mlflow_only: MLflow alone, for its pages.

    FrostlineError where a service does not come up or ends by itself; nothing is then left running.
    """
    if not Path("prefect.yaml").is_file():
        raise InputError("no prefect.yaml here; run this in a project, or begin one: frostline init")
    for port in (mlflow_port,) if mlflow_only else (api_port, mlflow_port):
        _require_free(port)
    login = credential.credential(servers.home())
    shared = servers.environment(api_port=api_port, mlflow_port=mlflow_port, login=login)
    with supervisor.until_stopped(), contextlib.ExitStack() as stack:
        up = {"mlflow": _start(stack, _mlflow(mlflow_port), shared)}
        if not mlflow_only:
            up["prefect"] = _start(stack, servers.prefect(port=api_port, login=login), shared)
            _set_up(shared)
            _end_interrupted(shared["PREFECT_API_URL"], login)
            up["worker"] = _start(stack, servers.worker(pool=POOL), shared)
        _say_where(shared, mlflow_only=mlflow_only)
        with waiting():
            _watch(up)
    say("all stopped")


def _start(
    stack: contextlib.ExitStack, service: Service, shared: Mapping[str, str]
) -> "subprocess.Popen[bytes]":
    """A service that ends with the stack."""
    if service.health:
        say(f"starting {service.name} …")
    return stack.enter_context(supervisor.running(service, environment=shared, logs=LOGS))


def _end_interrupted(url: str, login: str) -> None:
    """No worker of ours is at work yet: what Prefect has at work was interrupted."""
    for name in prefect_api.end_interrupted(prefect_api.connect(url, login), POOL):
        say(f"run {name} was interrupted when the servers were stopped; it is marked as crashed")


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
    tracking.prepare(store)
    return servers.mlflow(store=store, files=store_uri.served(), port=port)


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
                f"`{shell_command('prefect', *command[1:])}` failed: {lines[-1] if lines else 'silent'}"
            )


def _say_where(shared: Mapping[str, str], *, mlflow_only: bool) -> None:
    """Where to look, and how to get in; the login itself is shown to nobody who looks over a shoulder."""
    for name, address in servers.pages(shared).items():
        if name == "MLflow" or not mlflow_only:
            say(f"{name}: {address}")
    show = shell_command("cat", credential.file(servers.home()).absolute())  # other shells stand elsewhere
    say(f"login: the line that `{show}` shows; MLflow takes it as the password of any name")
    say(f"logs: {LOGS}/*.log")
    if not mlflow_only:
        say(
            f"in another shell: export PREFECT_API_URL={shared['PREFECT_API_URL']}"
            f' PREFECT_API_AUTH_STRING="$({show})"'
        )
    say("ready; Ctrl-C stops all of it")


def _watch(up: "Mapping[str, subprocess.Popen[bytes]]") -> None:
    """Wait for as long as all of them run."""
    while True:
        for name, process in up.items():
            if process.poll() is not None:
                raise FrostlineError(f"{name} has ended by itself; see {LOGS / name}.log")
        time.sleep(1)
