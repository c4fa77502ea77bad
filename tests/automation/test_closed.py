"""Real servers, as `frostline serve` starts them, asked by those who must not get in."""

import asyncio
import json
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from frostline.automation import prefect_api, servers, supervisor
from frostline.automation.credential import authorization
from frostline.tracking import reachable
from helpers.nights import served, wait
from helpers.servers import free_port, sqlite

LOGIN = "frostline:a-login-of-these-tests"
FOREIGN = {"origin": "http://evil.example"}
NEIGHBOUR = {"origin": "http://localhost:8888"}  # a page of another program on this machine


@dataclass(frozen=True)
class Up:
    """Both servers, without a worker."""

    api: str
    mlflow: str
    shared: dict[str, str]
    logs: Path


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """Started at once."""
    folder = tmp_path_factory.mktemp("closed")
    ports = {"api_port": free_port(), "mlflow_port": free_port()}
    shared = {**servers.environment(**ports, login=LOGIN), "PREFECT_HOME": str(folder / "prefect")}
    services = (
        servers.mlflow(store=sqlite(folder), files=folder / "files", port=ports["mlflow_port"]),
        servers.prefect(port=ports["api_port"], login=LOGIN),
    )
    with ExitStack() as stack, ThreadPoolExecutor() as pool:
        begun = [supervisor.running(each, environment=shared, logs=folder) for each in services]
        for each in pool.map(lambda one: (one.__enter__(), one)[1], begun):
            stack.push(each)
        yield Up(shared["PREFECT_API_URL"], shared["MLFLOW_TRACKING_URI"], shared, folder)


@pytest.fixture(scope="module")
def allowed(up: Up) -> dict[str, str]:
    """What a request of ours to Prefect carries."""
    return dict(prefect_api.connect(up.api, LOGIN).headers)


def asked(
    url: str, headers: dict[str, str], body: Any = None, method: str | None = None
) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of an answer; a body is sent as JSON."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, content, {"content-type": "application/json", **headers}, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = answer.read().decode()
            return answer.status, said, {name.lower(): value for name, value in answer.headers.items()}
    except urllib.error.HTTPError as error:
        return (
            error.code,
            error.read().decode(),
            {name.lower(): value for name, value in error.headers.items()},
        )


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({}, 200),
        (FOREIGN, 403),
        (NEIGHBOUR, 403),
        ({"origin": "null"}, 403),
        ({"host": "evil.example:{port}"}, 403),
        ({"host": "192.168.evil.example:{port}"}, 403),
        ({"host": "127.0.0.1"}, 403),
        ({"host": "localhost:{port}"}, 200),
        ({"origin": "http://127.0.0.1:{port}"}, 200),
        ({"origin": "http://localhost:{port}"}, 200),
        ({"authorization": ""}, 401),
        (authorization("frostline:wrong"), 401),
        ({"prefect-csrf-token": "forged"}, 403),
    ],
)
def test_prefect(up: Up, allowed: dict[str, str], changed: dict[str, str], status: int) -> None:
    """Its API answers its own pages and programs with the login and the token, nobody else, however they ask."""
    port = up.api.split(":")[2].removesuffix("/api")
    headers = {**allowed, **{name: value.format(port=port) for name, value in changed.items()}}
    got, said, answered = asked(f"{up.api}/deployments/filter", headers, {})
    assert got == status
    assert answered.get("access-control-allow-origin", "") in {"", headers.get("origin")}
    assert (said == "[]") == (status == 200)


