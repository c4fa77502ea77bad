"""SHA-256 of files that were read before: what did not change since is not read again.

A file is known by its place and its stamp: size, inode, and when its content and its entry last changed. A stamp is
believed only where the file had lain unchanged for a while when it was read, and never where DVC, which may have
looked at the content itself, names another one than it did then.
"""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from frostline import paths
from frostline.datasets.listing import Names
from frostline.datasets.source import ImageSource
from frostline.files import printable
from frostline.snapshot import Snapshot

# Nanoseconds that a file must have been left alone before it is read: clocks of file systems are coarse.
SETTLED = 2_000_000_000

_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("stamp", pa.binary(32)),
        ("held", pa.binary(16)),
        ("digest", pa.binary(32)),
        ("bytes", pa.int64()),
    ]
)

Held = Callable[
    [Iterable[str], int], npt.NDArray[np.bytes_]
]  # names of so many files → (n,) S16, b"" unknown


@dataclass(frozen=True)
class Known:
    """Of n images: `digests` (n,) S32, b"" where a file has to be read; `bytes` (n,) their sizes."""

    digests: npt.NDArray[np.bytes_]
    bytes: npt.NDArray[np.int64]


def unknown(count: int) -> Known:
    """Nothing is known of so many images."""
    return Known(np.zeros(count, "S32"), np.zeros(count, np.int64))


class FileDigests:
    """What is known of the files of a source, asked once before they are read; `held` is what DVC says of them."""

    def __init__(self, source: ImageSource, names: Sequence[str], *, held: Held) -> None:
        key = {"place": printable(source.path.absolute())}
        self._snapshot = Snapshot("file_digests", dict(key), cache=paths.cache(), schema=_SCHEMA)
        self._names = names.column if isinstance(names, Names) else pa.array(list(names), pa.string())
        self._now = time.time_ns()
        self._stamps = _stamps(source, names)
        listed = (source.holder(name).name for name in names)
        self._held = held(listed, len(names))

    def known(self) -> Known:
        """What was read before and is as it was."""
        known = unknown(len(self._names))
        table = self._snapshot.read()
        if table is not None:
            places = pc.index_in(table["name"], self._names).combine_chunks()
            rows = np.flatnonzero(places.is_valid().to_numpy(zero_copy_only=False))
            at = places.drop_null().to_numpy().astype(np.int64)
            then, held = _wide(table, "stamp", "<i8", 4)[rows], _wide(table, "held", "S16", 1)[rows, 0]
            same = (then == self._stamps[at]).all(axis=1) & then.any(axis=1)
            same &= (held == self._held[at]) | (held == b"") | (self._held[at] == b"")
            known.digests[at[same]] = _wide(table, "digest", "S32", 1)[rows[same], 0]
            known.bytes[at[same]] = table["bytes"].to_numpy()[rows[same]]
        return known

    def write(self, known: Known) -> None:
        """Remember what has now been read, but for what changed shortly before."""
        latest = self._stamps[:, 1:3].max(axis=1, initial=0)
        rows = np.flatnonzero((known.digests != b"") & (latest > 0) & (latest < self._now - SETTLED))
        if not len(rows):
            return
        columns = {
            "name": self._names.take(pa.array(rows)),
            "stamp": _fixed(self._stamps[rows], 32),
            "held": _fixed(self._held[rows], 16),
            "digest": _fixed(known.digests[rows], 32),
            "bytes": pa.array(known.bytes[rows]),
        }
        self._snapshot.write(pa.table(columns, schema=_SCHEMA))


def _stamps(source: ImageSource, names: Iterable[str]) -> npt.NDArray[np.int64]:
    """(n, 4): size, time of the last change of content and of the entry in ns, inode; zeros where nothing is known."""
    flat: list[int] = []
    last, stamp = "", (0, 0, 0, 0)
    parts = []
    for name in names:
        path = source.holder(name).path
        if path != last:
            last, stamp = path, _stamp(path)
        flat += stamp
        if len(flat) >= 4 * 4096:  # numbers as objects take many times their room
            parts.append(np.array(flat, np.int64))
            flat.clear()
    return np.concatenate([*parts, np.array(flat, np.int64)]).reshape(-1, 4)


def _stamp(path: str) -> tuple[int, int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - not by pathlib, which keeps a table of all names it ever saw
    except (OSError, ValueError):
        return (0, 0, 0, 0)
    return (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino % 2**63)


def _wide(table: pa.Table, name: str, dtype: str, count: int) -> npt.NDArray[np.generic]:
    """A column of fixed width as (rows, count) values."""
    column = table[name].combine_chunks()
    width = column.type.byte_width
    flat = np.frombuffer(
        column.buffers()[1], np.uint8, count=len(column) * width, offset=column.offset * width
    )
    return flat.view(dtype).reshape(-1, count)


def _fixed(values: npt.NDArray[np.generic], width: int) -> pa.Array:
    """Values of `width` bytes a row as a column."""
    content = pa.py_buffer(np.ascontiguousarray(values).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), content.size // width, [None, content])
