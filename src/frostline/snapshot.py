"""One table that the next one replaces, in a folder of the cache: what is remembered from one run to the next."""

import contextlib
import os
from pathlib import Path

import pyarrow as pa

from frostline import arrow
from frostline.arrow import ArrowFile, ArrowFolder


class Snapshot:
    """The table that was last written below a key: whole, or none. Deleting it only costs computing it again."""

    def __init__(self, kind: str, key: dict[str, object], *, cache: Path, schema: pa.Schema) -> None:
        self._folder, self._schema = arrow.folder_of(kind, key, cache=cache), schema

    def read(self) -> pa.Table | None:
        """Its rows, mapped into memory; None where there is none, or it is damaged."""
        file = self._last()
        if file is None:
            return None
        with contextlib.suppress(OSError):  # deleted meanwhile, or not ours to touch
            os.utime(file.path)  # so that what was used last is pruned last
        return pa.Table.from_batches([file.rows])

    def write(self, table: pa.Table) -> None:
        """Put a table of at least one row in its place."""
        folder = ArrowFolder(self._folder, self._schema)
        before = set(self._folder.glob("*.arrow"))
        if file := folder.write(table.combine_chunks()):
            file.give_back()
            for path in before - {file.path}:
                path.unlink(missing_ok=True)

    def _last(self) -> ArrowFile | None:
        folder = ArrowFolder(self._folder, self._schema)
        folder.check(folder.refresh())
        there = [file for file in folder.files if file.path.is_file()]  # two may have written at once
        return max(there, key=lambda file: file.path.stat().st_mtime_ns, default=None)
