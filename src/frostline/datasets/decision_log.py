"""The table of decisions as it is added to: a row is on the disk before anybody is told that it is."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from frostline import files
from frostline.datasets import decisions
from frostline.datasets.decisions import COLUMNS, LEAVE_OUT, UNDO, PhotoDecision
from frostline.errors import FrostlineError, InputError
from frostline.files import printable

HEAD = ",".join(COLUMNS) + "\n"


def now() -> str:
    """The time in UTC, ISO 8601 to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class DecisionLog:
    """A project's table, open for one reviewer of one dataset; `standing` is what counts of it, `disagreed` what
    branches decided otherwise than each other.

    A row is appended in one write and synchronised: whoever is killed, and whenever, has every decision that was
    answered and none in halves. InputError where the file is damaged otherwise than by a row cut off at the end.
    """

    def __init__(self, path: Path, *, dataset: str, who: str, clock: Callable[[], str] = now) -> None:
        self._path, self._dataset, self._who, self._clock = path, dataset, who, clock
        if not path.exists():
            files.write_text(path, HEAD)
        _cut_torn_row(path)
        self._rows = decisions.read(path)
        self._settle()

    def decide(self, action: str, *, sha256: str, path: str, old: str, new: str = "") -> PhotoDecision:
        """Add a decision about one photo, which takes back what was decided about it before; FrostlineError where
        the disk did not take it: then nothing is added.
        """
        new = "" if action == LEAVE_OUT else new
        row = PhotoDecision(self._clock(), self._who, self._dataset, action, old, new, _plain(path), sha256)
        if any("\n" in text or "\r" in text for text in (old, new)):
            raise InputError(f"the name of class {new!r} has a line break; rename its folder")
        self._add([*self._taken_back(sha256), row])
        return row

    def undo(self) -> PhotoDecision | None:
        """Take back the last decision that stands; it is returned, None where there is none."""
        if not self.standing:
            return None
        last = list(self.standing.values())[-1]
        self._add(self._taken_back(last.sha256))
        return last

    def _taken_back(self, sha256: str) -> list[PhotoDecision]:
        """Rows that take back all that stands about a photo, each saying which."""
        now = self._clock()
        return [
            PhotoDecision(now, self._who, self._dataset, UNDO, one.old, one.new, one.path, sha256)
            for one in self._stacks.get(sha256, ())
        ]

    def _add(self, rows: list[PhotoDecision]) -> None:
        _append(self._path, "".join(map(decisions.line, rows)).encode())
        self._rows += rows
        self._settle()

    def _settle(self) -> None:
        self._stacks = decisions.stacks(self._rows, self._dataset)
        self.standing = decisions.standing(self._rows, self._dataset)
        self.disagreed = decisions.disagreements(self._rows, self._dataset)


def _plain(path: str) -> str:
    """A name without line breaks: it is there for readers, content is what counts."""
    return printable(path).replace("\r", "\\r").replace("\n", "\\n")


def _append(path: Path, row: bytes) -> None:
    """Add bytes at the end, all or none of them, and wait for the disk."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND)
        try:
            before = os.fstat(handle).st_size
            written = os.write(handle, row)
            if written != len(row):
                os.ftruncate(handle, before)
                raise OSError(28, "No space left on device")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise FrostlineError(
            f"cannot write {printable(path)}: {error.strerror or error}; free the disk, then decide again"
        ) from None


def _cut_torn_row(path: Path) -> None:
    """Remove what a killed process left of its last row: nobody was told that it is there."""
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        os.truncate(path, content.rfind(b"\n") + 1)
