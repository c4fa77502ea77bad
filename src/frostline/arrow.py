"""Arrow on disk: Parquet files as tables, and folders of rows: immutable, memory-mapped files, complete or absent.

Writers of a folder add whole files, named by the hash of their bytes, and never change one, so any number of them
may work at once and be killed at any moment; a row written twice is the same row. Deleting files, or the folder,
only costs computing them again, and what a process has mapped stays readable to it.
"""

import mmap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from frostline import files, system


def read_parquet(source: Path | bytes, columns: list[str] | None = None) -> pa.Table:
    """A file, or its bytes, as a table; ArrowException or OSError where it is none.

    On this thread: those that Arrow's `read_table` starts abort a process that ends soon after, one in
    five here (apache/arrow issue 34314), and it imports pandas where that is installed.
    """
    with pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source) as file:
        return file.read(columns=columns, use_threads=False)


@dataclass(frozen=True)
class ArrowFile:
    """One complete file of rows, mapped into memory."""

    path: Path
    memory: mmap.mmap
    rows: pa.RecordBatch

    def give_back(self) -> None:
        """Let go of its pages, which stay in the system's cache."""
        system.give_back(self.memory)


class ArrowFolder:
    """Files of rows of one schema in a folder: `files` are those that were there when it was last refreshed."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.folder, self.schema = folder, schema
        self.files: list[ArrowFile] = []
        self._known: set[str] = set()

    def refresh(self) -> list[ArrowFile]:
        """Map the files that others have added; these, by name. One that is damaged or of other rows holds nothing."""
        paths = [path for path in sorted(self.folder.glob("*.arrow")) if not path.name.startswith(".")]
        new = [path for path in paths if path.name not in self._known]
        self._known.update(path.name for path in new)
        return [file for path in new if (file := self._map(path))]

    def write(self, table: pa.Table) -> ArrowFile | None:
        """Add rows as one file, on disk, whole, when this returns; None where it cannot be mapped."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, self.schema) as writer:
            writer.write_table(table)
        content = memoryview(sink.getvalue())
        path = self.folder / name(content)
        files.sweep(
            self.folder
        )  # what others were writing here when they were killed may get other names now
        with files.writing(path) as temporary:
            temporary.write_bytes(content)
            # Before it has its name, so that it is ours even if somebody prunes it at once.
            file = self._map(temporary, path=path)
        self._known.add(path.name)
        return file

    def _map(self, source: Path, *, path: Path | None = None) -> ArrowFile | None:
        try:
            with source.open("rb") as opened:
                system.allow_open_files(len(self.files))
                memory = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(memory)))
            rows = reader.get_batch(0)
        except (pa.ArrowException, OSError, ValueError):  # ValueError: nothing to map, or no rows
            return None
        if reader.num_record_batches != 1 or not rows.num_rows or not rows.schema.equals(self.schema):
            return None
        self.files.append(ArrowFile(path or source, memory, rows))
        return self.files[-1]


def folder_of(kind: str, key: dict[str, Any], *, cache: Path) -> Path:
    """The folder of a kind of rows in a cache, named by its key and with the key in it."""
    folder = cache / kind / files.digest(key)[:32]
    if not (folder / "key.json").exists():
        files.write_json(folder / "key.json", key)
    return folder


def name(content: Any) -> str:
    """The name that a file of rows has by its bytes: a file under another name is damaged."""
    return f"{files.sha256(content)[:32]}.arrow"
