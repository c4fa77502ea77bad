"""Nights for tests: `frostline serve` in a tiny project, a webhook that listens, questions to Prefect's API."""

import contextlib
import functools
import http.server
import json
import os
import re
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import yaml

from frostline.automation import prefect_api
from helpers.projects import BIN, call, committed
from helpers.servers import free_port
from test_end_to_end import TINY, project

PATIENCE = 400.0  # seconds; two busy cores
SECRET = "a-token-that-nobody-may-see"
BLOCK = "custom-webhook/told"


def wait(what: Callable[[], Any], *, why: str, seconds: float = PATIENCE) -> Any:
    """The first answer that is not empty; Prefect on sqlite answers 503 while it is busy: that is none."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(OSError):
            if found := what():
                return found
        time.sleep(1)
    raise AssertionError(f"waited in vain: {why}")


def api(address: str, path: str, headers: Mapping[str, str], **body: Any) -> Any:
    """What an API answers to a POST, asked again while it says that it is busy."""
    request = urllib.request.Request(
        address + path, json.dumps(body).encode(), {"content-type": "application/json", **headers}
    )
    for _ in range(20):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(2)
    raise AssertionError(f"{path}: busy for good")


@dataclass
class Nights:
    """A project with Prefect's API; `messages` are what the webhook got."""

    root: Path
    api: str
    mlflow: str
    process: "subprocess.Popen[bytes]"
    again: Callable[[], "subprocess.Popen[bytes]"]  # starts another `frostline serve` like the first
    messages: list[dict[str, Any]] = field(default_factory=list)

    @functools.cached_property
    def login(self) -> str:
        """What the servers ask for; the first start made it."""
        return (self.root / ".frostline/prefect/credential").read_text().strip()

    @property
    def settings(self) -> dict[str, str]:
        """What another shell sets, to work with these servers."""
        name, _, password = self.login.partition(":")
        return {
            "PREFECT_API_URL": self.api, "PREFECT_API_AUTH_STRING": self.login, "MLFLOW_TRACKING_URI": self.mlflow,
            "MLFLOW_TRACKING_USERNAME": name, "MLFLOW_TRACKING_PASSWORD": password,
            "PREFECT_HOME": str(self.root / ".frostline/prefect"),
        }  # fmt: skip

    @functools.cached_property
    def headers(self) -> dict[str, str]:
        """What a request to Prefect's API carries; its token holds for an hour."""
        return wait(lambda: dict(prefect_api.connect(self.api, self.login).headers), why="a token")

    def ask(self, path: str, **body: Any) -> Any:
        """What Prefect's API answers."""
        return api(self.api, path, self.headers, **body)

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """A deployment's runs whose time has come, in the order in which they were asked for."""
        found = self.ask("/flow_runs/filter", deployments={"name": {"any_": [deployment]}})
        come = [run for run in found if run["start_time"] or run["state_type"] != "SCHEDULED"]
        return sorted(come, key=lambda run: run["expected_start_time"])

    def prefect(self, *arguments: str, cwd: Path | None = None) -> str:
        """What a command of Prefect prints; tried again, for a busy API fails it."""
        for last in (False, False, True):
            done = call(
                "prefect",
                "--no-prompt",
                *arguments,
                cwd=cwd or self.root,
                check=last,
                **self.settings,
            )
            if not done.returncode:
                break
            time.sleep(5)
        return done.stdout

    def start(self, name: str, **parameters: Any) -> str:
        """Ask for a run of a deployment (`training/training`) now; its id."""
        words = [
            word for key, value in parameters.items() for word in ("--param", f"{key}={json.dumps(value)}")
        ]
        said = self.prefect("deployment", "run", name, *words)
        return next(line.split()[-1] for line in said.splitlines() if "UUID" in line)

    def run(self, number: str) -> dict[str, Any]:
        """One run, as the API has it."""
        [found] = self.ask("/flow_runs/filter", flow_runs={"id": {"any_": [number]}})
        return dict(found)

    def became(self, number: str, *kinds: str) -> dict[str, Any]:
        """A run, once its state is of one of the kinds; no other end is waited out."""
        ends = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
        found = wait(
            lambda: run if (run := self.run(number))["state_type"] in ends | set(kinds) else None,
            why=f"{number} {kinds}",
        )
        assert found["state_type"] in kinds, found["state"]
        return dict(found)

    def tasks(self, number: str) -> list[dict[str, Any]]:
        """The tasks of a run."""
        return list(self.ask("/task_runs/filter", flow_runs={"id": {"any_": [number]}}, limit=200))

    def artifacts(self) -> dict[str, dict[str, Any]]:
        """The newest of each key."""
        found = self.ask("/artifacts/filter", limit=200, sort="CREATED_DESC")
        return {each["key"]: each for each in reversed(found)}

    def told(self, subject: str, *, after: int = 0) -> dict[str, Any]:
        """The first message of a subject, of those after the first few."""
        return dict(
            wait(
                lambda: next((m for m in self.messages[after:] if m["subject"] == subject), None),
                why=f"{subject!r} among {self.messages}",
            )
        )

    def part(self, word: str) -> psutil.Process:
        """The service of `frostline serve` whose command has a program, a module or an argument of that name."""
        services = psutil.Process(self.process.pid).children()
        return next(
            each
            for each in services
            if any(Path(part).name == word or part.endswith(f".guard:{word}") for part in each.cmdline())
        )

    def training(self) -> psutil.Process | None:
        """The process that trains in this project, if there is one."""
        for each in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if each.cmdline()[-2:] == ["train", "cnn"] and Path(each.cwd()) == self.root:
                    return each
        return None

    def flow(self) -> psutil.Process:
        """The process of the flow that runs now: what the worker has started."""
        found = [
            each
            for each in self.part("worker").children(recursive=True)
            if "prefect" in " ".join(each.cmdline()) and each.environ().get("FROSTLINE_STAGE_OF") is None
        ]
        return found[0]

    def restart(self) -> None:
        """All of `frostline serve` ends, whatever runs, and starts again."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(120)
        self.process = self.again()

    def epochs(self, count: int) -> None:
        """Change how long the one classifier trains, and commit it."""
        path = self.root / "params.yaml"
        text, changed = re.subn(r"epochs: -?\d+", f"epochs: {count}", path.read_text())
        assert changed == 1
        path.write_text(text)
        committed(self.root, f"{count} epochs")

    def clean(self) -> bool:
        """Whether git has nothing to say."""
        return call("git", "status", "--porcelain", cwd=self.root).stdout == ""


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


def outside() -> dict[str, str]:
    """The environment of the tests without anybody's settings."""
    return {
        key: value for key, value in os.environ.items()
        if not key.startswith(("PREFECT_", "MLFLOW_", "FROSTLINE_", "DVC_"))
    }  # fmt: skip


