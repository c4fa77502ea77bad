"""The journal: shards whole or absent, one job at a time, taken up only by the same job."""

import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.errors import FrostlineError, InputError
from frostline.features.executor import Item
from frostline.scoring import journal, output_paths
from frostline.scoring.journal import Journal, discard, open_journal
from frostline.scoring.output_paths import parts
from frostline.scoring.rows import FINGERPRINT
from helpers.remarks import flip, remarks

SAME = {"model": "m", "top_k": 3}


def table(start: int, count: int, mark: str = "1-1") -> pa.Table:
    """Rows of numbered names."""
    names = [f"{number}.png" for number in range(start, start + count)]
    return pa.table({"path": names, FINGERPRINT: [mark] * count})


def items(count: int, mark: str = "1-1") -> Iterator[Item]:
    """Numbered items."""
    for number in range(count):
        yield Item(f"{number}.png", lambda: b"", functools.partial(str, mark))


def names(shards: Journal) -> list[str]:
    """All names in the shards."""
    return [name for each in shards.tables() for name in each["path"].to_pylist()]


def begun(out: Path, count: int = 10) -> Path:
    """An interrupted job of some rows; its folder."""
    with open_journal(out, SAME, resume=False) as shards:
        shards.add(table(0, count))
        shards.flush()
    return parts(out)


@given(sizes=st.lists(st.integers(1, 9), max_size=12), limit=st.integers(1, 12), ends=st.integers(0, 12))
def test_rows_come_back_in_order_whatever_the_shards(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int, ends: int
) -> None:
    """Interrupted after any table, the rows that were flushed are there, in order, once."""
    out = tmp_path_factory.mktemp("job") / "scores.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal, "SHARD_ROWS", limit)
        at = 0
        for turn in (sizes[:ends], sizes[ends:]):
            with open_journal(out, SAME, resume=True) as shards:
                assert shards.done == at
                for size in turn:
                    shards.add(table(at, size))
                    at += size
                shards.flush()
        with open_journal(out, SAME, resume=True) as shards:
            assert names(shards) == [f"{number}.png" for number in range(at)]


def test_a_shard_is_one_batch(tmp_path: Path) -> None:
    """However few rows came at once: a batch of a few rows costs more to read than to hold."""
    with open_journal(tmp_path / "scores.csv", SAME, resume=False) as shards:
        for at in range(0, 40, 4):
            shards.add(table(at, 4))
        shards.flush()
        [read] = shards.tables()
        assert (len(read), read["path"].num_chunks) == (40, 1)


def test_a_second_job_is_refused_and_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    """While one process holds the output, another is told which; a killed one holds nothing."""
    out = tmp_path / "scores.csv"
    code = (
        "import pathlib, sys; from frostline.scoring.journal import open_journal\n"
        "with open_journal(pathlib.Path(sys.argv[1]), {}, resume=False): print('mine', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, out], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "mine\n"
        with (
            pytest.raises(FrostlineError, match=rf"another job \(process {other.pid}\) is writing into"),
            open_journal(out, {}, resume=True),
        ):
            pass
        other.kill()
    with open_journal(out, {}, resume=True) as shards:
        assert shards.done == 0


@pytest.mark.parametrize(
    ("identity", "resume", "message"),
    [
        (SAME, False, "holds 10 finished rows of a job that was interrupted; go on with --resume, or"),
        ({**SAME, "model": "n"}, True, "holds 10 rows of a job with another model; run it as"),
        ({"model": "m", "top_k": 1, "more": 1}, True, "a job with another more, top_k; run it as"),
    ],
)
def test_only_the_same_job_goes_on(
    tmp_path: Path, identity: dict[str, Any], resume: bool, message: str
) -> None:
    """Anything else is one line, and the rows stay."""
    out = tmp_path / "scores.csv"
    begun(out)
    with (
        pytest.raises(InputError, match=message) as caught,
        open_journal(out, identity, resume=resume),
    ):
        pass
    assert "\n" not in str(caught.value)
    with open_journal(out, SAME, resume=True) as shards:
        assert shards.done == 10


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (items(9), "'9.png' is gone; its 10 finished rows are kept"),
        (items(20, "2-2"), "'0.png' has another content or time"),
        (iter([*items(3), Item("new.png", lambda: b""), *items(9)]), "'3.png' is now new.png"),
    ],
)
def test_a_changed_source_is_said(tmp_path: Path, now: Iterator[Item], message: str) -> None:
    """The first difference among the finished rows, and what to do."""
    out = tmp_path / "scores.csv"
    begun(out)
    with open_journal(out, SAME, resume=True) as shards, pytest.raises(InputError, match=message):
        shards.without_rows(now)


def test_skipping_leaves_what_has_no_row(tmp_path: Path) -> None:
    """The next item is the first without a row."""
    out = tmp_path / "scores.csv"
    begun(out)
    with open_journal(out, SAME, resume=True) as shards:
        left = shards.without_rows(items(12))
        assert [each.name for each in left] == ["10.png", "11.png"]


