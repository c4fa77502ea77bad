"""A comparison as text: a table for a terminal, the same with full figures as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from frostline.evaluation.comparison import verdict

HOW = (
    "Intervals: 95%; of accuracies Wilson's, of paired differences Bonett and Price's. "
    "p: exact McNemar test on the same test images, two-sided, "
    "not corrected for the number of comparisons. "
    "The best of several is picked by luck too: expect it a little lower on new images."
)
_RIGHT = frozenset({"#", "test", "loss", "trainable", "frozen", "validation"})  # columns of numbers


def render(comparison: Mapping[str, Any]) -> str:
    """The comparison as plain text for a terminal, one table a dataset; ends with a newline."""
    return "\n".join(_terminal(name, entry) for name, entry in comparison["datasets"].items())


def markdown(comparison: Mapping[str, Any]) -> str:
    """The comparison as a Markdown page; ends with a newline."""
    parts = ["# Comparison on the test images", "![accuracies](comparison.png)"]
    for name, entry in comparison["datasets"].items():
        parts += _section(name, entry)
    return "\n\n".join([*parts, HOW]) + "\n"


def _terminal(name: str, entry: Mapping[str, Any]) -> str:
    rows = [
        {
            "#": str(row["rank"]),
            "classifier": row["classifier"],
            "test": f"{row['accuracy']:.1%}",
            "95% interval": f"{row['accuracy_low']:.1%} to {row['accuracy_high']:.1%}",
            "loss": f"{row['loss']:.3f}",
            "trainable": _short(row["parameters"]["trainable"]),
            "frozen": _short(row["parameters"]["frozen"]),
            "note": row["note"],
        }
        for row in entry["classifiers"]
    ]
    lines = [_heading(name, entry), "", *aligned(rows, right=_RIGHT), "", *verdicts(entry)]
    return "\n".join(lines).rstrip() + "\n"


def aligned(rows: Sequence[Mapping[str, str]], *, right: frozenset[str]) -> Iterator[str]:
    """Rows in columns as wide as their widest cell, those named in `right` set to the right.

    A column without any content is left out.
    """
    columns = [key for key in rows[0] if any(row[key] for row in rows)]
    widths = {key: max(len(key), *(len(row[key]) for row in rows)) for key in columns}

    def line(cells: Mapping[str, str]) -> str:
        padded = (
            cells[key].rjust(widths[key]) if key in right else cells[key].ljust(widths[key])
            for key in columns
        )
        return "  ".join(padded).rstrip()

    yield line({key: key for key in columns})
    yield "  ".join("-" * widths[key] for key in columns)
    yield from map(line, rows)


def _section(name: str, entry: Mapping[str, Any]) -> list[str]:
    head = "| # | classifier | test accuracy (95% interval) | test loss | validation accuracy "
    lines = [
        head + "| trainable parameters | frozen parameters | note |",
        "|--:|:--|:--|--:|--:|--:|--:|:--|",
        *(_cells(row) for row in entry["classifiers"]),
    ]
    told = "\n".join(f"- {line}" for line in verdicts(entry))
    manifest = f"Manifest of the images: `{entry['digest']}`"
    return [f"## {_heading(name, entry)}", "\n".join(lines), *([told] if told else []), manifest]


def _cells(row: Mapping[str, Any]) -> str:
    interval = f"{row['accuracy']:.1%} ({row['accuracy_low']:.1%} to {row['accuracy_high']:.1%})"
    trainable, frozen = (f"{row['parameters'][key]:,}" for key in ("trainable", "frozen"))
    cells = (
        str(row["rank"]), row["classifier"], interval, f"{row['loss']:.4f}",
        f"{row['validation_accuracy']:.1%}", trainable, frozen, row["note"],
    )  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def _heading(name: str, entry: Mapping[str, Any]) -> str:
    return f"{name}: {entry['images']:,} test images"


def verdicts(entry: Mapping[str, Any]) -> list[str]:
    """One sentence for each classifier that is not the best."""
    told = ((row["classifier"], verdict(row, entry["images"])) for row in entry["classifiers"])
    return [f"{name} is {words}" for name, words in told if words]


def _short(count: int) -> str:
    """A count in at most four digits: 812, 5.1k, 20.0M."""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= 0.9995 * size:
            return f"{count / size:.1f}{unit}"
    return str(count)