@contextlib.contextmanager
def served(
    folder: Path, *, cron: str = "", values: Mapping[str, Any] = TINY, **environment: str
) -> Iterator[Nights]:
    """`frostline serve` in a tiny project, its nights by `cron` (none without), and a webhook that listens."""
    root = project(folder / "project", dict(values))
    text = yaml.safe_load((root / "prefect.yaml").read_text())
    nightly = text["deployments"][0]
    nightly["schedules"] = [{"cron": cron, "timezone": "UTC"}] if cron else []
    nightly["parameters"] = {"notify": BLOCK}
    (root / "prefect.yaml").write_text(yaml.safe_dump(text))
    committed(root, "Its own nights")
    prefect, mlflow = free_port(), free_port()
    command = [BIN / "frostline", "serve", "--api-port", str(prefect), "--mlflow-port", str(mlflow)]
    # PYTHONPATH: a copy runs its own code. A start_new_session: the caller may go, the nights go on.
    settings = {"PYTHONPATH": str(root / "src"), "AWS_SECRET_ACCESS_KEY": SECRET, **environment}

    def start() -> "subprocess.Popen[bytes]":
        with (folder / "serve.log").open("wb") as log:
            begun = subprocess.Popen(
                command,
                cwd=root,
                start_new_session=True,
                stdout=log,
                stderr=log,
                env={**outside(), **settings},
            )
        try:
            wait(
                lambda: "ready;" in (folder / "serve.log").read_text() or begun.poll(), why="frostline serve"
            )
        except BaseException:
            begun.terminate()
            raise
        assert begun.poll() is None, (folder / "serve.log").read_text()
        return begun

    found = Nights(root, f"http://127.0.0.1:{prefect}/api", f"http://127.0.0.1:{mlflow}", start(), start)
    handler = type("Here", (Receiver,), {"messages": found.messages})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as webhook:
        threading.Thread(target=webhook.serve_forever, daemon=True).start()
        try:
            _save_block(found, webhook.server_address[1])
            yield found
        finally:
            webhook.shutdown()
            found.process.send_signal(signal.SIGTERM)
            found.process.wait(120)


def _save_block(nights: Nights, port: int) -> None:
    """The webhook as one of Prefect's blocks, its token among the block's secrets."""
    code = (
        "from prefect.blocks.notifications import CustomWebhookNotificationBlock as Block\n"
        f"Block(name='told', url='http://127.0.0.1:{port}/', headers={{'x-token': '{{{{token}}}}'}},"
        " json_data={'subject': '{{subject}}', 'body': '{{body}}'},"
        f" secrets={{'token': '{SECRET}'}}).save('told', overwrite=True)"
    )
    for last in (False, False, True):
        done = call(
            BIN / "python",
            "-c",
            code,
            cwd=nights.root,
            check=last,
            **nights.settings,
        )
        if not done.returncode:
            return
