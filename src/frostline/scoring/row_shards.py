"""Shards: rows in Arrow files whose names say where each begins, how many rows it has, and which bytes.

So what is whole is known unopened, and a shard after a gap is none.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from frostline.checksums import checksum
from frostline.files import writing

NAMES = "[0-9]*-[0-9]*.arrow"


def write(folder: Path, table: pa.Table, *, start: int) -> None:
    """The shard of rows from `start` on, complete or absent."""
    content = _sealed(table)
    with writing(folder / f"{start:012d}-{len(table)}-{checksum(content)}.arrow") as temporary:
        temporary.write_bytes(content)


def whole(folder: Path) -> Iterator[tuple[Path, int]]:
    """Shards and their numbers of rows, as far as each is whole and begins where the one before ends."""
    at = 0
    for path in sorted(folder.glob(NAMES)):
        start, rows = _place(path)
        if start != at or not _is_whole(path):
            return
        yield path, rows
        at += rows


def read(path: Path) -> pa.Table:
    """The rows of a shard."""
    with pa.memory_map(os.fsencode(path)) as file:
        return pa.ipc.open_file(file, options=pa.ipc.IpcReadOptions(use_threads=False)).read_all()


def _place(path: Path) -> tuple[int, int]:
    """Where a shard begins, and how many rows it has."""
    start, rows, *_ = path.stem.split("-")
    return int(start), int(rows)


def _sealed(table: pa.Table) -> memoryview:
    """The bytes of a shard."""
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd", use_threads=False)
    with pa.ipc.new_file(sink, table.schema, options=options) as file:
        file.write_table(table)
    return memoryview(sink.getvalue())


def _is_whole(path: Path) -> bool:
    """Whether a shard's bytes are those in its name; of an older version's, whether its end is there."""
    _, _, *sums = path.stem.split("-")
    try:
        if sums:
            return checksum(path.read_bytes()) == sums[0]
        with pa.memory_map(os.fsencode(path)) as file:
            pa.ipc.open_file(file)
    except (pa.ArrowException, OSError):
        return False
    return True
