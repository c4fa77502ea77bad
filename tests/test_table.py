"""Tables: Arrow as it is, pandas where there is one, and whatever else speaks Arrow."""

import subprocess
import sys

import pyarrow as pa
import pytest

from frostline.table import Table

ROWS = pa.table({"path": ["a", "b"], "prob": pa.array([0.5, None], pa.float32())})


def test_rows() -> None:
    """Length, columns and both forms are those of the Arrow table."""
    table = Table(ROWS)
    assert (len(table), table.columns) == (2, ("path", "prob"))
    assert table.arrow is ROWS
    assert table["path"].to_pylist() == ["a", "b"]
    assert table.to_pandas()["path"].tolist() == ["a", "b"]
    assert pa.table(table).equals(ROWS)
    assert "2 rows" in repr(table)
    with pytest.raises(KeyError):
        table["none"]


def test_without_pandas() -> None:
    """One line that says what to do, where pandas is not installed."""
    code = (
        "import importlib.util as u; find = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'pandas' else find(name, *rest)\n"
        "import pyarrow as pa; from frostline.table import Table; from frostline import FrostlineError\n"
        "try: Table(pa.table({'a': [1]})).to_pandas()\n"
        "except FrostlineError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install pandas" in done.stdout
