"""The store: rows come back whole and right, whoever wrote them and however they were stopped."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline import store as stores
from frostline import system
from frostline.files import sha256
from frostline.store import Store
from helpers.remarks import flip, remarks

SHAPE = (3, 5)
IDS = [sha256(str(number).encode()) for number in range(12)]


def row(each: str) -> np.ndarray:
    """The one row that belongs to an id."""
    return np.random.default_rng(int(each[:8], 16)).normal(size=SHAPE).astype(np.float32)


def table(ids: list[str]) -> np.ndarray:
    """The rows of ids, (n, 3, 5)."""
    return np.stack([row(each) for each in ids]) if ids else np.empty((0, *SHAPE), np.float32)


def store(folder: Path) -> Store:
    """A store of those rows."""
    return Store(folder, shape=SHAPE, dtype="float32")


def filled(folder: Path, ids: list[str] = IDS) -> Store:
    """A store that holds rows."""
    made = store(folder)
    made.append(ids, table(ids))
    return made


APPENDS = st.lists(st.tuples(st.booleans(), st.lists(st.sampled_from(IDS), unique=True)), max_size=8)


@given(APPENDS, st.lists(st.sampled_from(IDS)))
def test_any_appends_any_reads(
    tmp_path_factory: pytest.TempPathFactory, appends: list[tuple[bool, list[str]]], asked: list[str]
) -> None:
    """Two stores on one folder, appends in any order and overlapping: each sees all, in any order asked."""
    folder = tmp_path_factory.mktemp("store")
    stores = {False: store(folder), True: store(folder)}
    known: set[str] = set()
    for which, ids in appends:
        stores[which].append(ids, table(ids))
        known |= set(ids)
        for each in stores.values():
            assert each.missing(asked) == [one for one in dict.fromkeys(asked) if one not in known]
    there = [one for one in asked if one in known]
    for each in (*stores.values(), store(folder)):
        assert each.missing(asked) == [one for one in dict.fromkeys(asked) if one not in known]
        if there:
            rows = each.rows(there)
            assert len(rows) == len(there)
            np.testing.assert_array_equal(rows[:], table(there))
            np.testing.assert_array_equal(rows[::-1], table(there)[::-1])


@pytest.mark.parametrize(
    "chosen", [slice(2, 9, 3), [5, 5, 0], np.array([11, 0, 7]), np.arange(12) % 3 == 0, []]
)
def test_indexing_is_numpys(tmp_path: Path, chosen: object) -> None:
    """Slices, index arrays and masks across several files give what an array would."""
    made = filled(tmp_path, IDS[:4])
    made.append(IDS[4:], table(IDS[4:]))
    chosen = np.array(chosen, int) if isinstance(chosen, list) else chosen
    np.testing.assert_array_equal(made.rows(IDS)[chosen], table(IDS)[chosen])


@pytest.mark.parametrize(
    ("shape", "dtype"), [((), "float32"), ((7,), "uint8"), ((4, 6, 3), "uint8"), ((2,), "<f8")]
)
def test_shapes_and_types(tmp_path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """Rows of any shape and type come back as they went in."""
    rows = (np.random.default_rng(1).normal(size=(12, *shape)) * 50).astype(dtype)
    made = Store(tmp_path, shape=shape, dtype=dtype)
    made.append(IDS, rows)
    found = Store(tmp_path, shape=shape, dtype=dtype).rows(IDS[::-1])[:]
    assert found.dtype == rows.dtype
    np.testing.assert_array_equal(found, rows[::-1])


def test_what_is_read_is_a_copy(tmp_path: Path) -> None:
    """Changing what came out changes nothing that is stored."""
    rows = filled(tmp_path).rows(IDS)
    rows[:2][:] = 0
    np.testing.assert_array_equal(rows[:], table(IDS))


def test_rows_stay_valid_while_more_is_written(tmp_path: Path) -> None:
    """A view holds on to its rows when others append, and even when the folder is emptied."""
    made = filled(tmp_path, IDS[:5])
    rows = made.rows(IDS[:5])
    made.append(IDS[5:], table(IDS[5:]))
    made.rows(IDS)
    for path in tmp_path.iterdir():
        path.unlink()
    np.testing.assert_array_equal(rows[:], table(IDS[:5]))
    assert store(tmp_path).missing(IDS) == IDS


def test_not_stored(tmp_path: Path) -> None:
    """An id without a row is a KeyError, never another row."""
    with pytest.raises(KeyError):
        filled(tmp_path, IDS[:3]).rows(IDS[:4])


@pytest.mark.parametrize(("count", "shape"), [(2, SHAPE), (3, (5, 3)), (3, (3,)), (3, (3, 5, 1))])
def test_rows_that_do_not_fit(tmp_path: Path, count: int, shape: tuple[int, ...]) -> None:
    """A wrong number or shape of rows is refused, and nothing is written."""
    made = store(tmp_path)
    with pytest.raises(ValueError, match=r"rows of shape .* for 3 ids"):
        made.append(IDS[:3], np.zeros((count, *shape), np.float32))
    assert list(tmp_path.iterdir()) == []


@given(st.data())
def test_a_truncated_file_holds_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut anywhere, a file is passed over; the rows of the others are there."""
    folder = tmp_path_factory.mktemp("store")
    filled(folder, IDS[:5])
    (whole,) = folder.glob("*.arrow")
    content = whole.read_bytes()
    (folder / "0.arrow").write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    whole.unlink()
    filled(folder, IDS[5:])
    assert store(folder).missing(IDS) == IDS[:5]
    np.testing.assert_array_equal(store(folder).rows(IDS[5:])[:], table(IDS[5:]))


