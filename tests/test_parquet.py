"""Parquet files as tables."""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from frostline import parquet


def test_a_process_that_reads_parquet_ends_well(tmp_path: Path) -> None:
    """Of fifteen that end right after, each with 0; with threads of Arrow's one in five was aborted."""
    pq.write_table(pa.table({"a": [1], "b": ["x"]}), tmp_path / "x.parquet")
    assert parquet.read(tmp_path / "x.parquet").to_pylist() == [{"a": 1, "b": "x"}]
    content = (tmp_path / "x.parquet").read_bytes()
    assert parquet.read(content, columns=["b"]).to_pylist() == [{"b": "x"}]
    code = "from pathlib import Path; from frostline import parquet; parquet.read(Path('x.parquet'))"
    ended = [subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=False) for _ in range(15)]
    assert {each.returncode for each in ended} == {0}
