"""Every image looked at once: the pool, the cache, what is decoded again and what is not."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from frostline.datasets import scan, stats_cache
from frostline.datasets.image_stats import ImageStats, stats_of_all
from frostline.datasets.source import open_source
from frostline.features import inventory
from frostline.files import sha256
from helpers.images import crashing, encoded, folder
from helpers.remarks import flip, remarks


@pytest.fixture(autouse=True)
def decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that were decoded in this process, in order; the cache is the test's own."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    seen: list[bytes] = []

    def noted(contents: list[bytes], measure: bool) -> list[ImageStats]:
        seen.extend(contents)
        return stats_of_all(contents, measure)

    monkeypatch.setattr(scan, "stats_of_all", noted)
    return seen


def scanned(root: Path) -> tuple[list[str], scan.Scans]:
    with open_source(root) as source:
        return source.names(), scan.scan(source, source.names(), measure=True)


def test_rows_are_beside_their_names(tmp_path: Path) -> None:
    """Sizes, hashes and reasons in the source's order, whatever lies between."""
    files = {f"{n:02}.png": encoded(n, height=20 + n, width=50 - n) for n in range(20)}
    files |= {"05.png": files["05.png"][:-30], "11.png": b""}
    root = folder(tmp_path / "x", files)
    (root / "03x.png").symlink_to("nowhere")
    names, scans = scanned(root)
    reasons = dict(zip(names, scans.table["reason"].to_pylist(), strict=True))
    assert {name: reason for name, reason in reasons.items() if reason} == {
        "03x.png": "cannot be read: No such file or directory",
        "05.png": "truncated PNG",
        "11.png": "empty file",
    }
    for row, name in enumerate(names):
        if not reasons[name]:
            assert (scans.column("height")[row], scans.column("width")[row]) == (
                20 + int(name[:2]),
                50 - int(name[:2]),
            )
            assert scans.sha256[row] == sha256(files[name])
            assert scans.bytes[row] == len(files[name])
    assert scans.thumbnails([0, 7]).shape == (2, 64, 64)


def test_only_what_is_new_is_decoded(tmp_path: Path, decoded: list[bytes]) -> None:
    """A second scan decodes nothing; one image more, one; a renamed one, nothing. The rows are equal."""
    root = folder(tmp_path / "x", {f"{n}.png": encoded(n) for n in range(9)})
    first = scanned(root)[1]
    assert len(decoded) == 9
    again = scanned(root)[1]
    assert (len(decoded), again.table) == (9, first.table)
    folder(root, {"new.png": encoded(100)})
    (root / "3.png").rename(root / "33.png")
    scanned(root)
    assert decoded[9:] == [encoded(100)]


@pytest.mark.parametrize("remembered", [1, 2, 100])
def test_copies_are_decoded_once(
    tmp_path: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch, remembered: int
) -> None:
    """However far apart they lie, in the first scan already, with the cache in between; each has its row."""
    monkeypatch.setattr(scan, "_BATCH", 2)
    monkeypatch.setattr(scan, "_ASKED", remembered)
    files = {f"{n:02}.png": encoded(n % 9) for n in range(27)}
    scans = scanned(folder(tmp_path / "x", files))[1]
    assert sorted(decoded) == sorted(encoded(n) for n in range(9))
    assert list(scans.sha256) == [sha256(content) for content in files.values()]


def test_nothing_can_be_read(tmp_path: Path) -> None:
    """All links lead to a disk that is not there, and the cache is empty: every row has its reason."""
    root = folder(tmp_path / "x", {})
    root.mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        (root / name).symlink_to("nowhere")
    scans = scanned(root)[1]
    assert scans.table["reason"].to_pylist() == ["cannot be read: No such file or directory"] * 2
    assert list(scans.sha256) == ["", ""]


def test_digests_read_as_their_text() -> None:
    """Zeros at the end are theirs; nothing is no text; what is left out is nothing, in the copy only."""
    some = [bytes(range(32)), b"\x01" + bytes(31), b"", b"\xff" * 32]
    hexes = stats_cache.Hexes(np.array(some, "S32"))
    wanted = [each.hex() for each in some]
    assert [list(hexes), len(hexes), list(hexes[1:3])] == [wanted, 4, wanted[1:3]]
    assert list(hexes.without({0, 3})) == ["", wanted[1], "", ""]
    assert list(hexes) == wanted