@given(st.data())
def test_a_flipped_bit_is_a_missing_row(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Wherever it is, what was in the file is missing and can be stored again; others stay.

    The file goes, which is said once, unless its bit says where the ids lie: then it holds rows of no known id.
    """
    folder = tmp_path_factory.mktemp("store")
    filled(folder, IDS[:5])
    (victim,) = folder.glob("*.arrow")
    filled(folder, IDS[4:])
    flip(victim, data.draw(st.integers(0, victim.stat().st_size - 1)), data.draw(st.integers(0, 7)))
    with remarks() as lines:
        made = store(folder)
        assert made.missing(IDS) == IDS[:4]
        assert made.missing(IDS) == IDS[:4]
    assert [victim.name in line for line in lines] == [True] * (not victim.exists())
    made.append(IDS[:4], table(IDS[:4]))
    for each in (made, store(folder)):
        np.testing.assert_array_equal(each.rows(IDS)[:], table(IDS))


def test_only_what_is_asked_for_is_read(tmp_path: Path) -> None:
    """Damage in a file whose rows nobody wants costs nothing and is found when somebody does."""
    filled(tmp_path, IDS[:5])
    (victim,) = tmp_path.glob("*.arrow")
    filled(tmp_path, IDS[5:])
    content = victim.read_bytes()
    victim.write_bytes(content.replace(row(IDS[0]).tobytes(), row(IDS[1]).tobytes()))
    made = store(tmp_path)
    with remarks() as lines:
        assert made.missing(IDS[5:]) == []
        assert lines == []
        assert made.missing(IDS[:1]) == IDS[:1]
    with pytest.raises(KeyError):
        made.rows(IDS[:1])


def test_what_cannot_be_deleted_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged file of somebody else's holds nothing either."""
    filled(tmp_path, IDS[:5])
    (victim,) = tmp_path.glob("*.arrow")
    flip(victim, -9)

    def refused(path: Path, **_: bool) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "unlink", refused)
    with remarks() as lines:
        made = store(tmp_path)
        assert made.missing(IDS[:5]) == made.missing(IDS[:5]) == IDS[:5]
    assert len(lines) == 1


def test_files_of_older_versions(tmp_path: Path) -> None:
    """Named by their SHA-256, they are checked by it and get the name of this version; damaged ones go."""
    for ids in (IDS[:5], IDS[5:8], IDS[8:]):
        filled(tmp_path, ids)
    names = {path.name for path in tmp_path.glob("*.arrow")}
    for path in list(tmp_path.glob("*.arrow")):
        path.rename(path.with_name(f"{sha256(path.read_bytes())[:32]}.arrow"))
    np.testing.assert_array_equal(store(tmp_path).rows(IDS)[:], table(IDS))
    assert {path.name for path in tmp_path.glob("*.arrow")} == names
    victim = min(tmp_path.glob("*.arrow"))
    flip(victim.rename(tmp_path / f"{sha256(victim.read_bytes())[:32]}.arrow"), -9)
    with remarks() as lines:
        assert len(store(tmp_path).missing(IDS)) in (3, 4, 5)
    assert len(lines) == 1


def files_in(folder: Path) -> int:
    """How many files of rows a folder holds."""
    return len(list(folder.glob("*.arrow")))


@pytest.mark.parametrize(("limit", "count"), [(1, 4), (2 * 60, 4), (5 * 60, 2), (10**6, 1)])
def test_appending_gathers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, count: int) -> None:
    """Blocks of three rows (60 bytes each) become files of at least the limit's size; all rows are there."""
    monkeypatch.setattr(stores, "FILE_BYTES", limit)
    made = store(tmp_path)
    with made.appending() as append:
        for start in range(0, 12, 3):
            append(IDS[start : start + 3], table(IDS[start : start + 3]))
    assert files_in(tmp_path) == count
    np.testing.assert_array_equal(store(tmp_path).rows(IDS)[:], table(IDS))


def test_appending_keeps_what_was_given_before_a_failure(tmp_path: Path) -> None:
    """An interrupted job has stored every row that it made."""

    def fail() -> None:
        with store(tmp_path).appending() as append:
            append(IDS[:5], table(IDS[:5]))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert store(tmp_path).missing(IDS) == IDS[5:]


def test_appending_nothing_writes_nothing(tmp_path: Path) -> None:
    """No rows, no file."""
    with store(tmp_path).appending():
        pass
    assert files_in(tmp_path) == 0


