"""Graphs that were made before: a trunk is converted, or brought to int8, once, whatever heads are put on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from frostline import arrow, checksums, files, paths

NAME = "graph.onnx"

Make = Callable[[], bytes]


def keeper(key: dict[str, Any], *, cache: Path | None = None) -> Callable[[Make], bytes]:
    """What gives the graph of a key, made by what it is given, or earlier: `key` is all that decides the graph.

    `cache` is where graphs are kept, None: with the project around the current folder.
    """
    folder = arrow.folder_of("graphs", key, cache=cache or paths.cache())

    def keep(make: Make) -> bytes:
        checksums.keep(folder, [NAME], lambda: _write(folder / NAME, make()))
        return (folder / NAME).read_bytes()

    return keep


def known(key: dict[str, Any]) -> bytes | None:
    """The graph of a key, where it was made before and is whole."""
    path = paths.cache() / "graphs" / arrow.key_name(key) / NAME
    return path.read_bytes() if checksums.is_whole(path) else None


def _write(path: Path, content: bytes) -> None:
    with files.writing(path) as temporary:
        temporary.write_bytes(content)
