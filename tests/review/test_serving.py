"""One review at a time, on loopback."""

import json
import socket
from pathlib import Path

import pytest

from frostline.errors import FrostlineError, InputError
from frostline.review import serving


def test_a_second_reviewer_is_told(tmp_path: Path) -> None:
    """Who is at it, and since when; the first one's end lets the next one in."""
    lock = tmp_path / "x/review.lock"
    with serving.alone("Ada", "pets", lock):
        assert json.loads(lock.read_text())["who"] == "Ada"
        with (
            pytest.raises(FrostlineError, match="Ada is reviewing pets since"),
            serving.alone("Bob", "pets", lock),
        ):
            pass
    with serving.alone("Bob", "pets", lock):
        assert json.loads(lock.read_text())["who"] == "Bob"


def test_a_lock_that_says_nothing(tmp_path: Path) -> None:
    """Cut off by a kill: still one line."""
    lock = tmp_path / "review.lock"
    with serving.alone("Ada", "pets", lock):
        lock.write_text("{")
        with pytest.raises(FrostlineError, match="somebody"), serving.alone("Bob", "pets", lock):
            pass


def test_a_port_that_is_taken() -> None:
    """Said with the option that names another."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(InputError, match="--port"):
            serving._listening(taken.getsockname()[1])


def test_it_listens_on_loopback_alone() -> None:
    """On no other address of this machine."""
    with serving._listening(0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_a_browser_needs_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """One in the terminal would be in the way of Ctrl-C."""
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    assert not serving._has_display()
    monkeypatch.setenv("DISPLAY", ":0")
    assert serving._has_display()