def foreign(width: int, kind: pa.DataType) -> bytes:
    """A complete Arrow file of some other table."""
    values = pa.array([bytes(width)] * 2, kind)
    content = pa.table({"id": pa.array([bytes(32)] * 2, pa.binary(32)), "row": values})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, content.schema) as writer:
        writer.write_table(content)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"ARROW1\0\0" + bytes(100) + b"ARROW1",
        np.random.default_rng(1).bytes(4096),
        foreign(59, pa.binary(59)),
        foreign(60, pa.binary()),
    ],
    ids=["empty", "garbage", "magic", "noise", "other width", "no width"],
)
def test_other_files_in_the_folder(tmp_path: Path, content: bytes) -> None:
    """Whatever lies beside the rows does not count and does not harm."""
    (tmp_path / "0.arrow").write_bytes(content)
    (tmp_path / "key.json").write_text("{}")
    (tmp_path / "folder.arrow").mkdir()
    made = filled(tmp_path)
    assert made.missing(IDS) == []
    np.testing.assert_array_equal(made.rows(IDS)[:], table(IDS))


WRITER = """
import sys
from pathlib import Path
import numpy as np
from frostline.files import sha256
from frostline.store import Store

folder, first, last, each = Path(sys.argv[1]), *map(int, sys.argv[2:])
store = Store(folder, shape=(400,), dtype="float32")
for start in range(first, last, each):
    numbers = range(start, min(start + each, last))
    rows = np.repeat(np.array(numbers, np.float32)[:, None], 400, axis=1)
    store.append([sha256(str(n).encode()) for n in numbers], rows)
    print(numbers[-1], flush=True)
"""


def writer(folder: Path, first: int, last: int, each: int) -> subprocess.Popen[str]:
    """A process that writes the rows first..last, `each` at a time, saying the last one written."""
    command = [sys.executable, "-c", WRITER, str(folder), str(first), str(last), str(each)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def found(folder: Path, count: int) -> list[int]:
    """The numbers below `count` whose rows are stored; each row must be right."""
    ids = {sha256(str(number).encode()): number for number in range(count)}
    made = Store(folder, shape=(400,), dtype="float32")
    missing = set(made.missing(ids))
    there = [each for each in ids if each not in missing]
    numbers = [ids[each] for each in there]
    if there:
        rows = made.rows(there)[:]
        np.testing.assert_array_equal(rows, np.repeat(np.array(numbers, np.float32)[:, None], 400, axis=1))
    return numbers


@pytest.mark.parametrize("after", [3, 17, 40])
def test_a_killed_writer(tmp_path: Path, after: int) -> None:
    """Killed in the middle of its work, all that it said it wrote is there, whole, and nothing else harms."""
    with writer(tmp_path, 0, 10**9, 50) as process:
        assert process.stdout is not None
        for _ in range(after):
            process.stdout.readline()
        process.kill()
        said = [int(line) for line in process.stdout.read().split()]
    at_least = max([50 * after, *(number + 1 for number in said)])
    numbers = found(tmp_path, at_least + 200)
    assert len(numbers) >= at_least
    assert len(numbers) % 50 == 0
    assert numbers == list(range(len(numbers)))


def test_what_a_killed_writer_left_goes(tmp_path: Path) -> None:
    """Half of a file under any name is swept when the next rows are stored, unless somebody is storing some."""
    for name in ("01234567.aa.arrow", "89abcdef.bb.onnx"):
        (tmp_path / f".{name}").write_bytes(b"half")
    with writer(tmp_path, 0, 10**9, 50) as process:
        assert process.stdout is not None
        for _ in range(9):
            process.stdout.readline()
        process.kill()
    filled(tmp_path)
    assert not list(tmp_path.glob(".*"))


def test_two_writers_at_once(tmp_path: Path) -> None:
    """Two processes write overlapping rows at the same time; all are there, each once."""
    with writer(tmp_path, 0, 600, 7) as one, writer(tmp_path, 400, 1000, 11) as other:
        for process in (one, other):
            process.communicate()
            assert process.returncode == 0
    assert found(tmp_path, 1000) == list(range(1000))


def test_rows_larger_than_memory_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much is read, little more of the files than the limit stays in this process' memory."""
    monkeypatch.setattr(stores, "RESIDENT_BYTES", 2**22)
    wide = Store(tmp_path, shape=(2**18,), dtype="float32")  # 1 MiB a row
    ids = [sha256(str(number).encode()) for number in range(96)]
    for start in range(0, len(ids), 8):
        wide.append(ids[start : start + 8], np.ones((8, 2**18), np.float32))
    rows = Store(tmp_path, shape=(2**18,), dtype="float32").rows(ids)
    before, most = system.resident_file_bytes(), 0
    for number in np.random.default_rng(3).permutation(len(ids)):
        assert rows[[number]].sum() == 2**18
        most = max(most, system.resident_file_bytes() - before)
    assert most < 2**25
