"""Arrays by content id on disk: rows of one shape and dtype in a folder of Arrow files, read as NumPy arrays."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline import arrow, system
from frostline.arrow import ArrowFile, ArrowFolder

ID_BYTES = 32
FILE_BYTES = 32 * 2**20  # rows gathered for one file: what a kill can cost
RESIDENT_BYTES = 128 * 2**20  # mapped pages that a process holds on to before it gives them back


@dataclass
class Shards:
    """The files of one store, their rows as arrays, and how many bytes of files the process held when it last gave
    some back.
    """

    dtype: str
    files: list[ArrowFile] = field(default_factory=list)
    rows: list[npt.NDArray[Any]] = field(default_factory=list)
    held: int = field(default_factory=system.resident_file_bytes)

    def read(self, places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Rows at (n, 2) places (shard, row in it), copied out; 16-bit floats come as the equal float32."""
        first = self.rows[0]
        out = np.empty((len(places), *first.shape[1:]), first.dtype)
        for shard in np.unique(places[:, 0]):
            here = np.flatnonzero(places[:, 0] == shard)
            out[here] = self.rows[shard][places[here, 1]]
            self._give_back()
        if self.dtype == "bfloat16":
            return _widened(out)
        return out.astype(np.float32) if self.dtype == "float16" else out

    def _give_back(self) -> None:
        """Pages of the files stay in the system's cache; only this process lets go of them.

        What it holds is asked of the system: around a touched page it maps up to megabytes more.
        """
        if system.resident_file_bytes() - self.held >= RESIDENT_BYTES:
            for file in self.files:
                file.give_back()
            self.held = system.resident_file_bytes()


@dataclass(frozen=True)
class Rows:
    """A view of chosen rows of a store, in a chosen order; indexing reads only what is asked for."""

    shards: Shards
    places: npt.NDArray[np.int64]  # (n, 2): shard, row in it

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]:
        """Rows by index array or slice: (k, *shape), copied out of the files."""
        return self.shards.read(self.places[chosen])


@dataclass
class Store:
    """Rows of one shape and dtype (NumPy's names, and bfloat16), by 64-digit hex id, below one folder."""

    folder: Path
    shape: tuple[int, ...]
    dtype: str
    _places: dict[str, tuple[int, int]] = field(default_factory=dict, init=False)
    _shards: Shards = field(init=False)
    _files: ArrowFolder = field(init=False)
    _gone: set[ArrowFile] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        columns = [("id", pa.binary(ID_BYTES)), ("row", pa.binary(self._row_bytes))]
        self._files = ArrowFolder(self.folder, pa.schema(columns))
        self._shards = Shards(self.dtype)

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those of `ids` that are not stored, each once, in order; a row of a damaged file is not.

        Each file that holds any of the others is checked, once in a process.
        """
        asked = list(dict.fromkeys(ids))
        self._refresh(asked)
        return [id_ for id_ in asked if id_ not in self._places]

    def append(self, ids: Sequence[str], rows: npt.NDArray[Any]) -> None:
        """Store rows (n, *shape); they are on disk, whole, when this returns."""
        rows = np.ascontiguousarray(_narrowed(rows) if self.dtype == "bfloat16" else rows, dtype=self._stored)
        if rows.shape != (len(ids), *self.shape):
            raise ValueError(f"rows of shape {rows.shape} for {len(ids)} ids and row shape {self.shape}")
        if not ids:
            return
        columns = {"id": _fixed(bytes.fromhex("".join(ids)), ID_BYTES), "row": _fixed(rows, self._row_bytes)}
        if file := self._files.write(pa.table(columns)):
            self._index(file)

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
        self._refresh(ids)
        places = np.array([self._places[id_] for id_ in ids], dtype=np.int64).reshape(-1, 2)
        for shard in np.unique(places[:, 0]):
            with contextlib.suppress(OSError):  # deleted meanwhile, or not ours to touch
                os.utime(self._shards.files[shard].path)  # so that what was used last is pruned last
        return Rows(shards=self._shards, places=places)

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.dtype("uint16" if self.dtype == "bfloat16" else self.dtype)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape)) * self._stored.itemsize

    def _refresh(self, ids: Sequence[str]) -> None:
        """Know the files that are there now, and that those which hold any of `ids` are whole."""
        for file in self._files.refresh():
            self._index(file)
        known = self._shards.files
        while unread := {known[shard] for shard in self._holding(ids) if not known[shard].checked}:
            if damaged := self._files.check(unread):
                self._forget(damaged)

    def _holding(self, ids: Sequence[str]) -> set[int]:
        """The shards that hold any of `ids`."""
        return {self._places[id_][0] for id_ in ids if id_ in self._places}

    def _forget(self, damaged: Sequence[ArrowFile]) -> None:
        """Some files hold nothing: what they held may be in another."""
        self._gone.update(damaged)
        self._places.clear()
        for shard, file in enumerate(self._shards.files):
            if file not in self._gone:
                self._learn(shard, file)

    def _index(self, file: ArrowFile) -> None:
        """Know a file's rows by their ids."""
        column, shard = file.rows.column("row"), len(self._shards.rows)
        count = len(column) * int(np.prod(self.shape))
        flat = np.frombuffer(column.buffers()[1], dtype=self._stored, count=count)
        self._shards.rows.append(flat.reshape(len(column), *self.shape))
        self._shards.files.append(file)
        self._learn(shard, file)

    def _learn(self, shard: int, file: ArrowFile) -> None:
        content = file.rows.column("id").buffers()[1].to_pybytes().hex()
        for row in range(file.rows.num_rows):
            id_ = content[2 * ID_BYTES * row : 2 * ID_BYTES * (row + 1)]
            self._places.setdefault(id_, (shard, row))


def open_store(kind: str, key: dict[str, Any], *, shape: tuple[int, ...], dtype: str, cache: Path) -> Store:
    """The store of a kind of rows (`features`, `pixels`) in a cache; `key` is all that decides them but the id."""
    return Store(arrow.folder_of(kind, key, cache=cache), shape=shape, dtype=dtype)


def _narrowed(rows: npt.NDArray[Any]) -> npt.NDArray[np.uint16]:
    """The 16 bits of each bfloat16; float32 rows must hold nothing that bfloat16 does not."""
    if rows.dtype.itemsize == 2:
        return rows.view(np.uint16)
    bits = rows.astype(np.float32).view(np.uint32)
    if (bits & 0xFFFF).any():
        raise ValueError("rows of float32 that bfloat16 cannot hold")
    return (bits >> 16).astype(np.uint16)


def _widened(bits: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """bfloat16 is the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _fixed(content: Any, width: int) -> pa.Array:
    """A fixed-size-binary column over contiguous bytes, without copying them."""
    buffer = pa.py_buffer(content)
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), buffer.size // width, [None, buffer])