@pytest.mark.parametrize("damage", ["cut", "gone", "half"])
def test_what_follows_a_damaged_shard_is_scored_again(tmp_path: Path, damage: str) -> None:
    """Rows after a gap are dropped, not put in the wrong place; files half written are swept."""
    out = tmp_path / "scores.csv"
    with open_journal(out, SAME, resume=False) as shards:
        for start in (0, 5, 10):
            shards.add(table(start, 5))
            shards.flush()
    second = sorted(parts(out).glob("*.arrow"))[1]
    content = second.read_bytes()
    second.unlink()
    if damage == "cut":
        second.write_bytes(content[:-9])
    elif damage == "half":
        second.with_name(f".deadbeef.{second.name}").write_bytes(content[:99])
    with open_journal(out, SAME, resume=True) as shards:
        assert names(shards) == [f"{number}.png" for number in range(5)]
        shards.add(table(5, 2))
        shards.flush()
        assert names(shards) == [f"{number}.png" for number in range(7)]
    assert len(list(parts(out).rglob("*.arrow"))) == 2


def three_shards(out: Path) -> list[Path]:
    """An interrupted job of three shards of five rows; their files."""
    with open_journal(out, SAME, resume=False) as shards:
        for start in (0, 5, 10):
            shards.add(table(start, 5))
            shards.flush()
    return sorted(parts(out).glob("*.arrow"))


@given(st.data())
def test_a_flipped_bit_is_scored_again(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Wherever it is in a shard, none of its rows and none after it are taken, and that is said."""
    out = tmp_path_factory.mktemp("job") / "scores.csv"
    number = data.draw(st.integers(0, 2))
    shard = three_shards(out)[number]
    flip(shard, data.draw(st.integers(0, shard.stat().st_size - 1)), data.draw(st.integers(0, 7)))
    with remarks() as lines, open_journal(out, SAME, resume=True) as shards:
        assert names(shards) == [f"{each}.png" for each in range(5 * number)]
    assert [f"rows from {5 * number} on are scored anew" in line for line in lines] == [True]


def test_a_bit_that_flips_while_the_job_runs_ends_it(tmp_path: Path) -> None:
    """Before the rows become the output: one line, what is whole is kept, and the job can go on."""
    out = tmp_path / "scores.csv"
    second = three_shards(out)[1]

    def merging() -> None:
        with open_journal(out, SAME, resume=True) as shards:
            flip(second, 700)
            names(shards)

    with pytest.raises(
        FrostlineError, match=r"^rows from 5 on .* damaged .*; 5 finished rows are kept, go on with --resume$"
    ):
        merging()
    with open_journal(out, SAME, resume=True) as shards:
        assert (shards.done, len(names(shards))) == (5, 5)


def test_shards_of_an_older_version_are_taken(tmp_path: Path) -> None:
    """Their names hold no checksum; the rows count."""
    out = tmp_path / "scores.csv"
    for shard in three_shards(out):
        shard.rename(shard.with_name("-".join(shard.stem.split("-")[:2]) + ".arrow"))
    with open_journal(out, SAME, resume=True) as shards:
        assert len(names(shards)) == 15


def test_what_a_kill_left_half_written_is_swept(tmp_path: Path) -> None:
    """Of each file that a job writes under its output's name, and of no other output's."""
    out, others = (
        tmp_path / "a[1].csv",
        {tmp_path / ".0123abcd.a[1].csv.txt", tmp_path / ".0123abcd.b.csv.job.json"},
    )
    written = [out, output_paths.job_file(out), output_paths.drift_file(out), output_paths.drift_page(out)]
    for path in [*others, *(each.with_name(f".0123abcd.{each.name}") for each in written)]:
        path.touch()
    with open_journal(out, SAME, resume=True):
        assert {path for path in tmp_path.iterdir() if path.is_file()} == others


def test_a_job_that_fails_before_its_first_row_leaves_nothing(tmp_path: Path) -> None:
    """No folder to wonder about."""
    with pytest.raises(KeyError), open_journal(tmp_path / "scores.csv", SAME, resume=False):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_what_was_held(tmp_path: Path) -> None:
    """Rows that were taken are written before the job ends, and the message says how to go on."""
    out = tmp_path / "scores.csv"

    def failing() -> None:
        with open_journal(out, SAME, resume=False) as shards:
            shards.add(table(0, 3))
            raise FrostlineError("out of luck")

    with pytest.raises(FrostlineError, match="out of luck; 3 finished rows are kept, go on with --resume"):
        failing()
    with open_journal(out, SAME, resume=True) as shards:
        assert names(shards) == ["0.png", "1.png", "2.png"]


def test_discarding_leaves_nothing(tmp_path: Path) -> None:
    """Neither the folder nor what a kill in the middle of removing would leave."""
    out = tmp_path / "scores.csv"
    left = tmp_path / ".deadbeef.scores.csv.done"
    left.mkdir()
    (left / "x.arrow").write_bytes(b"x")
    (tmp_path / ".deadbeef.scores.csv").write_bytes(b"half")
    (tmp_path / ".deadbeef.others.csv").write_bytes(b"another job's")
    with open_journal(out, SAME, resume=False) as shards:
        shards.add(table(0, 3))
        shards.flush()
        discard(shards, out)
    assert [path.name for path in tmp_path.iterdir()] == [".deadbeef.others.csv"]
