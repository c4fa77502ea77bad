"""Nights on a real server and worker: `frostline serve` in a tiny project, a cron that fires by itself."""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from making_projects import BIN, call, committed
from making_stores import free_port
from test_end_to_end import TINY, project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
PATIENCE = 900.0  # seconds; two busy cores
SECRET = "a-token-that-nobody-may-see"


def wait(what: Callable[[], Any], *, why: str) -> Any:
    """The first answer that is not empty."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if found := what():
                return found
        time.sleep(2)
    raise AssertionError(f"waited in vain: {why}")


@dataclass
class Nights:
    """A served project."""

    root: Path
    api: str
    process: "subprocess.Popen[bytes]"
    messages: list[dict[str, Any]] = field(default_factory=list)

    def ask(self, path: str, **body: Any) -> Any:
        """What Prefect's API answers to a POST."""
        request = urllib.request.Request(
            self.api + path, json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """A deployment's runs whose time has come, the oldest first."""
        found = self.ask(
            "/flow_runs/filter", sort="START_TIME_ASC", deployments={"name": {"any_": [deployment]}}
        )
        return [run for run in found if run["start_time"] or run["state_type"] != "SCHEDULED"]

    def prefect(self, *arguments: str) -> str:
        """What a command of Prefect prints."""
        return call("prefect", "--no-prompt", *arguments, cwd=self.root, PREFECT_API_URL=self.api).stdout

    def ended(self, deployment: str, kind: str, *, after: int = 0) -> dict[str, Any]:
        """The first run of a deployment, of those after the first few, that ended in a kind of state."""
        found: dict[str, Any] = wait(
            lambda: next((run for run in self.runs(deployment)[after:] if run["state_type"] == kind), None),
            why=f"{deployment} {kind}: {[(r['state_name'], r['state']['message']) for r in self.runs(deployment)]}",
        )
        return found


class Receiver(http.server.BaseHTTPRequestHandler):
    """A webhook on loopback that keeps what it gets."""

    messages: list[dict[str, Any]]

    def do_POST(self) -> None:
        """Keep one message."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.messages.append({"token": self.headers["x-token"], **json.loads(body)})
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """`frostline serve` in a tiny project whose nights come every minute, and a webhook that listens."""
    root = project(tmp_path_factory.mktemp("nights") / "project", TINY)
    text = yaml.safe_load((root / "prefect.yaml").read_text())
    nightly = text["deployments"][0]
    nightly["schedules"][0]["cron"] = "* * * * *"
    nightly["parameters"] = {"notify": "custom-webhook/told"}
    (root / "prefect.yaml").write_text(yaml.safe_dump(text))
    committed(root, "Every minute")
    api, mlflow = free_port(), free_port()
    command = [BIN / "frostline", "serve", "--api-port", str(api), "--mlflow-port", str(mlflow)]
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PREFECT_", "MLFLOW_"))}
    # PYTHONPATH: a copy runs its own code. A start_new_session: the caller may go, the nights go on.
    process = subprocess.Popen(
        command, cwd=root, start_new_session=True, stdout=subprocess.DEVNULL,
        env={**kept, "PYTHONPATH": str(root / "src"), "MLFLOW_TRACKING_PASSWORD": SECRET},
    )  # fmt: skip
    found = Nights(root, f"http://127.0.0.1:{api}/api", process)
    Receiver.messages = found.messages
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as webhook:
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        try:
            wait(lambda: urllib.request.urlopen(f"{found.api}/health", timeout=5), why="the API")
            _save_block(found, webhook.server_address[1])
            yield found
        finally:
            webhook.shutdown()
            process.send_signal(signal.SIGTERM)
            process.wait(120)


def _save_block(nights: Nights, port: int) -> None:
    """The webhook as one of Prefect's blocks, its token among the block's secrets."""
    code = (
        "from prefect.blocks.notifications import CustomWebhookNotificationBlock as Block\n"
        f"Block(name='told', url='http://127.0.0.1:{port}/', headers={{'x-token': '{{{{token}}}}'}},"
        " json_data={'subject': '{{subject}}', 'body': '{{body}}'},"
        f" secrets={{'token': '{SECRET}'}}).save('told', overwrite=True)"
    )
    home = str(nights.root / ".frostline/prefect")
    call(BIN / "python", "-c", code, cwd=nights.root, PREFECT_API_URL=nights.api, PREFECT_HOME=home)


def test_a_night(nights: Nights) -> None:
    """The schedule fires by itself: it retrains, records, tells; the next night has nothing to do."""
    first = nights.ended("nightly", "COMPLETED")
    assert first["auto_scheduled"] is True
    tags = call("git", "tag", "--list", "retraining-*", cwd=nights.root).stdout.split()
    assert len(tags) == 1
    assert call("git", "log", "-1", "--format=%an", cwd=nights.root).stdout.strip() == "frostline"
    assert call("git", "status", "--porcelain", cwd=nights.root).stdout == ""
    [message] = nights.messages
    assert (message["subject"], message["token"]) == ("retrained", SECRET)
    assert tags[0] in message["body"]
    second = wait(
        lambda: next((run for run in nights.runs("nightly") if run["state_name"] == "Nothing to do"), None),
        why="a night without work",
    )
    assert second["auto_scheduled"] is True
    assert len(call("git", "tag", "--list", cwd=nights.root).stdout.split()) == 1
    nights.prefect("deployment", "schedule", "pause", "nightly/nightly", "--all")


def test_the_page_of_a_run(nights: Nights) -> None:
    """Tables, pictures and links are there; every stage is a task with what happened to it."""
    artifacts = {each["key"]: each for each in nights.ask("/artifacts/filter", limit=100)}
    assert {"stages", "results", "cnn-curves", "cnn-confusion", "links"} <= set(artifacts)
    assert "/#/experiments/" in artifacts["links"]["data"]
    rows = json.loads(artifacts["stages"]["data"])
    assert [row["result"] for row in rows if row["stage"] == "train@cnn"] == ["ran"]
    tasks = {each["name"] for each in nights.ask("/task_runs/filter", limit=200)}
    assert {"train@cnn", "evaluate@cnn", "export@cnn", "compare", "data.dvc"} <= {
        name.rsplit("-", 1)[0] if name.rsplit("-", 1)[-1].isdigit() else name for name in tasks
    }


def test_cancelled_in_the_middle(nights: Nights) -> None:
    """The stage ends with its run, the message goes out, and the next run does the work."""
    params = nights.root / "params.yaml"
    params.write_text(params.read_text().replace("epochs: 8", "epochs: 3000"))
    committed(nights.root, "Too long")
    nights.prefect("deployment", "run", "training/training", "-p", "notify=custom-webhook/told")
    training = wait(lambda: _training(nights), why="the stage that trains")
    [run] = [each for each in nights.runs("training") if each["state_type"] == "RUNNING"]
    nights.prefect("flow-run", "cancel", run["id"])
    psutil.wait_procs([training], timeout=PATIENCE)
    nights.ended("training", "CANCELLED")
    assert _training(nights) is None
    params.write_text(params.read_text().replace("epochs: 3000", "epochs: 9"))
    committed(nights.root, "Short again")
    nights.prefect("deployment", "run", "training/training")
    nights.ended("training", "COMPLETED")
    assert call("git", "status", "--porcelain", cwd=nights.root).stdout == ""


def _training(nights: Nights) -> psutil.Process | None:
    """The process that trains, if there is one."""
    for each in psutil.Process(nights.process.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if each.cmdline()[-2:] == ["train", "cnn"]:
                return each
    return None


def test_missed_nights_are_one(nights: Nights) -> None:
    """Three nights that are due at once: one run does the work, the others are cancelled and say why."""
    before = len(nights.runs("nightly"))
    nights.prefect("deployment", "schedule", "resume", "nightly/nightly", "--all")
    worker = next(
        each for each in psutil.Process(nights.process.pid).children() if "worker" in each.cmdline()
    )
    worker.suspend()
    time.sleep(200)  # three nights, and the time in which they become late
    worker.resume()
    missed = nights.ended("nightly", "CANCELLED", after=before)
    assert missed["state"]["message"] == "missed; another run does its work"
    nights.prefect("deployment", "schedule", "pause", "nightly/nightly", "--all")


def test_no_secret_is_anywhere(nights: Nights) -> None:
    """Neither the token of the block nor the password of the environment: logs, params, MLflow, git."""
    logs = json.dumps(nights.ask("/logs/filter", limit=200))
    assert SECRET not in logs
    for path in [path for path in nights.root.rglob("*") if path.is_file()]:
        assert SECRET.encode() not in path.read_bytes(), path


def test_all_ends(nights: Nights) -> None:
    """SIGTERM to the one command: no process of it is left, whatever it had started."""
    family = psutil.Process(nights.process.pid).children(recursive=True)
    assert len(family) >= 3
    nights.process.send_signal(signal.SIGTERM)
    assert nights.process.wait(200) == 0
    _, alive = psutil.wait_procs(family, timeout=30)
    assert [each for each in alive if each.status() != psutil.STATUS_ZOMBIE] == []
