"""Rows as flat columns: the same values in CSV and JSON, three for an estimate."""

import csv
import io
from dataclasses import dataclass

import pytest

from frostline import csv_text
from frostline.evaluation import tables
from frostline.evaluation.statistics import Estimate
from helpers.hostile import FORMULAS


@dataclass(frozen=True)
class Row:
    """A name, an estimate or none, a number."""

    name: str
    accuracy: Estimate | None
    seconds: float


ROWS = [Row("a, b", Estimate(0.75, 0.5, 0.9), 1.0), Row("é", None, 1 / 3)]


def test_text() -> None:
    """A head, a line each; a share of nothing stays empty."""
    found = list(csv.DictReader(io.StringIO(tables.text(ROWS, kind=Row))))
    assert found[0] == {
        "name": "a, b", "accuracy": "0.75", "accuracy_low": "0.5", "accuracy_high": "0.9", "seconds": "1.0",
    }  # fmt: skip
    assert (found[1]["name"], found[1]["accuracy"], found[1]["accuracy_low"]) == ("é", "", "")
    assert tables.text([], kind=Row) == "name,accuracy,accuracy_low,accuracy_high,seconds\n"


@pytest.mark.parametrize("name", FORMULAS)
def test_no_name_is_a_formula(name: str) -> None:
    """To a spreadsheet; records keep it as it is."""
    row = Row(name, None, -1.5)
    [cells] = csv.DictReader(io.StringIO(tables.text([row], kind=Row), newline=""))
    assert cells["name"] == csv_text.escape(name) != name
    assert cells["seconds"] == "-1.5"
    assert tables.records([row], kind=Row)[0]["name"] == name


def test_records() -> None:
    """The columns of `text`, as values."""
    first, second = tables.records(ROWS, kind=Row)
    assert first == {
        "name": "a, b", "accuracy": 0.75, "accuracy_low": 0.5, "accuracy_high": 0.9, "seconds": 1.0,
    }  # fmt: skip
    assert second["accuracy"] is second["accuracy_high"] is None
    assert abs(second["seconds"] - 1 / 3) < 1e-5
