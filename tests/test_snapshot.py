"""One table kept from run to run: replaced as a whole, nothing where it is damaged."""

from pathlib import Path

import pyarrow as pa

from frostline.snapshot import Snapshot
from helpers.remarks import flip, remarks

SCHEMA = pa.schema([("number", pa.int64())])


def kept(cache: Path, **key: object) -> Snapshot:
    return Snapshot("numbers", {"of": "a test", **key}, cache=cache, schema=SCHEMA)


def table(*numbers: int) -> pa.Table:
    return pa.table({"number": list(numbers)}, schema=SCHEMA)


def test_the_last_table_is_read(tmp_path: Path) -> None:
    """Another takes its place, a key its own; before the first there is none."""
    assert kept(tmp_path).read() is None
    kept(tmp_path).write(table(1, 2))
    kept(tmp_path).write(table(3))
    kept(tmp_path).write(table(3))
    assert kept(tmp_path).read() == table(3)
    assert kept(tmp_path, other=True).read() is None
    assert len(list(tmp_path.rglob("*.arrow"))) == 1


def test_a_damaged_table_is_none(tmp_path: Path) -> None:
    """It is deleted, and that is said."""
    kept(tmp_path).write(table(*range(1000)))
    [file] = tmp_path.rglob("*.arrow")
    flip(file, 4000)
    with remarks() as lines:
        assert kept(tmp_path).read() is None
    assert [file.name in line for line in lines] == [True]
    assert not file.exists()
