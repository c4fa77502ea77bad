"""Shards: rows by the names of their files, as far as they are whole and follow each other."""

from pathlib import Path

import pyarrow as pa
import pytest

from frostline.scoring import row_shards


def table(start: int, count: int) -> pa.Table:
    """Rows that say which they are."""
    return pa.table({"number": pa.array(range(start, start + count), pa.int64())})


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    """Five, three and four rows in a folder; their files."""
    for start, count in ((0, 5), (5, 3), (8, 4)):
        row_shards.write(tmp_path, table(start, count), start=start)
    return sorted(tmp_path.iterdir())


def test_rows_come_back(three: list[Path]) -> None:
    """In order, with their numbers of rows."""
    found = list(row_shards.whole(three[0].parent))
    assert found == list(zip(three, (5, 3, 4), strict=True))
    assert pa.concat_tables(row_shards.read(path) for path, _ in found).equals(table(0, 12))


@pytest.mark.parametrize("place", range(3))
def test_nothing_is_taken_after_a_gap(three: list[Path], place: int) -> None:
    """Where a shard is gone, those before it are whole."""
    three[place].unlink()
    assert [path for path, _ in row_shards.whole(three[0].parent)] == three[:place]


@pytest.mark.parametrize("place", range(3))
def test_other_bytes_are_no_shard(three: list[Path], place: int) -> None:
    """A file that is shorter, or has another content, ends what is whole."""
    content = three[place].read_bytes()
    for damaged in (content[:-1], bytes([content[0] ^ 1]) + content[1:], b""):
        three[place].write_bytes(damaged)
        assert [path for path, _ in row_shards.whole(three[0].parent)] == three[:place]


def test_equal_rows_are_equal_bytes(tmp_path: Path) -> None:
    """And so is the name."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        row_shards.write(tmp_path / name, table(7, 9), start=7)
    (one,), (other,) = ((tmp_path / name).iterdir() for name in ("one", "other"))
    assert (one.name, one.read_bytes()) == (other.name, other.read_bytes())
