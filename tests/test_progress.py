"""Progress: a line at the end where nobody watches, a bar where somebody does, nothing for nothing."""

import re
import sys
import time
from collections.abc import Callable

import pytest

from frostline import progress


@pytest.mark.parametrize(("brief", "rate"), [(0.0, r", \d+ images/s"), (60.0, "")])
def test_one_line_at_the_end(
    brief: float, rate: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not on a terminal: what, how many, how fast if it took any time, once, on standard error."""
    monkeypatch.setattr(progress, "BRIEF", brief)
    with progress.progress(50, "features") as advance:
        advance(30)
        advance(20)
        assert capsys.readouterr().err == ""
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(rf"features: 50 images{rate}\n", err)


def test_parts_are_counted_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What parts count is counted around them; they themselves say nothing, and what follows speaks again."""
    lines: list[str] = []
    before = progress.report_to(progress.Reporter(note=lines.append))
    counted: list[progress.Counted] = []

    class Seen(progress.Counted):
        def __init__(self, what: str, total: int | None) -> None:
            super().__init__(what, total)
            counted.append(self)

    monkeypatch.setattr(progress, "Counted", Seen)
    try:
        with progress.together(5, "all"), progress.together(3, "some"):
            for part in (2, 3):
                with progress.progress(part, "part") as advance:
                    advance(part)
        assert lines == []
        assert [(one.what, one.done) for one in counted] == [("all", 5)]
        with progress.progress(1, "after") as advance:
            advance(1)
        assert [line.split(",")[0] for line in lines] == ["after: 1 images"]
    finally:
        progress.report_to(before)


def test_nothing_to_do_shows_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A warm cache is silent."""
    with progress.progress(0, "features") as advance:
        advance(0)
    assert capsys.readouterr() == ("", "")


def test_a_failure_passes_and_claims_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """The error comes through, and no line says that it was done."""

    def fail() -> None:
        with progress.progress(3, "features") as advance:
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
    with progress.progress(50, "pixels") as advance:
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
        with progress.progress(5, "pixels") as advance:
            advance(1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert capsys.readouterr().err.rstrip("\n").endswith("\x1b[?25h")


def lines_of(block: Callable[[], None]) -> list[str]:
    """What was noted while a function ran."""
    lines: list[str] = []
    before = progress.report_to(progress.Reporter(say=lines.append, note=lines.append))
    try:
        block()
    finally:
        progress.report_to(before)
    return lines


def test_whoever_is_silent_says_so_and_no_other() -> None:
    """Of two blocks the inner one, and only where no line was said for so long; nothing while a person is asked."""

    def work() -> None:
        with progress.alive(lambda: "outer", every=0.05, first=0.05):
            with progress.alive(lambda: "inner", every=0.05, first=0.05):
                time.sleep(0.18)
            for _ in range(8):
                progress.say("result")
                time.sleep(0.02)
            with progress.waiting():
                time.sleep(0.12)

    lines = lines_of(work)
    assert lines.count("inner") >= 2
    assert lines == ["inner"] * lines.count("inner") + ["result"] * 8


def test_a_command_says_that_it_is_at_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name and the time so far, first after less time than later."""
    monkeypatch.setattr(progress, "SECONDS", 0.05)

    def work() -> None:
        with progress.at_work("net describe"):
            time.sleep(0.12)

    assert lines_of(work)[:1] == ["net describe: at work for 0 s …"]


def test_an_announcement_says_for_how_long() -> None:
    """What is done, and about how long it takes."""
    assert lines_of(lambda: progress.announce("loading", about=10)) == ["loading, usually 10 to 30 s …"]


def test_slow_work_has_a_rate() -> None:
    """Less than one image per second is no standstill."""
    slow = progress.Counted("x", 24)
    slow._start -= 10
    slow.advance(3)
    assert slow.line().startswith("x: 3 of 24 images, 0.3 images/s, 1 min ")
