"""Servers of one's own on loopback: started together, ended together, with all that they started."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO
from urllib.parse import urlsplit
from urllib.request import urlopen

from frostline.errors import FrostlineError

START_SECONDS = 600.0  # the first start makes the tables, and the machine may be busy
STOP_SECONDS = 40.0  # a worker gives its runs 30 to end by themselves
KILL_SECONDS = 10.0  # what they left behind has these


@dataclass(frozen=True)
class Service:
    """A program that runs until it is told to end; `health` is an address that answers once it is up.

    `settings`: environment of its own. What is secret belongs there: everybody sees command lines.
    """

    name: str
    command: Sequence[str]
    health: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


class StoppedError(BaseException):
    """Somebody asked all of this to end."""


@contextlib.contextmanager
def running(
    service: Service, *, environment: Mapping[str, str], logs: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """A service that answers, until the block ends; then it and all that it started are gone.

    FrostlineError with the place of its log where it does not come up.
    """
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{service.name}.log"
    with log.open("ab") as file:
        process = _start(service, environment, file)
        try:
            _wait(service, process, log)
            yield process
        finally:
            stop(process)


def _start(service: Service, environment: Mapping[str, str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        service.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        env={**os.environ, **environment, **service.settings},
    )  # fmt: skip


def _wait(service: Service, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the address answers; a service that has none is up when it runs.

    It must be the service that answers: another user's program on its port would next be given our login.
    """
    until = time.monotonic() + START_SECONDS
    while service.health:
        if process.poll() is not None:
            raise FrostlineError(f"{service.name} ended at once; see {log}")
        with contextlib.suppress(OSError), urlopen(service.health, timeout=5):
            if not _listens(process, urlsplit(service.health).port):
                raise FrostlineError(f"another program has taken the port of {service.name}; see {log}")
            return
        if time.monotonic() > until:
            raise FrostlineError(f"{service.name} does not answer after {START_SECONDS:g} seconds; see {log}")
        time.sleep(0.25)


def _listens(process: "subprocess.Popen[bytes]", port: int | None) -> bool:
    """Whether a process, or one that it started, is what listens on a port."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(process.pid)
        connections = [
            connection
            for member in (parent, *parent.children(recursive=True))
            for connection in member.net_connections("inet")
        ]
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
            for connection in connections
        )
    return False


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End a process, then whatever it had started, wherever that has moved itself."""
    import psutil

    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        family = []
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    left = [child for child in family if child.is_running()]
    for child in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.terminate()
    _, stubborn = psutil.wait_procs(left, timeout=KILL_SECONDS)
    for survivor in [*stubborn, *([psutil.Process(process.pid)] if process.poll() is None else [])]:
        with contextlib.suppress(psutil.NoSuchProcess):
            survivor.kill()
    psutil.wait_procs(stubborn, timeout=KILL_SECONDS)
    process.wait()


@contextlib.contextmanager
def until_stopped() -> Iterator[None]:
    """Ctrl-C and a request to end both leave the block in an orderly way, and so without an error."""

    def leave(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # signals call it so
        raise StoppedError

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except StoppedError:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
