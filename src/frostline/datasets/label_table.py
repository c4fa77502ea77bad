"""A table of labels: columns path and label, and if wanted split and group, from CSV, TSV or Parquet."""

import csv
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from frostline import arrow, csv_text
from frostline.datasets.layout import SPLITS, split_word
from frostline.errors import InputError, first_line
from frostline.files import wide_encoding

_NEEDED, _ALLOWED = ("path", "label"), ("path", "label", "split", "group")
_DELIMITERS = (",", ";", "\t")
_SAVE = "save it as UTF-8 (Excel calls it CSV UTF-8)"


class LabelRow(NamedTuple):
    """What a table says of an image; "" for what it does not say."""

    path: str
    label: str
    split: str
    group: str


class LabelTable(NamedTuple):
    """Its rows in order, without blanks around; and how many labels had some, by the label as it stood there."""

    rows: list[LabelRow]
    stripped: Counter[str]


def read(content: bytes, *, where: str) -> LabelTable:
    """The table in a file's bytes; `where` is its name, for messages, which tells CSV from Parquet.

    Raises InputError for a table that cannot be read, lacks a column, or has an empty label or an unknown split.
    """
    parse = _parquet if where.lower().endswith(".parquet") else _csv
    header, records = parse(content, where)
    columns = _columns(header, where=where)
    rows, stripped = [], Counter[str]()
    for number, record in enumerate(records, start=1):
        values = {name: record[place] for name, place in columns.items()}
        if values["label"] != values["label"].strip():
            stripped[values["label"]] += 1
        rows.append(_row(values, f"{where}: row {number}"))
    if not rows:
        raise InputError(f"{where} is empty; it needs one row per image: path,label")
    return LabelTable(rows, stripped)


def by_name(rows: Sequence[LabelRow], names: Iterable[str], *, where: str) -> dict[str, LabelRow]:
    """Image name → its row. A path may be written with backslashes, blanks around it, or in another Unicode form.

    Raises InputError for a path that is no image, and for an image that is named twice.
    """
    known = set(names)
    find = _finder(known)
    found: dict[str, LabelRow] = {}
    missing = []
    for number, row in enumerate(rows, start=1):
        if not (name := row.path if row.path in known else find(row.path)):
            missing.append(row.path)
        elif name in found:
            raise InputError(f"{where}: row {number} names {name!r} again; an image has one label")
        else:
            found[name] = row
    if missing:
        raise InputError(
            f"{where}: {len(missing)} paths are not images here, the first {missing[0]!r}; "
            "paths start at the table's own folder"
        )
    return found


def _finder(known: set[str]) -> Callable[[str], str]:
    """From a path as people and their programs write it to the one name it can mean; "" where there is none."""
    plain: dict[str, str] = {}

    def find(path: str) -> str:
        if not plain:
            for name in known:
                # Two names that differ in this alone are told apart by nothing but their exact path.
                plain[_plain(name)] = "" if _plain(name) in plain else name
        return plain.get(_plain(path), "")

    return find


def _plain(path: str) -> str:
    return unicodedata.normalize("NFC", path.strip().replace("\\", "/").removeprefix("./"))


def _row(values: dict[str, str], which: str) -> LabelRow:
    label, split = values["label"].strip(), values.get("split", "").strip()
    if not label:
        raise InputError(f"{which}, {values['path']!r}, has no label; name its class")
    if label.startswith('"'):
        raise InputError(f"{which} has the label {values['label']!r}; remove what stands before its quote")
    word = split_word(split)
    if split and not word:
        raise InputError(f"{which} has the split {split!r}; use {', '.join(SPLITS)}, or nothing")
    return LabelRow(values["path"], label, word, values.get("group", "").strip())


def _columns(header: Sequence[str], *, where: str) -> dict[str, int]:
    """Which column is which, whatever the case of their names and the blanks around them."""
    names = [name.strip().lower() for name in header]
    if lacking := [name for name in _NEEDED if name not in names]:
        raise InputError(
            f"{where}: no column {lacking[0]!r} among {', '.join(map(repr, header))[:200]}; needed are path and label, "
            "allowed are split and group too"
        )
    if twice := [name for name in _ALLOWED if names.count(name) > 1]:
        raise InputError(f"{where}: two columns are called {twice[0]!r}; remove or rename one")
    return {name: names.index(name) for name in _ALLOWED if name in names}


def _csv(content: bytes, where: str) -> tuple[list[str], Iterator[list[str]]]:
    text = _text(content, where)
    records = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    lines = _lines(records, where)
    header = next(lines, None)
    if header is None:
        raise InputError(f"{where} is empty; it needs a header, path,label, and one row per image")
    return header, _whole(lines, len(header), where)


def _lines(records: Iterator[list[str]], where: str) -> Iterator[list[str]]:
    """All but empty ones."""
    try:
        yield from filter(None, records)
    except csv.Error as error:
        raise InputError(f"{where} cannot be read: {first_line(error)}") from None


def _whole(lines: Iterator[list[str]], cells: int, where: str) -> Iterator[list[str]]:
    """Rows of as many cells as the header has."""
    for number, line in enumerate(lines, start=1):
        if len(line) != cells:
            raise InputError(
                f"{where}: row {number} has {len(line)} cells, the header {cells}; put names with commas into quotes"
            )
        yield [csv_text.unescape(cell) for cell in line]  # a table made of scores has them escaped


def _text(content: bytes, where: str) -> str:
    if encoding := wide_encoding(content):
        raise InputError(f"{where} is {encoding}; {_SAVE}")
    if b"\0" in content:
        raise InputError(f"{where} is no text; {_SAVE}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(f"{where}: line {line} is not UTF-8; {_SAVE}") from None


def _delimiter(text: str) -> str:
    """Comma, semicolon or tab, whichever parts the header into the needed columns."""
    header = re.split(r"[\r\n]", text.lstrip(), maxsplit=1)[0]
    for delimiter in _DELIMITERS:
        if {*_NEEDED} <= {cell.strip('" \r\t').lower() for cell in header.split(delimiter)}:
            return delimiter
    return ","


def _parquet(content: bytes, where: str) -> tuple[list[str], Iterator[list[str]]]:
    """Numbers as their digits, null as nothing."""
    import pyarrow as pa

    try:
        table = arrow.read_parquet(content)
        names = [name for name in table.column_names if name.strip().lower() in _ALLOWED]
        columns = [table[name].to_pylist() for name in names]
    except (pa.ArrowException, OSError, KeyError) as error:
        raise InputError(f"{where} cannot be read: {first_line(error)}") from None
    texts = (["" if cell is None else str(cell) for cell in row] for row in zip(*columns, strict=True))
    return names or list(table.column_names), texts