def test_a_damaged_cache_costs_only_time(tmp_path: Path, decoded: list[bytes]) -> None:
    """A file cut off is as if it were not there, is found by its name, and is whole after the next scan."""
    root = folder(tmp_path / "x", {f"{n}.png": encoded(n) for n in range(5)})
    first = scanned(root)[1]
    [file] = (tmp_path / "cache/image_stats").rglob("*.arrow")
    os.truncate(file, file.stat().st_size // 2)
    assert [each.path for each in inventory.damaged(tmp_path / "cache")] == [file]
    assert scanned(root)[1].table == first.table
    assert len(decoded) == 10
    assert list(inventory.damaged(tmp_path / "cache")) == []


@pytest.mark.parametrize("place", [0.1, 0.3, 0.5, 0.7, 0.9, 0.995])
def test_a_flipped_bit_costs_only_time(tmp_path: Path, decoded: list[bytes], place: float) -> None:
    """In a picture, a measure, a reason or the end of the file: measured anew, and said."""
    root = folder(tmp_path / "x", {f"{n}.png": encoded(n) for n in range(5)} | {"no.png": b"\x89PNG"})
    first = scanned(root)[1]
    pictures = first.thumbnails(range(5))
    [file] = (tmp_path / "cache/image_stats").rglob("*.arrow")
    flip(file, int(place * file.stat().st_size), bit=5)
    with remarks() as lines:
        again = scanned(root)[1]
    assert again.table == first.table
    np.testing.assert_array_equal(again.thumbnails(range(5)), pictures)
    assert len(decoded) == 12
    assert [file.name in line for line in lines if "damaged" in line] == [True]


def test_a_thumbnail_is_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else the cache holds, and in however many files: one thumb costs one thumb's memory."""
    monkeypatch.setattr(stats_cache, "ROWS", 512)
    store = stats_cache.StatsCache(measure=True)
    digests = [bytes.fromhex(sha256(b"%d" % number)) for number in range(4096)]
    for number, digest in enumerate(digests):
        store.add([digest], [ImageStats(thumbnail=bytes([number % 256]) * 64 * 64)])
    store.flush()
    store.refresh()
    usual, counted = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(counted)
    try:
        shown = store.thumbnails(store.find(np.array([digests[700], digests[3]], "S32")))
    finally:
        pa.set_memory_pool(usual)
    assert shown.shape == (2, 64, 64)
    assert shown[:, 0, 0].tolist() == [700 % 256, 3]
    assert counted.max_memory() < 2**20


def test_without_measures_no_pictures_are_kept() -> None:
    """An image without measures costs the disk a line, not an empty thumbnail."""
    store = stats_cache.StatsCache(measure=False)
    digests = [bytes.fromhex(sha256(b"%d" % number)) for number in range(1000)]
    store.add(digests, [ImageStats(height=number, format="PNG") for number in range(1000)])
    store.flush()
    store.refresh()
    [file] = stats_cache.paths.cache().glob("image_stats/*/*.arrow")
    assert file.stat().st_size < 100 * 1000
    wanted = np.array([digests[7], digests[3]], "S32")
    assert store.rows(store.find(wanted))["height"].to_pylist() == [7, 3]


def test_what_was_written_before_a_kill_counts(
    tmp_path: Path, decoded: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was measured reaches the disk as it gathers, so that a run that dies goes on where it was."""
    monkeypatch.setattr(stats_cache, "ROWS", 4)
    monkeypatch.setattr(scan, "_BATCH", 2)
    root = folder(tmp_path / "x", {f"{n}.png": encoded(n) for n in range(30)})
    with open_source(root) as source:
        read = source.read

        def dies(name: str) -> bytes:
            if name == "7.png":
                raise KeyboardInterrupt
            return read(name)

        monkeypatch.setattr(source, "read", dies)
        with pytest.raises(KeyboardInterrupt):
            scan.scan(source, source.names(), measure=True)
    before = len(decoded)
    assert before > 8
    scanned(root)
    assert 30 <= len(decoded) <= 30 + 12  # what waited, and what was under way


@pytest.mark.slow
def test_a_pool_gives_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other processes, the same table."""
    root = folder(tmp_path / "x", {f"{n}.png": encoded(n) for n in range(40)} | {"z.png": b"no"})
    here = scanned(root)[1]
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "other"))
    monkeypatch.setattr(scan, "_WORTH_A_POOL", 1)
    monkeypatch.setattr(scan, "stats_of_all", stats_of_all)
    assert scanned(root)[1].table == here.table


@pytest.mark.slow
def test_a_file_that_kills_the_decoder_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on, the others are whole."""
    root = folder(tmp_path / "x", {f"{n}.png": encoded(n) for n in range(6)} | {"3x.png": b"deadly"})
    monkeypatch.setattr(scan, "_WORTH_A_POOL", 1)
    monkeypatch.setattr(scan, "stats_of_all", crashing)
    names, scans = scanned(root)
    reasons = dict(zip(names, scans.table["reason"].to_pylist(), strict=True))
    assert {name: reason for name, reason in reasons.items() if reason} == {
        "3x.png": "damaged: the decoder crashed on it"
    }
