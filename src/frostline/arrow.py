"""Arrow on disk: Parquet files as tables, and folders of rows: immutable, memory-mapped files, complete or absent.

Writers of a folder add whole files, named by a checksum of their bytes, and never change one, so any number of them
may work at once and be killed at any moment; a row written twice is the same row. Deleting files, or the folder,
only costs computing them again, and what a process has mapped stays readable to it. Before a process takes rows from
a file it compares the bytes with the name.
"""

import contextlib
import mmap
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from frostline import files, system
from frostline.checksums import checksum
from frostline.files import printable
from frostline.progress import alive, note

READERS = 4  # threads that check files: each holds one in memory
_NAME = re.compile(r"[0-9a-f]{32}\.arrow")


def read_parquet(source: Path | bytes, columns: list[str] | None = None) -> pa.Table:
    """A file, or its bytes, as a table; ArrowException or OSError where it is none.

    On this thread: those that Arrow's `read_table` starts abort a process that ends soon after, one in
    five here (apache/arrow issue 34314), and it imports pandas where that is installed.
    """
    with pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source) as file:
        return file.read(columns=columns, use_threads=False)


@dataclass(eq=False)
class ArrowFile:
    """One file of rows, mapped into memory; `checked` once its bytes were found to be those that were written."""

    path: Path
    memory: mmap.mmap
    rows: pa.RecordBatch
    checked: bool = False

    def give_back(self) -> None:
        """Let go of its pages, which stay in the system's cache."""
        system.give_back(self.memory)

    def check(self) -> bool:
        """Whether it is whole, for which all of it is read, once.

        A file that an older version named gets the name of this one, which takes less time to check.
        """
        if not self.checked:
            now = name(self.memory)
            self.checked = self.path.name == now or self.path.name == _former_name(self.memory)
            self.give_back()
            if self.checked and self.path.name != now:
                with contextlib.suppress(OSError):  # not ours to rename
                    self.path = self.path.replace(self.path.with_name(now))
        return self.checked


class ArrowFolder:
    """Files of rows of one schema in a folder: `files` are those that were there when it was last refreshed."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.folder, self.schema = folder, schema
        self.files: list[ArrowFile] = []
        self._known: set[str] = set()

    def refresh(self) -> list[ArrowFile]:
        """Map the files that others have added; these, by name. One that is damaged or of other rows holds nothing.

        Only their form is looked at: `check` reads them.
        """
        paths = [path for path in sorted(self.folder.glob("*.arrow")) if not path.name.startswith(".")]
        new = {path: self._map(path) for path in paths if path.name not in self._known}
        self._known.update(path.name for path in new)
        self._discard([path for path, file in new.items() if file is None and _is_damaged(path)])
        return [file for file in new.values() if file]

    def check(self, some: Iterable[ArrowFile]) -> list[ArrowFile]:
        """Those of some files whose bytes are not those that were written: they are deleted, and that is said.

        What was checked once in this process is not read again.
        """
        unread = [file for file in some if not file.checked]
        if not unread:
            return []
        with (
            alive(lambda: f"checking {len(unread)} files in {_shown(self.folder)}"),
            ThreadPoolExecutor(min(READERS, system.processors())) as readers,
        ):
            found = list(readers.map(ArrowFile.check, unread))
        self._known.update(file.path.name for file in unread)  # some have new names
        damaged = [file for file, whole in zip(unread, found, strict=True) if not whole]
        self.files = [file for file in self.files if file not in damaged]
        self._discard([file.path for file in damaged])
        return damaged

    def write(self, table: pa.Table) -> ArrowFile | None:
        """Add rows as one file, on disk, whole, when this returns; None where it cannot be mapped."""
        sink = pa.BufferOutputStream()
        with pa.ipc.new_file(sink, self.schema) as writer:
            writer.write_table(table)
        content = memoryview(sink.getvalue())
        path = self.folder / name(content)
        # What others were writing here when they were killed may get other names now.
        files.sweep(self.folder)
        with files.writing(path) as temporary:
            temporary.write_bytes(content)
            # Before it has its name, so that it is ours even if somebody prunes it at once.
            file = self._map(temporary, path=path)
        self._known.add(path.name)
        return file

    def _map(self, source: Path, *, path: Path | None = None) -> ArrowFile | None:
        """A file of one batch of this schema whose sizes fit; of what it holds nothing is known yet."""
        try:
            system.allow_open_files(len(self.files))
            memory = _mapped(source)
            reader = pa.ipc.open_file(pa.BufferReader(pa.py_buffer(memory)))
            rows = reader.get_batch(0)
            rows.validate()
        except (pa.ArrowException, OSError, ValueError):  # ValueError: nothing to map, or no rows
            return None
        if reader.num_record_batches != 1 or not rows.num_rows or not rows.schema.equals(self.schema):
            return None
        self.files.append(ArrowFile(path or source, memory, rows, checked=path is not None))
        return self.files[-1]

    def _discard(self, paths: list[Path]) -> None:
        """Delete files that are damaged, and say so, once; where that cannot be, they are passed over."""
        for path in paths:
            with contextlib.suppress(OSError):  # gone already, or not ours to delete
                path.unlink()
                self._known.discard(path.name)  # it may be written anew
        if paths:
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            note(f"damaged in the cache: {_shown(paths[0])}{more}; what was in it is computed anew")


def folder_of(kind: str, key: dict[str, Any], *, cache: Path) -> Path:
    """The folder of a kind of rows in a cache, named by its key and with the key in it."""
    folder, text = cache / kind / key_name(key), files.canonical_json(key)
    described = folder / "key.json"
    try:
        there = described.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        there = False
    if not there:
        files.write_text(described, text)
    return folder


def key_name(key: dict[str, Any]) -> str:
    """The name of a key's folder."""
    return files.digest(key)[:32]


def name(content: Any) -> str:
    """The name that a file of rows has by its bytes: a file under another name is damaged."""
    return f"{checksum(content)}.arrow"


def is_whole(path: Path) -> bool:
    """Whether the bytes of a file of rows are those that it was named by. OSError where it cannot be read."""
    if not path.stat().st_size:
        return False
    memory = _mapped(path)
    return path.name in (name(memory), _former_name(memory))


def _former_name(content: Any) -> str:
    """The name that older versions gave a file of rows."""
    return f"{files.sha256(content)[:32]}.arrow"


def _is_damaged(path: Path) -> bool:
    """Whether a file has a name as ours have, of other bytes than it holds."""
    try:
        return _NAME.fullmatch(path.name) is not None and not is_whole(path)
    except OSError:
        return False


def _mapped(path: Path) -> mmap.mmap:
    """A file's bytes; OSError where it cannot be read, ValueError where it is empty."""
    with path.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)


def _shown(path: Path) -> str:
    """A file or folder of the cache from its kind on: `features/ABCD…/0123….arrow`."""
    return printable(Path(*path.parts[-3 if path.suffix else -2 :]))
