"""The shards of a job as its one output, and what was counted on the way."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from frostline.scoring.journal import MARK
from frostline.scoring.writers import open_writer


@dataclass
class ScoreCounts:
    """Counts that grow as tables pass: rows by status, rows by predicted label, the first error."""

    scored: int = 0
    abstained: int = 0
    unreadable: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    first_error: str = ""

    def add(self, table: pa.Table) -> None:
        """Count one table of the score schema."""
        bad = table.filter(pc.equal(table["status"], "error"))
        if len(bad) and not self.first_error:
            path = bad["path"][0].as_py()
            self.first_error = f"{path if path.isprintable() else repr(path)}: {bad['error'][0]}"
        self.unreadable += len(bad)
        self.scored += len(table) - len(bad)
        self.abstained += pc.sum(pc.equal(table["status"], "abstained")).as_py() or 0
        for each in pc.value_counts(table["label"].drop_null()).to_pylist():
            self.labels[each["values"]] += each["counts"]


@dataclass(frozen=True)
class Merged:
    """An output that stands: its rows, the hash of all names in order, the counts."""

    rows: int
    listing: str
    tally: ScoreCounts


def merge(tables: Iterable[pa.Table], out: Path, schema: pa.Schema) -> Merged:
    """Write tables of rows and marks into `out`, which appears whole or not at all."""
    tally, names, rows = ScoreCounts(), hashlib.sha256(), 0
    with open_writer(out, schema) as writer:
        for table in tables:
            writer.write(table.drop_columns([MARK]))
            tally.add(table)
            # No name holds a NUL.
            names.update("".join(f"{name}\0" for name in table["path"].to_pylist()).encode())
            rows += len(table)
    return Merged(rows, names.hexdigest(), tally)
