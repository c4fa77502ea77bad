"""How far a long job has come: a bar with rate and time left on a terminal, one line at the end elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def progress(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that counts `n` images more as done; with nothing to do, nothing is shown."""
    if total and sys.stderr.isatty():
        with _bar(total, what) as count_on_bar:
            yield count_on_bar
        return
    start, done = time.monotonic(), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count

    yield advance
    if total:
        rate = done / max(time.monotonic() - start, 1e-9)
        print(f"{what}: {done} images, {rate:.0f} images/s", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _bar(total: int, what: str) -> Iterator[Callable[[int], None]]:
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
        task = bar.add_task(what, total=total, rate=0.0)

        def advance(count: int) -> None:
            bar.advance(task, count)
            bar.update(task, rate=bar.tasks[0].speed or 0.0)

        yield advance
