"""Labels of a source's images: from a table beside them, else from their folders.

The table is `labels.csv` or `labels.parquet` at the top of the folder: columns path and label, and if
wanted split and group. Only images in it belong to the dataset.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from frostline import arrow, csv_text
from frostline.datasets import layout
from frostline.datasets.layout import SPLITS, LabelledImage, LabelledImages, split_word
from frostline.datasets.source import ImageSource
from frostline.errors import InputError, first_line
from frostline.files import printable

TABLES = ("labels.csv", "labels.parquet")
_NEEDED, _ALLOWED = ("path", "label"), ("path", "label", "split", "group")


def read(source: ImageSource, path: Path) -> LabelledImages:
    """Class, given split, group and wave of the images of a dataset at `path`; InputError if unclear."""
    table = find_table(path) if path.is_dir() else None
    if table:
        return from_table(table, source.names(), shards=source.shards)
    return layout.from_folders(source.names(), where=printable(path), shards=source.shards)


def classes(
    images: Sequence[LabelledImage], fixed: Sequence[str] | None, *, where: str, key: str
) -> tuple[str, ...]:
    """The classes in their order: the `fixed` one, which must name exactly those of the images, or by name."""
    names = sorted({image.label for image in images})
    if len(names) < 2:
        raise InputError(
            f"{where}: only one class, {names[0]!r}; a classifier needs two or more class folders"
        )
    if fixed is None:
        return tuple(names)
    if extra := sorted(set(names) - set(fixed)):
        raise InputError(f"{where}: class {extra[0]!r} is not in {key}.classes; add it, or remove its images")
    if lacking := [name for name in fixed if name not in names]:
        raise InputError(f"{where}: no image of class {lacking[0]!r}, which {key}.classes names")
    return tuple(fixed)


def find_table(folder: Path) -> Path | None:
    """The table of a folder, if it has one; InputError for two."""
    tables = [folder / name for name in TABLES if (folder / name).is_file()]
    if len(tables) > 1:
        raise InputError(f"{printable(folder)} holds both {' and '.join(TABLES)}; remove one of them")
    return tables[0] if tables else None


def from_table(path: Path, names: Sequence[str], *, shards: Sequence[str] = ()) -> LabelledImages:
    """Label, split and group of every image in the table, in the order of `names`.

    Raises InputError for a table that cannot be read, lacks a column, names an image twice or one
    that does not exist, or has an empty label or an unknown split.
    """
    where = printable(path)
    rows = _by_path(_read(path), where=where)
    known = set(names)
    if missing := [name for name in rows if name not in known]:
        raise InputError(
            f"{where}: {len(missing)} paths are not images here, the first {missing[0]!r}; "
            "paths start at the table's own folder"
        )
    waves = {shard: number for number, shard in enumerate(shards)}
    named = [name for name in names if name in rows]
    places: dict[tuple[str, str, str, int], int] = {}

    def place_of(name: str) -> int:
        row = rows[name]
        wave = waves.get(name.partition("/")[0], 0)
        return places.setdefault((row["label"], row["split"], row["group"], wave), len(places))

    place_numbers = [place_of(name) for name in named]
    return LabelledImages(named, list(places), place_numbers)


def _read(path: Path) -> list[dict[str, Any]]:
    """Rows as text, None and missing columns as ""."""
    import pyarrow as pa
    import pyarrow.csv

    where = printable(path)
    try:
        if path.suffix == ".csv":
            types = pa.csv.ConvertOptions(column_types=dict.fromkeys(_ALLOWED, pa.string()))
            alone = pa.csv.ReadOptions(use_threads=False)  # as `arrow.read_parquet` says
            table = pa.csv.read_csv(path, read_options=alone, convert_options=types)
        else:
            table = arrow.read_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{where} cannot be read: {first_line(error)}") from None
    if lacking := [name for name in _NEEDED if name not in table.column_names]:
        raise InputError(
            f"{where}: no column {lacking[0]!r}; needed are path and label, allowed are split and group too"
        )
    columns = [name for name in _ALLOWED if name in table.column_names]
    rows = table.select(columns).to_pylist()
    text = csv_text.unescape if path.suffix == ".csv" else str  # a table made of scores has them escaped
    return [
        {**dict.fromkeys(_ALLOWED, ""), **{k: "" if v is None else text(str(v)) for k, v in row.items()}}
        for row in rows
    ]


def _by_path(rows: list[dict[str, Any]], *, where: str) -> dict[str, dict[str, Any]]:
    if not rows:
        raise InputError(f"{where} is empty; it needs one row per image: path,label")
    by_path: dict[str, dict[str, Any]] = {}
    for number, row in enumerate(rows, start=1):
        row["path"] = row["path"].removeprefix("./")
        if row["path"] in by_path:
            raise InputError(f"{where}: row {number} names {row['path']!r} again; an image has one label")
        if not row["label"]:
            raise InputError(f"{where}: row {number}, {row['path']!r}, has no label; name its class")
        word = split_word(row["split"])
        if row["split"] and not word:
            raise InputError(
                f"{where}: row {number} has the split {row['split']!r}; use {', '.join(SPLITS)}, or nothing"
            )
        by_path[row["path"]] = {**row, "split": word}
    return by_path
