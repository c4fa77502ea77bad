"""Services start together and leave nothing behind; the API is asked before work begins."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from frostline.automation import artifacts, prefect_api, supervisor
from frostline.automation.supervisor import Service
from frostline.errors import FrostlineError
from helpers.servers import free_port

WEB = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
# Starts a child in a session of its own, which ignores a request to end.
PARENT = """
import subprocess, sys, time
child = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
subprocess.Popen([sys.executable, "-c", child], start_new_session=True)
time.sleep(600)
"""
# In a process of its own: whatever else listens to signals in the tests' own process has no say.
STOPPED = """
import os, signal, threading, time
from frostline.automation import supervisor
before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
with supervisor.until_stopped():
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    time.sleep(60)
    print("not reached")
assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
print("left with the former handlers")
"""


def test_a_service_answers_and_ends(tmp_path: Path) -> None:
    """Inside the block it answers, after it the port is free."""
    port = free_port()
    service = Service("web", [sys.executable, "-c", WEB, str(port)], f"http://127.0.0.1:{port}/")
    with supervisor.running(service, environment={}, logs=tmp_path) as process:
        assert process.poll() is None
    assert process.poll() is not None
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_service_that_ends_at_once(tmp_path: Path) -> None:
    """Its log is named and has the reason."""
    service = Service("bad", [sys.executable, "-c", "raise SystemExit('why')"], "http://127.0.0.1:9/")
    with (
        pytest.raises(FrostlineError, match=r"bad ended at once; see .*bad\.log"),
        supervisor.running(service, environment={}, logs=tmp_path),
    ):
        pass
    assert "why" in (tmp_path / "bad.log").read_text()


def test_a_port_that_another_program_took(tmp_path: Path) -> None:
    """What answers in a service's place is not taken for it: it would be given the login."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    impostor = Service("impostor", [sys.executable, "-c", WEB, str(port)], address)
    late = Service("late", [sys.executable, "-c", "import time; time.sleep(600)"], address)
    with (
        supervisor.running(impostor, environment={}, logs=tmp_path),
        pytest.raises(FrostlineError, match=r"another program has taken the port of late; see .*late\.log"),
        supervisor.running(late, environment={}, logs=tmp_path),
    ):
        pass


def test_a_secret_goes_by_the_environment(tmp_path: Path) -> None:
    """A service's own settings reach it, over those that all share."""
    code = "import os; raise SystemExit(os.environ['SAID'])"
    service = Service("said", [sys.executable, "-c", code], "http://127.0.0.1:9/", {"SAID": "its own"})
    with (
        pytest.raises(FrostlineError, match="said ended at once"),
        supervisor.running(service, environment={"SAID": "shared"}, logs=tmp_path),
    ):
        pass
    assert (tmp_path / "said.log").read_text() == "its own\n"


def test_no_orphans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A grandchild in its own session that ignores SIGTERM is gone too."""
    monkeypatch.setattr(supervisor, "KILL_SECONDS", 0.5)
    service = Service("parent", [sys.executable, "-c", PARENT])
    with supervisor.running(service, environment={}, logs=tmp_path) as process:
        until = time.monotonic() + 60
        while "up" not in (tmp_path / "parent.log").read_text() and time.monotonic() < until:
            time.sleep(0.1)
        [child] = psutil.Process(process.pid).children()
    # Where nobody reaps orphans (a container without init), a dead one stays in the table.
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_stopping_is_no_error() -> None:
    """SIGTERM leaves the block, and the former handlers are back."""
    done = subprocess.run([sys.executable, "-c", STOPPED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "left with the former handlers\n", "")


def test_the_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not named: Prefect starts its own. Named and silent: the command that starts it."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    prefect_api.require()
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
    with pytest.raises(
        FrostlineError, match=r"does not answer \(.*Connection refused\); start it: frostline serve"
    ):
        prefect_api.require()


@pytest.mark.parametrize(("name", "key"), [("digits_VGG19-curves", "digits-vgg19-curves"), ("é", "unnamed")])
def test_keys(name: str, key: str) -> None:
    """Any name becomes a key that Prefect takes."""
    assert artifacts.key_of(name) == key
