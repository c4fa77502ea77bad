"""The cache's inventory: what is there, what goes first, what is damaged; and no harm to those at work."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline import arrow, files
from frostline.errors import InputError
from frostline.features import inventory
from frostline.store import Store

IDS = [files.sha256(str(number).encode()) for number in range(40)]
WIDTH = 250  # float32: 1,000 bytes a row


def rows(ids: list[str]) -> np.ndarray:
    """The rows of ids, (n, 250): each its own number throughout."""
    return np.repeat(np.array([int(each[:6], 16) for each in ids], np.float32)[:, None], WIDTH, axis=1)


def store(cache: Path, key: str = "one", kind: str = "features") -> Store:
    """A store of such rows under a key with its note."""
    files.write_json(cache / kind / key / "key.json", {"backbone": "vgg19", "cut": key})
    return Store(cache / kind / key, shape=(WIDTH,), dtype="float32")


def filled(cache: Path, key: str = "one", *, count: int = 4, each: int = 10, age: float = 0) -> Store:
    """A store with `count` files of `each` rows, last used `age` seconds ago, a second apart."""
    made = store(cache, key)
    for number in range(count):
        ids = IDS[number * each : (number + 1) * each]
        made.append(ids, rows(ids))
        (new,) = set(made.folder.glob("*.arrow")) - {
            path for path in made.folder.glob("*.arrow") if dated(path)
        }
        when = time.time() - age - 1000 + number
        os.utime(new, (when, when))
    return made


def dated(path: Path) -> bool:
    """Whether a file has been given its time already."""
    return path.stat().st_mtime < time.time() - 500


def test_entries_say_what_is_there(tmp_path: Path) -> None:
    """Rows, files and bytes by key, the largest first."""
    filled(tmp_path, "small", count=1)
    filled(tmp_path, "large", count=3)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "m.onnx").write_bytes(bytes(77))
    found = inventory.entries(tmp_path)
    assert [(entry.kind, entry.key, entry.rows, entry.files) for entry in found] == [
        ("features", "large", 30, 3), ("features", "small", 10, 1), ("models", "m.onnx", None, 1),
    ]  # fmt: skip
    assert found[0].bytes == sum(path.stat().st_size for path in tmp_path.glob("features/large/*.arrow"))
    assert found[2].bytes == 77


def test_entries_say_what_they_are_made_of(tmp_path: Path) -> None:
    """The key that the folder is named by; nothing where the description is another's."""
    key = {"backbone": "vgg19", "cut": "large"}
    store_of_key = Store(arrow.folder_of("features", key, cache=tmp_path), shape=(WIDTH,), dtype="float32")
    store_of_key.append(IDS, rows(IDS))
    filled(tmp_path, "small", count=1)
    assert [entry.made_of for entry in inventory.entries(tmp_path)] == [key, {}]


def test_an_absent_cache_is_empty(tmp_path: Path) -> None:
    """Nothing there is nothing held, nothing pruned, nothing damaged."""
    nowhere = tmp_path / "nowhere"
    assert (inventory.entries(nowhere), inventory.prune(nowhere, limit=0)) == ([], [])
    assert list(inventory.damaged(nowhere)) == []


@given(limit=st.integers(0, 90_000), order=st.permutations(range(4)))
def test_prune_keeps_the_latest_within_the_limit(
    tmp_path_factory: pytest.TempPathFactory, limit: int, order: list[int]
) -> None:
    """What stays fits, is what was used last, and could not be more."""
    cache = tmp_path_factory.mktemp("cache")
    made = filled(cache)
    paths = sorted(made.folder.glob("*.arrow"), key=lambda path: path.stat().st_mtime)
    for number, place in enumerate(order):
        os.utime(paths[place], (1_000_000 + number, 1_000_000 + number))
    by_use, sizes = [paths[place] for place in order], {path: path.stat().st_size for path in paths}
    gone = inventory.prune(cache, limit=limit)
    left = by_use[len(gone) :]
    assert [each.path for each in gone] == by_use[: len(gone)]
    assert sorted(made.folder.glob("*.arrow")) == sorted(left)
    assert sum(sizes[path] for path in left) <= limit
    if gone:
        assert sum(sizes[path] for path in left) + gone[-1].bytes > limit


def test_prune_by_age_empties_folders(tmp_path: Path) -> None:
    """What was not used since goes, its key's folder with it; the rest stays whole."""
    filled(tmp_path, "old", age=50_000)
    young = filled(tmp_path, "young")
    gone = inventory.prune(tmp_path, unused_since=time.time() - 20_000)
    assert len(gone) == 4
    assert [path.name for path in (tmp_path / "features").iterdir()] == ["young"]
    np.testing.assert_array_equal(young.rows(IDS)[:], rows(IDS))


