"""One row of a score file, or the models that made it, in any of its formats."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from frostline.errors import InputError
from frostline.files import printable

ENDINGS = (".parquet", ".jsonl", ".csv")


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


def _rows(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    try:
        for row in _READERS[file.suffix](file, columns):
            if missing := [name for name in columns if name not in row]:
                raise ValueError(f"no column {missing[0]}")
            yield row
    except (OSError, ValueError, KeyError, TypeError, csv.Error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"{printable(file)} is no score file ({reason}); name what `frostline score` wrote"
        ) from None


def _parquet(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(file) as table:
        for batch in table.iter_batches(columns=columns):
            yield from batch.to_pylist()


def _jsonl(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:  # noqa: ARG001  # as the others
    with file.open(encoding="utf-8") as lines:
        yield from (dict(json.loads(line)) for line in lines)


def _csv(file: Path, columns: list[str]) -> Iterator[dict[str, Any]]:  # noqa: ARG001
    with file.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, strict=True)


_READERS = {".parquet": _parquet, ".jsonl": _jsonl, ".csv": _csv}
