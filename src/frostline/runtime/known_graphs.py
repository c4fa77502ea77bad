"""Graphs that were converted before: a trunk is converted once, whatever heads are put on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from frostline import arrow, checksums, files, paths

NAME = "graph.onnx"

Make = Callable[[], bytes]


def keeper(key: dict[str, Any]) -> Callable[[Make], bytes]:
    """What gives the graph of a key, made by what it is given, or earlier: `key` is all that decides the graph."""
    folder = arrow.folder_of("graphs", key, cache=paths.cache())

    def keep(make: Make) -> bytes:
        checksums.keep(folder, [NAME], lambda: _write(folder / NAME, make()))
        return (folder / NAME).read_bytes()

    return keep


def _write(path: Path, content: bytes) -> None:
    with files.writing(path) as temporary:
        temporary.write_bytes(content)