def test_reading_is_use(tmp_path: Path) -> None:
    """Rows that were asked for outlive those that were not, whichever was written last."""
    made = filled(tmp_path)
    first = made.rows(IDS[:10])
    inventory.prune(tmp_path, limit=11_500)
    again = Store(made.folder, shape=(WIDTH,), dtype="float32")
    assert again.missing(IDS) == IDS[10:]
    np.testing.assert_array_equal(first[:], rows(IDS[:10]))


def test_mapped_rows_outlive_their_files(tmp_path: Path) -> None:
    """A training goes on with the rows that it has, when all is pruned under it."""
    held = filled(tmp_path).rows(IDS)
    inventory.prune(tmp_path, limit=0)
    assert not list(tmp_path.rglob("*.arrow"))
    np.testing.assert_array_equal(held[:], rows(IDS))


def test_half_written_files_go(tmp_path: Path) -> None:
    """What a killed writer left is swept; what one is writing now is not."""
    folder = store(tmp_path).folder
    (folder / ".01234567.dead.arrow").write_bytes(b"half")
    other = store(tmp_path, "two").folder
    with files.temporary(other / "alive.arrow") as alive:
        alive.write_bytes(b"half")
        inventory.prune(tmp_path, limit=0)
        assert [path.name for path in other.glob(".*")] == [alive.name]
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("place", [0, 300, -1])
def test_one_bit_is_damage(tmp_path: Path, place: int) -> None:
    """A file whose bytes changed on disk is named, wherever it happened; the others are not."""
    made = filled(tmp_path)
    victim = sorted(made.folder.glob("*.arrow"))[2]
    content = bytearray(victim.read_bytes())
    content[place] ^= 4
    victim.write_bytes(content)
    assert [each.path for each in inventory.damaged(tmp_path)] == [victim]


@pytest.mark.parametrize(
    ("text", "count"),
    [("20GB", 20 * 10**9), ("512 MiB", 512 * 2**20), ("1.5tb", 1_500_000_000_000), ("77", 77), ("3kb", 3000)],
)
def test_sizes(text: str, count: int) -> None:
    """Sizes as people write them."""
    assert inventory.parse_size(text, what="--limit") == count


@pytest.mark.parametrize("text", ["", "much", "-3GB", "20 G B", "GB", "1e9"])
def test_what_is_no_size(text: str) -> None:
    """Anything else is refused with how to write it."""
    with pytest.raises(InputError, match=r"^--limit: .* is no size; write it like 20GB or 512MiB$"):
        inventory.parse_size(text, what="--limit")


def test_the_limit_spares_the_job_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others' rows go first; the job's own stay even where they are too many, and that is said."""
    monkeypatch.setenv(inventory.LIMIT, "15kB")
    filled(tmp_path, "old", count=2)
    since = time.time() - 1
    own = store(tmp_path, "own")
    own.append(IDS[:10], rows(IDS[:10]))
    assert inventory.keep_limit(tmp_path, since=since) == ""
    assert [entry.key for entry in inventory.entries(tmp_path)] == ["own"]
    own.append(IDS[10:20], rows(IDS[10:20]))
    assert "more than FROSTLINE_CACHE_LIMIT allows (0.00 GB)" in inventory.keep_limit(tmp_path, since=since)
    assert own.missing(IDS[:20]) == []


def test_without_a_limit_nothing_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is deleted that nobody asked to delete."""
    monkeypatch.delenv(inventory.LIMIT, raising=False)
    filled(tmp_path)
    assert inventory.keep_limit(tmp_path, since=time.time()) == ""
    assert inventory.entries(tmp_path)[0].files == 4


WORKER = """
import sys
from pathlib import Path
import numpy as np
from frostline.files import sha256
from frostline.store import Store

store = Store(Path(sys.argv[1]), shape=(250,), dtype="float32")
for round in range(30):
    ids = [sha256(str(n).encode()) for n in range(40)]
    for each in store.missing(ids):
        store.append([each], np.full((1, 250), int(each[:6], 16), np.float32))
    rows = store.rows(ids)[:]
    assert (rows == np.array([int(each[:6], 16) for each in ids], np.float32)[:, None]).all()
    store = Store(Path(sys.argv[1]), shape=(250,), dtype="float32")
print("done")
"""


def test_two_writers_and_a_pruner(tmp_path: Path) -> None:
    """Two processes fill and read one store while a third prunes all of it, over and over."""
    folder = store(tmp_path).folder
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(folder)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    pruned = 0
    while any(worker.poll() is None for worker in workers):
        pruned += len(inventory.prune(tmp_path, limit=20_000))
    assert [worker.communicate()[0] for worker in workers] == ["done\n", "done\n"]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert pruned > 0
