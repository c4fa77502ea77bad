"""Parquet files as tables, and folders of rows that any number of processes write."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from frostline import arrow, files
from frostline.arrow import ArrowFolder


def test_a_process_that_reads_parquet_ends_well(tmp_path: Path) -> None:
    """Of fifteen that end right after, each with 0; with threads of Arrow's one in five was aborted."""
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "x.parquet")
    assert arrow.read_parquet(tmp_path / "x.parquet").to_pylist() == [{"a": 1, "b": "x"}]
    content = (tmp_path / "x.parquet").read_bytes()
    assert arrow.read_parquet(content, columns=["b"]).to_pylist() == [{"b": "x"}]
    code = "from pathlib import Path; from frostline import arrow; arrow.read_parquet(Path('x.parquet'))"
    ended = [subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False) for _ in range(15)]
    assert {each.returncode for each in ended} == {0}


SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])


def rows(*numbers: int) -> pa.Table:
    """Rows of that schema."""
    return pa.table({"id": list(numbers), "text": [str(each) for each in numbers]}, schema=SCHEMA)


def test_a_folder_of_rows(tmp_path: Path) -> None:
    """What one writes another sees once, under a name made of its bytes; what is no such file holds nothing."""
    one, other = ArrowFolder(tmp_path, SCHEMA), ArrowFolder(tmp_path, SCHEMA)
    written = one.write(rows(1, 2))
    assert written is not None
    assert written.rows.to_pydict() == {"id": [1, 2], "text": ["1", "2"]}
    assert written.path.name == arrow.name(written.path.read_bytes())
    assert one.refresh() == []
    (seen,) = other.refresh()
    assert seen.rows.equals(written.rows)
    assert other.refresh() == []
    ArrowFolder(tmp_path, pa.schema([("id", pa.int64())])).write(pa.table({"id": [3]}))
    (tmp_path / "cut.arrow").write_bytes(written.path.read_bytes()[:-1])
    assert [file.rows for file in other.refresh()] == []
    assert len(one.files) == len(other.files) == 1
    seen.give_back()
    written.path.unlink()
    assert seen.rows.to_pydict()["id"] == [1, 2]


def test_a_key_has_a_folder_and_stands_in_it(tmp_path: Path) -> None:
    """Equal keys, one folder, whatever the order of what they are made of."""
    folder = arrow.folder_of("features", {"a": 1, "b": 2}, cache=tmp_path)
    assert folder == arrow.folder_of("features", {"b": 2, "a": 1}, cache=tmp_path)
    assert folder.parent == tmp_path / "features"
    assert files.read_json(folder / "key.json", made_by="nobody") == {"a": 1, "b": 2}
    assert arrow.folder_of("features", {"a": 2, "b": 2}, cache=tmp_path) != folder
