"""What is reported while work goes on: lines as they come, and how far a long job has come.

A library says nothing: until `report_to` names a reporter, as the command line does, all of this is silent.
"""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from frostline.errors import visible

SECONDS = 30.0  # at least so often a long job says how far it is
BRIEF = 0.1  # a rate over fewer seconds says nothing
PATIENCE = 5.0  # for so long a person at a terminal takes silence for work

Total = int | Callable[[], int | None]


def _silent(_: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Reporter:
    """Where lines go: `say` takes results, `note` takes remarks about the work. `bars`: whether bars may be drawn."""

    say: Callable[[str], None] = _silent
    note: Callable[[str], None] = _silent
    bars: bool = False


SILENT = Reporter()
_alive: list[object] = []  # one for each `alive` and each bar that lasts, the innermost last
_counting: list[Callable[[int], None]] = []  # one for each `together`, the innermost last
_reporter = SILENT
_last = [0.0]  # when a line was last said


def report_to(reporter: Reporter) -> Reporter:
    """From now on all lines of this process go to `reporter`; returns the one before."""
    global _reporter  # one of a process, as its standard output is
    before, _reporter = _reporter, reporter
    return before


def say(line: str) -> None:
    """A result, as soon as it is there."""
    _said()
    _reporter.say(visible(line))


def note(line: str) -> None:
    """A remark about the work that is no result."""
    _said()
    _reporter.note(visible(line))


def _said() -> None:
    _last[0] = time.monotonic()


def announce(what: str, *, about: float) -> None:
    """Note what a command does first that takes some time: about so many seconds, or thrice that on a busy machine."""
    note(f"{what}, usually {about:.0f} to {3 * about:.0f} s …")


def at_work(what: str) -> contextlib.AbstractContextManager[None]:
    """For as long as the block lasts and is silent: what is at work, and since when."""
    start = time.monotonic()
    first = PATIENCE if _watched() else SECONDS
    return alive(lambda: f"{what}: at work for {duration(time.monotonic() - start)} …", first=first)


def _watched() -> bool:
    """Whether a person sits at the terminal that lines go to."""
    return _reporter.bars and sys.stderr.isatty()


@contextlib.contextmanager
def progress(total: Total, what: str, *, summary: bool = True) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts `n` images more as done; with nothing to do, nothing is shown.

    On a terminal a bar with rate and time left; elsewhere a line every 30 seconds, and one at the end unless
    `summary` is False. A total that takes time to find out may be a function: it is called beside the work, and
    only where somebody looks.
    """
    if _counting:
        yield _counting[-1]
        return
    if total and _watched():
        with _bar(total, what) as count_on_bar:
            yield count_on_bar
        return
    counted = Counted(what, total if isinstance(total, int) else None)
    with alive(counted.line) if total else contextlib.nullcontext():
        yield counted.advance
    if total and summary:
        note(counted.summary)


@contextlib.contextmanager
def together(total: int, what: str) -> Iterator[None]:
    """As `progress`, for work in parts: what they count is counted here, and they show nothing; nor does their end."""
    with progress(total, what, summary=False) as advance:
        _counting.append(advance)
        try:
            yield
        finally:
            _counting.pop()


class Counted:
    """How many images are done of how many, how fast, and how long the rest will take."""

    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total, self.done = what, total, 0
        self._start = time.monotonic()

    def advance(self, count: int) -> None:
        """So many more are done."""
        self.done += count

    @property
    def rate(self) -> float:
        """Images per second so far."""
        return self.done / max(time.monotonic() - self._start, 1e-9)

    @property
    def summary(self) -> str:
        """What was done; how fast only where it took long enough to be work and not a look into a cache."""
        told = f"{self.what}: {self.done} images"
        return told if time.monotonic() - self._start < BRIEF else f"{told}, {self.rate:.0f} images/s"

    def line(self) -> str:
        """All of it in one line."""
        of = "" if self.total is None else f" of {self.total}"
        rate = f"{self.rate:.0f}" if self.rate >= 1 else f"{self.rate:.1g}"
        text = f"{self.what}: {self.done}{of} images, {rate} images/s"
        if self.total is None or not self.done:
            return text
        return f"{text}, {duration((self.total - self.done) / self.rate)} left"


@contextlib.contextmanager
def alive(line: Callable[[], str], *, every: float = SECONDS, first: float = SECONDS) -> Iterator[None]:
    """Note `line()` wherever the block is silent for `every` seconds, at its start for `first`; of nested ones the
    innermost speaks.
    """
    over = threading.Event()

    def work() -> None:
        pause, since = first, time.monotonic()
        while not over.wait(max(since, *_last) + pause - time.monotonic()):
            since = max(since, *_last)
            if time.monotonic() < since + pause:  # a line was said meanwhile
                continue
            since = time.monotonic()
            if _alive[-1:] == [over]:
                note(line())
                pause = every

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        with _innermost(over):
            yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def waiting() -> Iterator[None]:
    """For as long as the block lasts nothing around it says that it is at work: somebody is asked, or a bar is seen."""
    with _innermost(object()):
        yield


@contextlib.contextmanager
def _innermost(what: object) -> Iterator[None]:
    _alive.append(what)
    try:
        yield
    finally:
        _alive.remove(what)


def duration(seconds: float) -> str:
    """Seconds as a person says them: `8 s`, `2 min 10 s`, `3 h 5 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


@contextlib.contextmanager
def _bar(total: Total, what: str) -> Iterator[Callable[[int], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} images/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar, waiting():
        task = bar.add_task(what, total=None if callable(total) else total, rate=0.0)
        if callable(total):
            threading.Thread(target=_count, args=(bar, task, total), daemon=True).start()

        def advance(count: int) -> None:
            bar.advance(task, count)
            bar.update(task, rate=bar.tasks[0].speed or 0.0)

        yield advance


def _count(bar: Any, task: Any, total: Callable[[], int | None]) -> None:
    """Find out the total; a source that cannot be counted says why where it is read."""
    with contextlib.suppress(Exception):
        bar.update(task, total=total())
