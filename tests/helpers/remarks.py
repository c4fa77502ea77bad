"""What code remarks while it works, and damage to what it finds."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from frostline.progress import Reporter, report_to


@contextlib.contextmanager
def remarks() -> Iterator[list[str]]:
    """The remarks made meanwhile."""
    lines: list[str] = []
    before = report_to(Reporter(note=lines.append))
    try:
        yield lines
    finally:
        report_to(before)


def flip(path: Path, place: int, bit: int = 0) -> None:
    """Turn one bit of a file over: `place` counts bytes, from the end if it is negative."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << bit
    path.write_bytes(content)
