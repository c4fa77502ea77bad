"""One row of a score file, the models that made it, or its columns, in any of its formats."""

import contextlib
import csv
import itertools
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from frostline import csv_text
from frostline.errors import InputError, first_line
from frostline.files import printable
from frostline.scoring import output_paths
from frostline.scoring.rows import schema

ROWS = 8192  # of columns at once
ENDINGS = (".parquet", ".jsonl", ".csv")
_TEXTS, _LISTS = ("path", "error", "label"), ("topk_labels", "prediction_set")


def models(file: Path) -> list[str]:
    """The hashes of the models that a score file names, sorted; InputError for what is no score file."""
    return sorted({str(row["model"]) for row in _rows(file, ["model"]) if row["model"]})


def find(file: Path, path: str) -> dict[str, Any]:
    """The row of one image by its `path`: path, status, error, label, prob and model.

    InputError where the file has no such row.
    """
    columns = ["path", "status", "error", "label", "prob", "model"]
    for row in _rows(file, columns):
        if row["path"] == path:
            return {name: row[name] for name in columns}
    raise InputError(f"{printable(file)} has no row for {path!r}; paths are names inside the scored source")


def tables(file: Path, columns: Sequence[str], *, needed: Sequence[str]) -> Iterator[pa.Table]:
    """Some rows after another, of those `columns` that the file has, typed as they were scored.

    InputError for what is no score file, or has not the `needed` columns.
    """
    with _read(file):
        reader = _parquet_tables if _ending(file) == ".parquet" else _text_tables
        for table in reader(file, columns):
            if missing := [name for name in needed if name not in table.column_names]:
                raise ValueError(f"no column {missing[0]}")
            yield table


def _rows(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    with _read(file):
        for row in _READERS[_ending(file)](file, columns):
            if missing := [name for name in columns if name not in row]:
                raise ValueError(f"no column {missing[0]}")
            yield row


@contextlib.contextmanager
def _read(file: Path) -> Iterator[None]:
    """InputError for whatever goes wrong while a score file is read."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, csv.Error, pa.ArrowException) as error:
        raise InputError(
            f"{printable(file)} is no score file ({first_line(error)}); name what `frostline score` wrote"
        ) from None


def _ending(file: Path) -> str:
    ending = file.suffix.lower()
    if ending not in ENDINGS:
        raise ValueError(f"its name ends in none of {', '.join(ENDINGS)}")
    return ending


def _parquet(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(columns=columns):
            yield from batch.to_pylist()


def _parquet_tables(file: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        present = [name for name in columns if name in table.schema_arrow.names]
        for batch in table.iter_batches(ROWS, columns=present):
            yield pa.Table.from_batches([batch])


def _text_tables(file: Path, columns: Sequence[str]) -> Iterator[pa.Table]:
    types = schema(features=True, drift=True, unknown=True, prediction_set=True)
    rows = _READERS[_ending(file)](file, list(columns))
    while batch := list(itertools.islice(rows, ROWS)):
        fields = [types.field(name) for name in columns if name in batch[0]]
        yield pa.table(
            [
                pa.array([_value(row[field.name], field.type) for row in batch], field.type)
                for field in fields
            ],
            schema=pa.schema(fields),
        )


def _value(cell: Any, kind: pa.DataType) -> Any:
    """What a cell holds: CSV has texts alone, none for a missing value."""
    if not isinstance(cell, str) or kind == pa.string():
        return cell
    return json.loads(cell) if cell else None


def _jsonl(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:  # noqa: ARG001  # as the others
    with file.open(encoding="utf-8") as lines:
        yield from (dict(json.loads(line)) for line in lines)


def _csv(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:  # noqa: ARG001
    csv.field_size_limit(sys.maxsize)  # a row of features is longer than its 128 KiB
    plain = _unescape if _escaped(file) else dict
    with file.open(encoding="utf-8", newline="") as lines:
        yield from map(plain, csv.DictReader(lines, strict=True))


def _escaped(file: Path) -> bool:
    """Whether its texts are kept from being formulas: by its job file; without one, as by default."""
    try:
        job = json.loads(output_paths.job_file(file).read_text(encoding="utf-8"))
        return bool(job["options"].get("escape_formulas"))  # a job of before had no such option
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return True


def _unescape(row: dict[str, str]) -> dict[str, str]:
    """A row's texts as they were scored; lists are JSON, whose texts are escaped one by one."""
    return (
        row
        | {name: csv_text.unescape(row[name]) for name in _TEXTS if row.get(name)}
        | {
            name: json.dumps([csv_text.unescape(text) for text in json.loads(row[name])])
            for name in _LISTS
            if row.get(name)
        }
    )


_READERS = {".parquet": _parquet, ".jsonl": _jsonl, ".csv": _csv}
