"""A table of labels beside the images: `labels.csv` or `labels.parquet` at the top of their folder.

Columns path and label, and if wanted split and group. Only images in the table belong to the dataset.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frostline import parquet
from frostline.datasets.layout import SPLITS, Placing, split_word
from frostline.errors import InputError, first_line
from frostline.files import printable

NAMES = ("labels.csv", "labels.parquet")
_NEEDED, _ALLOWED = ("path", "label"), ("path", "label", "split", "group")


def find(folder: Path) -> Path | None:
    """The table of a folder, if it has one; InputError for two."""
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise InputError(f"{printable(folder)} holds both {' and '.join(NAMES)}; remove one of them")
    return found[0] if found else None


def place(path: Path, names: Sequence[str], *, shards: Sequence[str] = ()) -> Placing:
    """Label, split and group of every image in the table, in the order of `names`.

    Raises InputError for a table that cannot be read, lacks a column, names an image twice or one
    that does not exist, or has an empty label or an unknown split.
    """
    where = printable(path)
    rows = _by_path(_read(path), where=where)
    known = set(names)
    if missing := [name for name in rows if name not in known]:
        raise InputError(
            f"{where}: {len(missing)} paths are no images here, the first {missing[0]!r}; "
            "paths start at the table's own folder"
        )
    waves = {shard: number for number, shard in enumerate(shards)}
    named = [name for name in names if name in rows]
    places: dict[tuple[str, str, str, int], int] = {}

    def place_of(name: str) -> int:
        row = rows[name]
        wave = waves.get(name.partition("/")[0], 0)
        return places.setdefault((row["label"], row["split"], row["group"], wave), len(places))

    of = [place_of(name) for name in named]
    return Placing(named, list(places), of)


def _read(path: Path) -> list[dict[str, Any]]:
    """Rows as text, None and missing columns as ""."""
    import pyarrow as pa
    import pyarrow.csv

    where = printable(path)
    try:
        if path.suffix == ".csv":
            types = pa.csv.ConvertOptions(column_types=dict.fromkeys(_ALLOWED, pa.string()))
            alone = pa.csv.ReadOptions(use_threads=False)  # as `parquet.read` says
            table = pa.csv.read_csv(path, read_options=alone, convert_options=types)
        else:
            table = parquet.read(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{where} cannot be read: {first_line(error)}") from None
    if lacking := [name for name in _NEEDED if name not in table.column_names]:
        raise InputError(
            f"{where}: no column {lacking[0]!r}; needed are path and label, allowed are split and group too"
        )
    columns = [name for name in _ALLOWED if name in table.column_names]
    rows = table.select(columns).to_pylist()
    return [
        {**dict.fromkeys(_ALLOWED, ""), **{k: "" if v is None else str(v) for k, v in row.items()}}
        for row in rows
    ]


def _by_path(rows: list[dict[str, Any]], *, where: str) -> dict[str, dict[str, Any]]:
    if not rows:
        raise InputError(f"{where} is empty; it needs a row an image: path,label")
    found: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=1):
        row["path"] = row["path"].removeprefix("./")
        if row["path"] in found:
            raise InputError(f"{where}: row {number} names {row['path']!r} again; an image has one label")
        if not row["label"]:
            raise InputError(f"{where}: row {number}, {row['path']!r}, has no label; name its class")
        word = split_word(row["split"])
        if row["split"] and not word:
            raise InputError(
                f"{where}: row {number} has the split {row['split']!r}; use {', '.join(SPLITS)}, or nothing"
            )
        found[row["path"]] = {**row, "split": word}
    return found