def test_a_page_may_not_even_ask(up: Up) -> None:
    """What a browser asks before it sends a foreign page's request is refused, and no page may frame ours."""
    how = {
        **FOREIGN,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    for address in (f"{up.api}/deployments/filter", f"{up.mlflow}/api/2.0/mlflow/experiments/create"):
        got, _, answered = asked(address, how, method="OPTIONS")
        assert got == 403
        assert "access-control-allow-origin" not in answered
    got, _, answered = asked(up.api.removesuffix("api"), {})
    assert (got, answered["x-frame-options"]) == (200, "DENY")


@pytest.mark.parametrize("path", ["events/in", "events/out", "logs/out"])
@pytest.mark.parametrize("origin", ["http://evil.example", None])
def test_sockets(up: Up, path: str, origin: str | None) -> None:
    """A socket asks no browser for leave: a foreign page's is refused, one without the login closed."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidStatus

    async def spoken() -> object:
        address = f"{up.api.replace('http', 'ws')}/{path}"
        async with connect(address, origin=origin, subprotocols=["prefect"]) as socket:
            await socket.send(json.dumps({"type": "auth", "token": "frostline:wrong"}))
            return await asyncio.wait_for(socket.recv(), 20)

    with pytest.raises(InvalidStatus if origin else ConnectionClosed):
        asyncio.run(spoken())


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        (authorization("frostline:wrong"), 401),
        ({**authorization(LOGIN), **FOREIGN}, 403),
        ({**authorization(LOGIN), **NEIGHBOUR}, 403),
        ({**authorization(LOGIN), "host": "192.168.evil.example"}, 403),
    ],
)
@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("api/2.0/mlflow/experiments/create", "POST"),  # whose files may lie anywhere on this disk
        ("ajax-api/3.0/mlflow/assistant/config", "PUT"),  # a model's address, and leave to run its commands
        ("get-artifact?run_uuid=x&path=y", "GET"),
        ("graphql", "POST"),
        ("v1/traces", "POST"),
        ("version", "GET"),
        ("", "GET"),
    ],
)
def test_mlflow(up: Up, path: str, method: str, headers: dict[str, str], status: int) -> None:
    """Nothing of it answers without the login or for a foreign page: no files, no commands, no pages."""
    got, said, answered = asked(f"{up.mlflow}/{path}", headers, {} if method != "GET" else None, method)
    assert got == status
    assert said.strip() in {
        "this server wants the login of its project", "pages of other servers may not speak to this one",
        "this server has another name; open it by its own address",
    }  # fmt: skip
    assert answered.get("www-authenticate", "") == ('Basic realm="frostline"' if status == 401 else "")


def test_mlflow_with_the_login(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its pages, its programs and a browser into which somebody pasted the whole line."""
    from mlflow import MlflowClient

    assert asked(up.mlflow, authorization(f"me:{LOGIN}"))[0] == 200
    assert asked(f"{up.mlflow}/health", {})[0] == 200
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    assert "it refused the login; set MLFLOW_TRACKING_USERNAME and" in reachable(up.mlflow)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, up.shared[name])
    assert reachable(up.mlflow) == ""
    client = MlflowClient(up.mlflow)
    run = client.create_run(client.create_experiment("kept")).info
    client.log_text(run.run_id, "text", "kept.txt")
    assert run.artifact_uri.startswith("mlflow-artifacts:/")
    assert [each.path for each in client.list_artifacts(run.run_id)] == ["kept.txt"]
    assert (up.logs / "files").is_dir()


