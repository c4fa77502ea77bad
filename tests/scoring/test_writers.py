"""Writers: three formats of the same rows, streamed, whole or not at all."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.errors import FrostlineError, InputError
from frostline.features.local_stream import Block
from frostline.scoring import score_reader, writers
from frostline.scoring.output_paths import job_file
from frostline.scoring.rows import SCHEMA, Scorer
from helpers.hostile import FORMULAS

NAMES = ("plain.png", 'quote".png', "comma,.png", "line\nbreak.png", "ünï \\xff.png", "cr\r.png")
SCORER = Scorer(("a,b", 'c"d', "e\nf"), 2, "5" * 64)


def table(names: tuple[str, ...] = NAMES) -> pa.Table:
    """One row a name; the second is unreadable."""
    probs = np.random.default_rng(len(names)).dirichlet([1, 1, 1], len(names)).astype(np.float32)
    errors = tuple("empty file" if row == 1 else "" for row in range(len(names)))
    return SCORER.table(Block(0, names, errors, {"probs": probs}))


def read_csv(path: Path) -> list[dict[str, Any]]:
    """A CSV as the rows it was written from."""
    with path.open(newline="", encoding="utf-8") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    for row in rows:
        for key, value in row.items():
            if value == "":
                row[key] = None
            elif key in {"topk_labels", "topk_probs", "probs"}:
                row[key] = json.loads(value)
            elif key == "prob":
                row[key] = float(value)
    return rows


READ: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    ".parquet": lambda path: pq.read_table(path).to_pylist(),
    ".jsonl": lambda path: [json.loads(line) for line in path.read_text("utf-8").split("\n")[:-1]],
    ".csv": read_csv,
}


@pytest.mark.parametrize("suffix", writers.FORMATS)
def test_every_format_gives_the_rows_back(tmp_path: Path, suffix: str) -> None:
    """Odd names, odd labels, missing values and every bit of the probabilities survive."""
    path = tmp_path / f"scores{suffix}"
    with writers.open_writer(path) as writer:
        writer.write(table())
    assert READ[suffix](path) == table().to_pylist()


def formulas() -> pa.Table:
    """Formulas as names of files and of classes."""
    probs = np.random.default_rng(3).dirichlet(np.ones(len(FORMULAS)), len(FORMULAS)).astype(np.float32)
    block = Block(0, FORMULAS, ("",) * len(FORMULAS), {"probs": probs})
    return Scorer(FORMULAS, 3, "5" * 64).table(block)


@pytest.mark.parametrize("suffix", writers.FORMATS)
@pytest.mark.parametrize("escape", [True, False])
def test_formulas_are_escaped_in_csv_alone(tmp_path: Path, suffix: str, escape: bool) -> None:
    """And there, unless told otherwise; what reads a score file gives the names as they were."""
    path, rows = tmp_path / f"scores{suffix}", formulas()
    with writers.open_writer(path, escape_formulas=escape) as writer:
        writer.write(rows)
    job_file(path).write_text(json.dumps({"options": {"escape_formulas": escape}}))
    cells = [row[column] for row in READ[suffix](path) for column in ("path", "label")]
    cells += [label for row in READ[suffix](path) for label in row["topk_labels"]]
    raw = suffix != ".csv" or not escape
    assert any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells) == raw
    [table] = score_reader.tables(path, ["path", "label", "topk_labels"], needed=[])
    assert table.to_pydict() == rows.select(["path", "label", "topk_labels"]).to_pydict()
    assert score_reader.find(path, FORMULAS[0])["path"] == FORMULAS[0]


@pytest.mark.parametrize(("job", "name"), [(None, "=1"), ('{"options": {}}', "'=1"), ("broken", "=1")])
def test_the_job_file_tells_whether_names_are_escaped(tmp_path: Path, job: str | None, name: str) -> None:
    """Those of before were not; a file that was moved without it is as by default."""
    path = tmp_path / "scores.csv"
    path.write_text(f"path,status,error,label,prob,model\n'=1,ok,,cat,0.75,{'1' * 64}\n")
    if job:
        job_file(path).write_text(job)
    assert score_reader.find(path, name)["path"] == name


@pytest.mark.parametrize("suffix", writers.FORMATS)
def test_no_rows_make_a_whole_file(tmp_path: Path, suffix: str) -> None:
    """An empty job is still a readable file."""
    path = tmp_path / f"scores{suffix}"
    with writers.open_writer(path):
        pass
    assert READ[suffix](path) == []


@given(sizes=st.lists(st.integers(0, 9), max_size=8), group=st.integers(1, 7))
def test_parquet_does_not_depend_on_how_rows_arrive(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], group: int
) -> None:
    """The same bytes for the same rows: row groups are of one size, the last one smaller."""
    folder = tmp_path_factory.mktemp("parts")
    whole = table(tuple(f"{number}.png" for number in range(max(2, sum(sizes)))))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writers, "ROW_GROUP", group)
        with writers.open_writer(folder / "once.parquet") as writer:
            writer.write(whole)
        with writers.open_writer(folder / "parts.parquet") as writer:
            start = 0
            for size in [*sizes, len(whole)]:
                writer.write(whole.slice(start, size))
                start += size
    assert (folder / "once.parquet").read_bytes() == (folder / "parts.parquet").read_bytes()
    groups = pq.ParquetFile(folder / "once.parquet").metadata
    counts = [groups.row_group(place).num_rows for place in range(groups.num_row_groups)]
    assert counts[:-1] == [group] * (len(counts) - 1)
    assert sum(counts) == len(whole)


@pytest.mark.parametrize("suffix", writers.FORMATS)
def test_a_job_that_dies_leaves_the_former_output(tmp_path: Path, suffix: str) -> None:
    """Never half a table under the final name, never a temporary file."""
    path = tmp_path / f"scores{suffix}"
    path.write_text("former")

    def interrupted() -> None:
        with writers.open_writer(path) as writer:
            writer.write(table())
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert path.read_text() == "former"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", writers.FORMATS)
def test_a_full_disk_is_one_line(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's word, the file, what to do."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / f"scores{suffix}"
    monkeypatch.setattr(writers.FORMATS[suffix], "write", full)
    with (
        pytest.raises(FrostlineError, match="No space left on device; free the disk"),
        writers.open_writer(path) as writer,
    ):
        writer.write(table())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["scores", "scores.txt", "scores.parquet.gz", "scores.json", ".csv"])
def test_unknown_suffixes(name: str) -> None:
    """The known ones are listed."""
    with pytest.raises(InputError, match=r"use one of \.parquet, \.jsonl, \.csv"):
        writers.require_format(Path(name))


@pytest.mark.parametrize("name", ["a.parquet", "b.PARQUET", "c.d.jsonl", "e.CSV"])
def test_known_suffixes(name: str, tmp_path: Path) -> None:
    """Upper case is the same format."""
    writers.require_format(Path(name))
    with writers.open_writer(tmp_path / name) as writer:
        writer.write(table())
    assert len(READ[Path(name).suffix.lower()](tmp_path / name)) == len(NAMES)


def test_schema_is_the_promised_one() -> None:
    """Other programs read these columns."""
    assert SCHEMA.names == [
        "path", "status", "error", "label", "prob", "topk_labels", "topk_probs", "probs", "model",
    ]  # fmt: skip
