"""The arithmetic of docs/scale.md, done again from the rates that it names, and the rates where they are named from."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
TEXT = (DOCS / "scale.md").read_text(encoding="utf-8")
UNITS = {"MB": 1e6, "GB": 1e9, "TB": 1e12}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its head."""
    part = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def number(cell: str) -> float:
    """`1,368` as a number."""
    return float(cell.replace(",", ""))


def rounds_to(value: float, cell: str) -> bool:
    """Whether a number is what stands in a cell, to the digits that stand there."""
    digits = len(cell.partition(".")[2])
    return abs(value - number(cell)) <= 0.5001 * 10**-digits


def rate(words: str) -> float:
    """Images a second, from the first table."""
    [found] = re.findall(rf"\| {words}[^|]*\| ([\d.]+) images/s", TEXT)
    return float(found)


@pytest.mark.parametrize("row", rows("Scoring"), ids=lambda row: row[0])
def test_scoring(row: list[str]) -> None:
    """Hours, days, machines for a night; a part of a machine is a machine."""
    hours = number(row[0]) / rate("scoring") / 3600
    assert rounds_to(hours, row[1])
    assert rounds_to(hours / 24, row[2])
    assert number(row[3]) == -(-hours // 8)


@pytest.mark.parametrize("row", rows("Training"), ids=lambda row: row[0])
def test_training(row: list[str]) -> None:
    """Hours of the first pass."""
    assert rounds_to(number(row[0]) / rate("first pass") / 3600, row[1])


@pytest.mark.parametrize("row", rows("Storage"), ids=lambda row: row[0])
def test_storage(row: list[str]) -> None:
    """Bytes of a million, a hundred million and a billion images."""
    for cell, images in zip(row[2:], (1e6, 1e8, 1e9), strict=True):
        amount, unit = cell.split()
        assert rounds_to(number(row[1]) * images / UNITS[unit], amount), cell


def test_other_sums() -> None:
    """Those within sentences."""
    decoding = rate("decoding")
    assert f"1,000,000 / {decoding} / 2 / 3600 = {1e6 / decoding / 2 / 3600:.1f} hours" in TEXT
    assert f"a billion {1e9 / decoding / 2 / 86400:.0f} days" in TEXT
    assert f"| {4 * 9 * 9 * 512 + 37:,} |" in TEXT


def test_rates_stand_where_they_are_named_from() -> None:
    """A table that was measured anew shows here what follows from it."""
    benchmarks = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    [(first, score)] = re.findall(
        r"\| EfficientNet-Lite0, 224 \| 99[^|]*\| ([\d.]+) \|[^|]*\| ([\d.]+) \|", benchmarks
    )
    assert float(score) == rate("scoring")
    assert abs(4000 / float(first) - rate("first pass")) < 0.5
    assert f"| 12 megapixels | 544 | 10.6 | {rate('decoding')} |" in benchmarks
    [memory] = re.findall(r"\| ([\d,]+) MB for a million paths", TEXT)
    assert re.search(rf"\| 1,000,000 \|.*\| {memory} \|", benchmarks)
