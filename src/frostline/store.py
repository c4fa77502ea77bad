"""Rows by content id on disk: immutable, memory-mapped Arrow files, each complete or absent.

A store is a folder for one kind of row (a width and a dtype). Writers add whole files, named by the
hash of their bytes, and never change one, so any number of them may work at once and be killed at any
moment; a row written twice is the same row. Deleting files, or the folder, only costs computing them
again, and what a process has mapped stays readable to it.
"""

import contextlib
import mmap
import os
import resource
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
RESIDENT_BYTES = 128 * 2**20  # mapped pages that a process holds on to before it gives them back


def _held() -> int:
    """Bytes of files that this process has mapped and resident (Linux: proc_pid_statm(5), `shared`)."""
    return int(Path("/proc/self/statm").read_bytes().split()[2]) * mmap.PAGESIZE


@dataclass
class Shards:
    """Mapped files of one store, and how many bytes of files the process held when some were given back last."""

    dtype: str
    rows: list[npt.NDArray[Any]] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    maps: list[mmap.mmap] = field(default_factory=list)
    held: int = field(default_factory=_held)

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
        if _held() - self.held >= RESIDENT_BYTES:
            for each in self.maps:
                each.madvise(mmap.MADV_DONTNEED)
            self.held = _held()


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
    _seen: set[str] = field(default_factory=set, init=False)

    def __post_init__(self) -> None:
        self._shards = Shards(self.dtype)

    def missing(self, ids: Iterable[str]) -> list[str]:
        """Those of `ids` that are not stored, each once, in order."""
        self._refresh()
        return [each for each in dict.fromkeys(ids) if each not in self._places]

    def append(self, ids: Sequence[str], rows: npt.NDArray[Any]) -> None:
        """Store rows (n, *shape); they are on disk, whole, when this returns."""
        rows = np.ascontiguousarray(_narrowed(rows) if self.dtype == "bfloat16" else rows, dtype=self._stored)
        if rows.shape != (len(ids), *self.shape):
            raise ValueError(f"rows of shape {rows.shape} for {len(ids)} ids and row shape {self.shape}")
        table = pa.table(
            {"id": _fixed(bytes.fromhex("".join(ids)), ID_BYTES), "row": _fixed(rows, self._row_bytes)}
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        content = memoryview(sink.getvalue())
        path = self.folder / name(content)
        with files.writing(path) as temporary:
            temporary.write_bytes(content)
            self._open(temporary)  # so that they are ours even if somebody prunes the file at once
        if ids:
            self._shards.paths[-1] = path
        self._seen.add(path.name)

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
        for shard in np.unique(places[:, 0]):
            with contextlib.suppress(OSError):  # deleted meanwhile, or not ours to touch
                os.utime(self._shards.paths[shard])  # so that what was used last is pruned last
        return Rows(shards=self._shards, places=places)

    @property
    def _stored(self) -> np.dtype[Any]:
        return np.dtype("uint16" if self.dtype == "bfloat16" else self.dtype)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape)) * self._stored.itemsize

    def _refresh(self) -> None:
        for path in sorted(self.folder.glob("*.arrow")):
            if path.name not in self._seen and not path.name.startswith("."):
                self._open(path)
                self._seen.add(path.name)

    def _open(self, path: Path) -> None:
        """Map one file; one that is not a complete Arrow file of such rows holds nothing."""
        try:
            with path.open("rb") as file:
                _allow_open_files(len(self._shards.rows))
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            table = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(mapped))).read_all()
        except (pa.ArrowException, OSError, ValueError):  # ValueError: nothing to map
            return
        columns = [("id", pa.binary(ID_BYTES)), ("row", pa.binary(self._row_bytes))]
        if (
            not table.schema.equals(pa.schema(columns))
            or not table.num_rows
            or table.column("row").num_chunks > 1
        ):
            return
        column = table.column("row").chunk(0)
        flat = np.frombuffer(
            column.buffers()[1], dtype=self._stored, count=len(column) * int(np.prod(self.shape))
        )
        shard = len(self._shards.rows)
        self._shards.rows.append(flat.reshape(len(column), *self.shape))
        self._shards.paths.append(path)
        self._shards.maps.append(mapped)
        for row, each in enumerate(table.column("id").to_pylist()):
            self._places.setdefault(each.hex(), (shard, row))


def open_store(kind: str, key: dict[str, Any], *, shape: tuple[int, ...], dtype: str, cache: Path) -> Store:
    """The store of a kind of rows (`features`, `pixels`) in a cache; `key` is all that decides them but the id."""
    folder = cache / kind / files.digest(key)[:32]
    if not (folder / "key.json").exists():
        files.write_json(folder / "key.json", key)
    return Store(folder, shape=shape, dtype=dtype)


def _allow_open_files(mapped: int) -> None:
    """A mapped file stays open, and the usual 1,024 are soon used up: raise the limit as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if mapped > soft // 2 and soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def name(content: Any) -> str:
    """The name that a file of rows has by its bytes: a file under another name is damaged."""
    return f"{files.sha256(content)[:32]}.arrow"


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
