"""The review's server from its start to its end: one at a time, on loopback, until Ctrl-C or the page ends it."""

import contextlib
import json
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from frostline import system
from frostline.automation.servers import HOST
from frostline.automation.supervisor import until_stopped
from frostline.datasets.decision_log import now
from frostline.errors import FrostlineError, InputError
from frostline.progress import say, waiting
from frostline.review.app import app
from frostline.review.session import ReviewSession

LOCK = Path(".frostline/review.lock")


@contextlib.contextmanager
def alone(who: str, dataset: str, path: Path = LOCK) -> Iterator[None]:
    """Only one review of a project at a time; FrostlineError says whose is open. A killed one locks nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not system.lock(file):
            raise FrostlineError(
                f"{_holder(path)}; close that review first: two would not know of each other"
            )
        os.ftruncate(file.fileno(), 0)
        file.write(json.dumps({"who": who, "dataset": dataset, "since": now(), "process": os.getpid()}))
        file.flush()
        yield


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text(encoding="utf-8"))
        return "{who} is reviewing {dataset} since {since} (process {process})".format(**holder)
    except (OSError, ValueError, KeyError):
        return "somebody is reviewing photos of this project"


def serve(session: ReviewSession, *, port: int, browser: bool) -> None:
    """Answer until the page or Ctrl-C ends it. InputError where the port is taken."""
    import uvicorn

    token = secrets.token_urlsafe(24)
    with _listening(port) as listening:
        server = uvicorn.Server(uvicorn.Config(
            app(session, token, end=lambda: setattr(server, "should_exit", True)),
            log_level="error", access_log=False, lifespan="off", proxy_headers=False, server_header=False,
            timeout_graceful_shutdown=1,
        ))  # fmt: skip
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # ours end it in an orderly way
        address = f"http://{HOST}:{listening.getsockname()[1]}/{token}/"
        say(f"review: {address}")
        say("every decision is on the disk before the next photo comes; Ctrl-C ends it")
        if browser and _has_display():
            _open(address)
        with waiting(), until_stopped(), contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listening])


def _listening(port: int) -> socket.socket:
    """A socket on loopback; port 0: any that is free."""
    opened = socket.socket()
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((HOST, port))
        opened.listen(128)
    except OSError as error:
        opened.close()
        raise InputError(f"port {port} cannot be used ({error.strerror}); name another: --port") from None
    return opened


def _has_display() -> bool:
    """Whether a browser would open a window: one in the terminal would be in the way."""
    if sys.platform in {"darwin", "win32"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(address: str) -> None:
    import webbrowser

    with contextlib.suppress(webbrowser.Error):
        webbrowser.open(address)
