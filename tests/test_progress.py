"""Progress: a line at the end where nobody watches, a bar where somebody does, nothing for nothing."""

import re
import sys

import pytest

from frostline.progress import progress


def test_one_line_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    """Not on a terminal: what, how many, how fast, once, on standard error."""
    with progress(50, "features") as advance:
        advance(30)
        advance(20)
        assert capsys.readouterr().err == ""
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"features: 50 images, \d+ images/s\n", err)


def test_nothing_to_do_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A warm cache is silent."""
    with progress(0, "features") as advance:
        advance(0)
    assert capsys.readouterr() == ("", "")


def test_a_failure_passes_and_claims_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The error comes through, and no line says that it was done."""

    def fail() -> None:
        with progress(3, "features") as advance:
            advance(1)
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert capsys.readouterr().err == ""


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the bar counts; nothing goes to standard output."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with progress(50, "pixels") as advance:
        advance(20)
        advance(30)
    out, err = capsys.readouterr()
    assert out == ""
    assert "pixels" in err
    assert "50/50" in err
    assert "images/s" in err


def test_a_bar_survives_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An interrupted bar gives the terminal's cursor back."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")

    def fail() -> None:
        with progress(5, "pixels") as advance:
            advance(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert capsys.readouterr().err.rstrip("\n").endswith("\x1b[?25h")
