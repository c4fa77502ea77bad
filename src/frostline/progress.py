"""How far a long job has come: a bar with rate and time left on a terminal, at most one line elsewhere."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

Total = int | Callable[[], int | None]


@contextlib.contextmanager
def progress(total: Total, what: str, *, summary: bool = True) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts `n` images more as done; with nothing to do, nothing is shown.

    A total that takes time to find out may be a function: it is called beside the work, and only where
    somebody looks. `summary` False leaves out the line at the end where there is no terminal.
    """
    if total and sys.stderr.isatty():
        with _bar(total, what) as count_on_bar:
            yield count_on_bar
        return
    start, done = time.monotonic(), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count

    yield advance
    if total and summary:
        rate = done / max(time.monotonic() - start, 1e-9)
        print(f"{what}: {done} images, {rate:.0f} images/s", file=sys.stderr, flush=True)


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
    with Progress(*columns, console=Console(stderr=True)) as bar:
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
