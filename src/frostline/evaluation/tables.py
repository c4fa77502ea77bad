"""Result rows as flat columns for CSV and JSON: an estimate takes three, a share of nothing stays empty."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from frostline import csv_text
from frostline.evaluation.metrics import DECIMALS
from frostline.evaluation.statistics import Estimate

ESTIMATES = frozenset(
    {"accuracy", "coverage", "precision", "recall", "rejected", "single", "specificity", "f1"}
)


def text(rows: Sequence[Any], *, kind: type) -> str:
    """CSV of dataclasses of one kind, with its head also where there are none."""
    return table(_head(kind), [_row(row, kind) for row in rows])


def records(rows: Sequence[Any], *, kind: type) -> list[dict[str, Any]]:
    """The same for JSON: the values of each by column."""
    return [dict(zip(_head(kind), _row(row, kind), strict=True)) for row in rows]


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV with lines as on Linux; texts are no formulas (`csv_text`)."""
    return _line(head) + "".join(_line([_cell(value) for value in row]) for row in rows)


def _line(cells: Sequence[Any]) -> str:
    """One record; with another line end than its own the csv module would not quote carriage returns."""
    made = io.StringIO()
    csv.writer(made).writerow(cells)
    return made.getvalue().removesuffix("\r\n") + "\n"


def _cell(value: Any) -> Any:
    return csv_text.escape(value) if isinstance(value, str) else value


def _head(kind: type) -> list[str]:
    return [column for field in fields(kind) for column in _columns(field.name)]


def _row(row: Any, kind: type) -> list[Any]:
    return [value for field in fields(kind) for value in _values(row, field.name)]


def _columns(name: str) -> list[str]:
    return [name, f"{name}_low", f"{name}_high"] if name in ESTIMATES else [name]


def _values(row: Any, name: str) -> list[Any]:
    value = getattr(row, name)
    if name not in ESTIMATES:
        return [round(value, DECIMALS) if isinstance(value, float) else value]
    if not isinstance(value, Estimate):
        return [None] * 3
    return [round(end, DECIMALS) for end in (value.value, value.low, value.high)]
