"""Score tables to Parquet, JSON Lines or CSV, chosen by suffix, streamed, whole or not at all; counted on the way."""

import contextlib
import csv
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from frostline import csv_text, files
from frostline.errors import InputError, one_line
from frostline.scoring.rows import FINGERPRINT, SCHEMA

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
    """One JSON object per line; missing values are null."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:  # noqa: ARG002  # each line names its columns
        self._file = path.open("w", encoding="utf-8", newline="\n")

    def write(self, table: pa.Table) -> None:
        """One line per row."""
        for row in table.to_pylist():
            self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


class Csv:
    """A header, then a line per row (quoted as RFC 4180); lists as JSON, missing values empty.

    With `escape` no spreadsheet takes a text for a formula.
    """

    def __init__(self, path: Path, schema: pa.Schema, *, escape: bool = True) -> None:
        self._escape: Callable[[str], str] = csv_text.escape if escape else str
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(schema.names)

    def write(self, table: pa.Table) -> None:
        """One record per row."""
        for row in table.to_pylist():
            self._rows.writerow(self._cell(value) for value in row.values())

    def close(self) -> None:
        """Flush and close."""
        self._file.close()

    def _cell(self, value: object) -> object:
        if isinstance(value, list):
            return json.dumps([self._text(one) for one in value], ensure_ascii=False)
        return self._text(value)

    def _text(self, value: object) -> object:
        return self._escape(value) if isinstance(value, str) else value


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
def open_writer(path: Path, schema: pa.Schema = SCHEMA, *, escape_formulas: bool = True) -> Iterator[Writer]:
    """A writer for the suffix of `path`, which appears there only when the block ends well."""
    with files.writing(path) as temporary:
        kind = FORMATS[path.suffix.lower()]
        options = {"escape": escape_formulas} if kind is Csv else {}
        writer = kind(temporary, schema, **options)
        with contextlib.closing(writer):
            yield writer


ERRORS = 5  # that are named; the rows have all


@dataclass
class ScoreCounts:
    """Counts that grow as tables pass: rows by status, rows by predicted label, the first errors."""

    scored: int = 0
    abstained: int = 0
    unknown: int = 0
    unreadable: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)  # of the first few: name and reason

    def add(self, table: pa.Table) -> None:
        """Count one table of the score schema."""
        bad = table.filter(pc.equal(table["status"], "error"))
        for row in bad.slice(0, ERRORS - len(self.errors)).select(["path", "error"]).to_pylist():
            self.errors.append(f"{one_line(row['path'])}: {row['error']}")
        self.unreadable += len(bad)
        self.scored += len(table) - len(bad)
        self.abstained += pc.sum(pc.equal(table["status"], "abstained")).as_py() or 0
        self.unknown += pc.sum(pc.equal(table["status"], "unknown")).as_py() or 0
        for label in pc.value_counts(table["label"].drop_null()).to_pylist():
            self.labels[label["values"]] += label["counts"]


@dataclass(frozen=True)
class Merged:
    """An output that stands: its rows, the hash of all names in order, the counts."""

    rows: int
    listing: str
    counts: ScoreCounts


def merge(
    tables: Iterable[pa.Table], out: Path, schema: pa.Schema, *, escape_formulas: bool = True
) -> Merged:
    """Write tables of rows and fingerprints into `out`, which appears whole or not at all."""
    counts, names, rows = ScoreCounts(), hashlib.sha256(), 0
    with open_writer(out, schema, escape_formulas=escape_formulas) as writer:
        for table in tables:
            writer.write(table.drop_columns([FINGERPRINT]))
            counts.add(table)
            # No name holds a NUL.
            names.update("".join(f"{name}\0" for name in table["path"].to_pylist()).encode())
            rows += len(table)
    return Merged(rows, names.hexdigest(), counts)
