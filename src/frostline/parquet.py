"""Parquet files as tables, in a way that lets the process end."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def read(source: Path | bytes, columns: list[str] | None = None) -> pa.Table:
    """A file, or its bytes, as a table; ArrowException or OSError where it is none.

    On this thread: those that Arrow's `read_table` starts abort a process that ends soon after, one in
    five here (apache/arrow issue 34314), and it imports pandas where that is installed.
    """
    with pq.ParquetFile(pa.BufferReader(source) if isinstance(source, bytes) else source) as file:
        return file.read(columns=columns, use_threads=False)
