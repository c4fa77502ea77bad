"""Score tables to Parquet, JSON Lines or CSV, chosen by suffix, streamed, whole or not at all."""

import contextlib
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from frostline import files
from frostline.errors import InputError
from frostline.scoring.rows import SCHEMA

ROW_GROUP = 4096  # rows: 16 MB of probabilities for 1000 classes


class Writer(Protocol):
    """Takes tables of the score schema in order."""

    def write(self, table: pa.Table) -> None:
        """Append rows."""

    def close(self) -> None:
        """Write what is still held."""


class Parquet:
    """Row groups of a fixed size, so that the file does not depend on the batch size."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._sink = path.open("wb")  # pyarrow's own opening takes no names that are not UTF-8
        self._file = pq.ParquetWriter(self._sink, schema, compression="zstd")
        self._held: list[pa.Table] = []

    def write(self, table: pa.Table) -> None:
        """Hold rows until a whole row group is there."""
        self._held.append(table)
        if sum(len(held) for held in self._held) >= ROW_GROUP:
            rows = pa.concat_tables(self._held)
            whole = len(rows) // ROW_GROUP * ROW_GROUP
            self._file.write_table(rows.slice(0, whole), row_group_size=ROW_GROUP)
            self._held = [rows.slice(whole)]

    def close(self) -> None:
        """Write the last, smaller row group and the footer."""
        if any(len(held) for held in self._held):
            self._file.write_table(pa.concat_tables(self._held), row_group_size=ROW_GROUP)
        self._file.close()
        self._sink.close()


class JsonLines:
    """One JSON object a line; missing values are null."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:  # noqa: ARG002  # each line names its columns
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, table: pa.Table) -> None:
        """One line a row."""
        for row in table.to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


class Csv:
    """A header, then a line a row (quoted as RFC 4180); lists as JSON, missing values empty."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(schema.names)

    def write(self, table: pa.Table) -> None:
        """One record a row."""
        for row in table.to_pylist():
            self._rows.writerow(_cell(value) for value in row.values())

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def _cell(value: object) -> object:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value


FORMATS: dict[str, type[Parquet] | type[JsonLines] | type[Csv]] = {
    ".parquet": Parquet,
    ".jsonl": JsonLines,
    ".csv": Csv,
}


def require_format(path: Path) -> None:
    """InputError for a suffix that names no format."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(
            f"--out {files.printable(path)}: unknown suffix {path.suffix!r}; use one of {', '.join(FORMATS)}"
        )


@contextlib.contextmanager
def open_writer(path: Path, schema: pa.Schema = SCHEMA) -> Iterator[Writer]:
    """A writer for the suffix of `path`, which appears there only when the block ends well."""
    with files.writing(path) as temporary:
        writer = FORMATS[path.suffix.lower()](temporary, schema)
        with contextlib.closing(writer):
            yield writer