def test_the_api_is_asked_for_its_login(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell without the login gets one line before any work."""
    monkeypatch.setenv("PREFECT_API_URL", up.api)
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    assert prefect_api.reachable() == (
        f"Prefect's API {up.api} refused the login; set PREFECT_API_AUTH_STRING: the line that "
        "`frostline serve` prints for another shell has it"
    )
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", LOGIN)
    assert prefect_api.reachable() == ""


def test_runs_name_no_command(up: Up, allowed: dict[str, str]) -> None:
    """What a run or a deployment may not set is refused; what came by a way that Prefect leaves open is not read."""
    from prefect.workers.process import ProcessJobConfiguration

    template = json.loads(servers.POOL.read_text())
    pool = {"name": "frostline", "type": "process", "base_job_template": template}
    assert asked(f"{up.api}/work_pools/", allowed, pool)[0] == 201
    flow = json.loads(asked(f"{up.api}/flows/", allowed, {"name": "any"})[1])["id"]
    made = {"name": "any", "flow_id": flow, "work_pool_name": "frostline"}
    deployment = json.loads(asked(f"{up.api}/deployments/", allowed, made)[1])["id"]
    for named in (
        {"command": "id"},
        {"env": {"PYTHONPATH": "x"}},
        {"env.PYTHONPATH": "x"},
        {"working_dir": "/"},
    ):
        refused = [
            asked(f"{up.api}/deployments/{deployment}/create_flow_run", allowed, {"job_variables": named}),
            asked(f"{up.api}/deployments/", allowed, {**made, "job_variables": named}),
        ]
        assert [status for status, *_ in refused] == [422, 422], refused
        assert all("Additional properties are not allowed" in said for _, said, _ in refused)
        read = asyncio.run(
            ProcessJobConfiguration.from_template_and_values(template, dict(named), client=object())
        )
        assert (read.command, read.env, read.working_dir) == (None, {}, None)


def test_the_login_is_nowhere(up: Up, allowed: dict[str, str]) -> None:  # noqa: ARG001  # after something was asked
    """In no log and on no command line, which every user of this machine can read."""
    told = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "frostline.automation.guard:prefect" in told
    assert LOGIN.partition(":")[2] not in told
    for log in up.logs.glob("*.log"):
        assert LOGIN.partition(":")[2] not in log.read_text()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_worker_runs_no_command(tmp_path: Path) -> None:
    """`frostline serve` with its worker: the attack that once wrote a file writes none, by every way in.

    A pool and a deployment that somebody opened are closed again at the next start, with the same login.
    """
    from prefect.workers.process import ProcessWorker

    written = tmp_path / "written"
    with served(tmp_path) as nights:
        named = {
            "command": f"touch {written}",
            "env": {"PREFECT_HOME": str(written)},
            "working_dir": str(written),
        }
        [training] = nights.ask("/deployments/filter", deployments={"name": {"any_": ["training"]}})
        here = f"{nights.api}/deployments/{training['id']}"
        attack = {"state": {"type": "SCHEDULED"}, "job_variables": named}
        assert asked(f"{here}/create_flow_run", {**nights.headers, **FOREIGN}, attack)[0] == 403
        assert asked(f"{here}/create_flow_run", {}, attack)[0] == 403
        assert asked(f"{here}/create_flow_run", nights.headers, attack)[0] == 422
        # Ways that Prefect does not check: a run of no deployment, and a change of a deployment that has a schedule.
        alone = nights.ask("/flow_runs/", flow_id=training["flow_id"], work_pool_name="frostline", **attack)[
            "id"
        ]
        assert asked(here, nights.headers, {"job_variables": named}, "PATCH")[0] == 204
        nights.prefect("deployment", "schedule", "create", "training/training", "--interval", "3600")
        first = wait(lambda: scheduled(nights), why="a planned run")
        nights.ask(
            f"/flow_runs/{first}/set_state", state={"type": "SCHEDULED", "name": "AwaitingRetry"}, force=True
        )
        nights.became(alone, "CRASHED")
        nights.became(first, "COMPLETED")
        assert not written.exists()
        unsafe = {"base_job_template": ProcessWorker.get_default_base_job_template()}
        assert asked(f"{nights.api}/work_pools/frostline", nights.headers, unsafe, "PATCH")[0] == 204
        nights.restart()
        pool = json.loads(asked(f"{nights.api}/work_pools/frostline", nights.headers)[1])
        assert pool["base_job_template"] == json.loads(servers.POOL.read_text())
        [again] = nights.ask("/deployments/filter", deployments={"name": {"any_": ["training"]}})
        assert again["job_variables"] == {}


def scheduled(nights: Any) -> str:
    """The first run that the scheduler planned."""
    ours = {"name": {"any_": ["training"]}}
    found = nights.ask("/flow_runs/filter", deployments=ours, sort="EXPECTED_START_TIME_ASC")
    return next((run["id"] for run in found if run["auto_scheduled"]), "")
