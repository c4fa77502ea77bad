"""Image statistics by content on disk: Arrow files, each complete or absent, mapped into memory when read.

An image is never measured twice: not after a kill, not when a dataset grows, not in another dataset.
Deleting the folder only costs measuring again.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline import arrow, paths
from frostline.arrow import ArrowFile, ArrowFolder
from frostline.datasets.image_stats import HASH_BYTES, STATS_VERSION, THUMBNAIL, ImageStats
from frostline.images import DECODE_VERSION

# Images gathered for one file, and for how long at most: what a kill can cost.
ROWS = 1024
SECONDS = 2.0
_CHUNK = 4096  # digests turned into Python's at once
# What measures are computed with: another version may give another last bit, and so another finding.
_PACKAGES = ("numpy", "pillow", "scipy")

FIELDS = [
    ("reason", pa.string()),
    ("height", pa.int32()),
    ("width", pa.int32()),
    ("format", pa.string()),
    ("animated", pa.bool_()),
    ("brightness", pa.float32()),
    ("contrast", pa.float32()),
    ("sharpness", pa.float32()),
    ("hashes", pa.binary(HASH_BYTES)),
    ("thumbnail", pa.binary(THUMBNAIL * THUMBNAIL)),
]
SCHEMA = pa.schema([("id", pa.binary(32)), *FIELDS])
_LARGE = ("thumbnail", "hashes")  # columns that stay on disk until somebody asks
_UNMEASURED = pa.schema([field for field in SCHEMA if field.name not in _LARGE])  # without measures

Digests = npt.NDArray[np.bytes_]  # (n,) S32
Places = npt.NDArray[np.int32]  # (n,) rows of the cache's files, one after the other


class StatsCache:
    """The statistics of one kind (with or without measures) below the project's cache."""

    def __init__(self, *, measure: bool) -> None:
        packages = {name: version(name) for name in _PACKAGES} if measure else {}
        key = {"decode": DECODE_VERSION, "stats": STATS_VERSION, "measure": measure, "packages": packages}
        folder = arrow.folder_of("image_stats", key, cache=paths.cache())
        self._files = ArrowFolder(folder, SCHEMA if measure else _UNMEASURED)
        self._waiting: list[tuple[bytes, ImageStats]] = []
        self._flushed = time.monotonic()
        self.refresh()

    def refresh(self) -> None:
        """List the files that are there now; those that are new are read, and not listed where they are damaged."""
        self._files.check(self._files.refresh())
        batches = [file.rows for file in self._files.files]
        self._starts = np.cumsum([0, *(batch.num_rows for batch in batches)])
        self._table = pa.Table.from_batches(batches, self._files.schema).select(_UNMEASURED.names)
        keys = _keys(self._files.files)
        self._order = np.argsort(keys, kind="stable").astype(np.int32)
        self._keys = keys[self._order]

    def __len__(self) -> int:
        """How many images it knew when the files were last listed."""
        return len(self._keys)

    def find(self, digests: Digests) -> Places:
        """The row of each digest that is known; of others it is any."""
        if not len(self):
            return np.zeros(len(digests), np.int32)
        places: Places = self._order[np.searchsorted(self._keys, digests).clip(max=len(self) - 1)]
        return places

    def knows(self, digests: Digests) -> npt.NDArray[np.bool_]:
        """(n,) whether each digest was known when the files were last listed."""
        if not len(self._keys):
            return np.zeros(len(digests), bool)
        places = np.searchsorted(self._keys, digests).clip(max=len(self._keys) - 1)
        known: npt.NDArray[np.bool_] = self._keys[places] == digests
        return known

    def add(self, digests: Iterable[bytes], stats: Iterable[ImageStats]) -> None:
        """Keep; on disk when a file's worth has gathered, after two seconds, or at `flush`."""
        self._waiting.extend(zip(digests, stats, strict=True))
        if len(self._waiting) >= ROWS or time.monotonic() - self._flushed >= SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what waits as one file."""
        self._flushed = time.monotonic()
        if not self._waiting:
            return
        digests, stats = zip(*self._waiting, strict=True)
        names = self._files.schema.names[1:]
        columns = {name: [getattr(image, name) for image in stats] for name in names}
        table = pa.table({"id": list(digests), **columns}, schema=self._files.schema)
        self._waiting.clear()
        if file := self._files.write(table):
            file.give_back()

    def rows(self, places: Places) -> pa.Table:
        """The columns of FIELDS but the large ones, a row for each place, in order."""
        rows = self._table.drop_columns("id").take(pa.array(places))
        self._give_back()
        return rows

    def thumbnails(self, places: Places) -> npt.NDArray[np.uint8]:
        """(n, 64, 64) uint8 grey."""
        return self._large("thumbnail", places).reshape(-1, THUMBNAIL, THUMBNAIL)

    def hashes(self, places: Places) -> npt.NDArray[np.uint8]:
        """(n, windows, 8) bits of the perceptual hashes, packed."""
        return self._large("hashes", places).reshape(-1, HASH_BYTES // 8, 8)

    def _large(self, name: str, places: Places) -> npt.NDArray[np.uint8]:
        """(n, bytes), file by file: Arrow's `take` would first copy the columns of all files into one."""
        values = np.empty((len(places), SCHEMA.field(name).type.byte_width), np.uint8)
        file_numbers = np.searchsorted(self._starts, places, side="right") - 1
        for number in np.unique(file_numbers).tolist():
            file = self._files.files[number]
            column = file.rows.column(name)
            every = np.frombuffer(column.buffers()[1], np.uint8).reshape(-1, values.shape[1])[column.offset :]
            values[file_numbers == number] = every[places[file_numbers == number] - self._starts[number]]
            file.give_back()
        return values

    def close(self) -> None:
        """No digest will be asked for any more, places will."""
        self._keys, self._order = np.zeros(0, "S32"), np.zeros(0, np.int32)

    def _give_back(self) -> None:
        """Around what was read the system mapped far more than it."""
        for file in self._files.files:
            file.give_back()


class Hexes(Sequence[str]):
    """Hex SHA-256 in a quarter of the memory of their text, "" for those that are all zero: there is none."""

    def __init__(self, digests: Digests) -> None:
        self.digests = digests

    def __len__(self) -> int:
        return len(self.digests)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> "Hexes": ...
    def __getitem__(self, row: int | slice) -> "str | Hexes":
        return Hexes(self.digests[row]) if isinstance(row, slice) else _hex(self.digests[row])

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _CHUNK):
            yield from map(_hex, self.digests[start : start + _CHUNK].tolist())

    def without(self, rows: Iterable[int]) -> "Hexes":
        """The same, "" in some rows."""
        digests = self.digests.copy()
        digests[list(rows)] = b""
        return Hexes(digests)


def _hex(digest: bytes) -> str:
    return digest.ljust(32, b"\0").hex() if digest else ""  # NumPy drops zeros at the end


def _keys(opened: Sequence[ArrowFile]) -> Digests:
    """The ids in all files; around what was read of one the system maps far more, which goes before the next."""
    parts = [np.zeros(0, "S32")]
    for file in opened:
        ids = file.rows.column("id")
        parts.append(np.frombuffer(ids.buffers()[1], "S32", count=len(ids), offset=32 * ids.offset).copy())
        file.give_back()
    return np.concatenate(parts)
