"""Rows by content id on disk: immutable, memory-mapped Arrow files, each complete or absent.

A store is a folder for one kind of row (a width and a dtype). Writers add whole files under random
names and never touch another's, so any number of them may work at once and be killed at any moment;
a row written twice is the same row. Deleting files, or the folder, only costs computing them again.
"""

import contextlib
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline import files

ID_BYTES = 32
FILE_BYTES = 32 * 2**20  # rows gathered for one file: what a kill can cost


@dataclass(frozen=True)
class Rows:
    """A view of chosen rows of a store, in a chosen order; indexing reads only what is asked for."""

    shards: list[npt.NDArray[Any]]
    places: npt.NDArray[np.int64]  # (n, 2): shard, row in it

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]:
        """Rows by index array or slice: (k, *shape), copied out of the files."""
        places = self.places[chosen]
        first = self.shards[0]
        out = np.empty((len(places), *first.shape[1:]), first.dtype)
        for shard in np.unique(places[:, 0]):
            here = np.flatnonzero(places[:, 0] == shard)
            out[here] = self.shards[shard][places[here, 1]]
        return out


@dataclass
class Store:
    """Rows of one shape and dtype, by 64-digit hex id, below one folder."""

    folder: Path
    shape: tuple[int, ...]
    dtype: str
    _places: dict[str, tuple[int, int]] = field(default_factory=dict, init=False)
    _shards: list[npt.NDArray[Any]] = field(default_factory=list, init=False)
    _seen: set[str] = field(default_factory=set, init=False)

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those of `ids` that are not stored, each once, in order."""
        self._refresh()
        return [each for each in dict.fromkeys(ids) if each not in self._places]

    def append(self, ids: Sequence[str], rows: npt.NDArray[Any]) -> None:
        """Store rows (n, *shape); they are on disk, whole, when this returns."""
        rows = np.ascontiguousarray(rows, dtype=self.dtype)
        if rows.shape != (len(ids), *self.shape):
            raise ValueError(f"rows of shape {rows.shape} for {len(ids)} ids and row shape {self.shape}")
        table = pa.table(
            {"id": _fixed(bytes.fromhex("".join(ids)), ID_BYTES), "row": _fixed(rows, self._row_bytes)}
        )
        path = self.folder / f"{secrets.token_hex(8)}.arrow"
        with (
            files.writing(path) as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)

    @contextlib.contextmanager
    def appending(self) -> Iterator[Callable[[Sequence[str], npt.NDArray[Any]], None]]:
        """Yield a function like `append` that gathers rows into files of a good size.

        Whatever ends the block, the rows that were given are stored.
        """
        ids: list[str] = []
        blocks: list[npt.NDArray[Any]] = []

        def flush() -> None:
            if ids:
                self.append(ids, np.concatenate(blocks))
                ids.clear()
                blocks.clear()

        def gather(some: Sequence[str], rows: npt.NDArray[Any]) -> None:
            ids.extend(some)
            blocks.append(rows)
            if len(ids) * self._row_bytes >= FILE_BYTES:
                flush()

        try:
            yield gather
        finally:
            flush()

    def rows(self, ids: Sequence[str]) -> Rows:
        """The rows of `ids` in their order, memory-mapped; KeyError for an id that is not stored."""
        self._refresh()
        places = np.array([self._places[each] for each in ids], dtype=np.int64).reshape(-1, 2)
        return Rows(shards=self._shards, places=places)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    def _refresh(self) -> None:
        for path in sorted(self.folder.glob("*.arrow")):
            if path.name not in self._seen and not path.name.startswith("."):
                self._open(path)
                self._seen.add(path.name)

    def _open(self, path: Path) -> None:
        """Map one file; one that is not a complete Arrow file of such rows holds nothing."""
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all().combine_chunks()
        except (pa.ArrowException, OSError):
            return
        columns = [("id", pa.binary(ID_BYTES)), ("row", pa.binary(self._row_bytes))]
        if not table.schema.equals(pa.schema(columns)) or not table.num_rows:
            return
        column = table.column("row").chunk(0)
        flat = np.frombuffer(
            column.buffers()[1], dtype=self.dtype, count=len(column) * int(np.prod(self.shape))
        )
        shard = len(self._shards)
        self._shards.append(flat.reshape(len(column), *self.shape))
        for row, each in enumerate(table.column("id").to_pylist()):
            self._places.setdefault(each.hex(), (shard, row))


def _fixed(content: Any, width: int) -> pa.Array:
    """A fixed-size-binary column over contiguous bytes, without copying them."""
    buffer = pa.py_buffer(content)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), buffer.size // width, [None, buffer])
