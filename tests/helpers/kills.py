"""Commands that are killed with SIGKILL, at a chosen or at a random moment, with all that they started."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path


def killed(command: Sequence[str | Path], cwd: Path, *, after: float = 0.0, line: str = "") -> bool:
    """Start a command and kill it after that many seconds or, if given, once it has said a line that begins so.

    False where it ended by itself before.
    """
    pipe = subprocess.PIPE if line else subprocess.DEVNULL
    running = subprocess.Popen(
        list(map(str, command)),
        cwd=cwd,
        stdout=subprocess.DEVNULL,
        stderr=pipe,
        text=True,
        start_new_session=True,
    )
    if line and running.stderr is not None:
        next((said for said in running.stderr if said.startswith(line)), "")
    try:
        running.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        _gone(running.pid)
        return True
    return False


def _gone(group: int) -> None:
    """Wait until nothing of a group is left: what it started dies a moment after it."""
    until = time.monotonic() + 10
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(group, 0)
            time.sleep(0.01)


def moments(command: Sequence[str | Path], cwd: Path, *, many: int, seed: int) -> Iterator[float]:
    """Random moments between the start and the end of a command, which is run once to the end to learn how long it
    takes; later ones are likelier, for that is when files are written.
    """
    began = time.monotonic()
    subprocess.run(list(map(str, command)), cwd=cwd, check=True, capture_output=True)
    whole, rng = time.monotonic() - began, random.Random(seed)
    for _ in range(many):
        yield whole * rng.betavariate(3, 1.2)


def contents(*places: Path) -> dict[str, bytes]:
    """All files at or below some places, hidden ones too, by their path from the folder of the place."""
    files = ((place, path) for place in places for path in ([place] if place.is_file() else place.rglob("*")))
    return {str(path.relative_to(place.parent)): path.read_bytes() for place, path in files if path.is_file()}
