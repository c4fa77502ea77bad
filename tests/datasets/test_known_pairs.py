"""Near duplicates of a dataset that changes: the pairs are those of a search from scratch, the work is not."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.datasets import hash_search, near_duplicates
from frostline.datasets.known_pairs import NOTHING, KnownPairs, Likenesses, Searched, placed
from frostline.datasets.stats_cache import Hexes

SCENES = 6


@dataclass(frozen=True)
class Image:
    """What the search sees of an image: windows' hashes and a thumbnail, of its content alone."""

    digest: bytes
    hashes: np.ndarray
    thumbnail: np.ndarray


def image(number: int) -> Image:
    """One of many images of few scenes: hashes of a scene differ in few bits, some in none, as do their pixels."""
    scene = np.random.default_rng(number % SCENES)
    hashes, picture = scene.integers(0, 256, 8, np.uint8), scene.integers(0, 256, (64, 64))
    own = np.random.default_rng(1000 + number)
    flips = np.zeros((10, 64), np.uint8)
    for window in flips[own.integers(0, 2) :]:
        window[own.integers(0, 64, own.integers(0, 6))] = 1
    strength = own.choice([10, 200])  # some are other pictures under one hash
    mixed = np.clip(picture + own.integers(-strength, strength, (64, 64)), 0, 255).astype(np.uint8)
    return Image(number.to_bytes(32, "big"), hashes ^ np.packbits(flips, axis=1), mixed)


class Shown:
    """Rows of images as a scan gives them."""

    def __init__(self, numbers: list[int]) -> None:
        self._images = [image(number) for number in numbers]
        self.sha256 = Hexes(np.array([one.digest for one in self._images], "S32"))

    def column(self, name: str) -> np.ndarray:
        return np.full(len(self._images), {"height": 90, "width": 90, "contrast": 40.0}[name])

    def hashes(self, rows: Any) -> np.ndarray:
        return np.array([self._images[row].hashes for row in rows], np.uint8).reshape(-1, 10, 8)

    def thumbnails(self, rows: Any) -> np.ndarray:
        return np.array([self._images[row].thumbnail for row in rows])


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))


def found(numbers: list[int], known: KnownPairs | None = None) -> list[tuple[int, int, float]]:
    return near_duplicates.pairs(Shown(numbers), range(len(numbers)), known=known)  # type: ignore[arg-type]


HISTORIES = st.lists(st.lists(st.integers(0, 40), unique=True, max_size=30), min_size=2, max_size=6)


@given(HISTORIES, st.sampled_from([2, 3, 5, 32]), st.sampled_from([1, 20]), st.integers(0, 10**9))
def test_pairs_are_those_from_scratch(history: list[list[int]], most: int, few: int, number: int) -> None:
    """Whatever was added, removed or renamed (which is another order), and where a search returns all that it may."""
    known = KnownPairs(f"data-{number}-{most}", {"history": str(history)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_search, "NEIGHBOURS", most)
        patch.setattr(hash_search, "_QUERIES", 7)
        patch.setattr(hash_search, "_FEW", few)
        for numbers in history:
            assert found(numbers, known) == found(numbers)


def test_only_what_is_new_is_searched_and_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thirty images and two more, the two: the index is asked for no other, no known pair is compared again."""
    asked, compared = [], []
    within, like = hash_search._within, near_duplicates.likeness

    def noted(scans: Any, rows: Any, hashes: Any, some: Any, *, band: int) -> Any:
        asked.append(len(some))
        return within(scans, rows, hashes, some, band=band)

    monkeypatch.setattr(hash_search, "_within", noted)
    monkeypatch.setattr(near_duplicates, "likeness", lambda *pair: compared.append(pair) or like(*pair))
    known, before = KnownPairs("data", {}), list(range(30))
    assert found(before, known)
    assert asked == [len(np.unique(Shown(before).hashes(range(30))[:, 0], axis=0))] * 4
    first = len(compared)
    asked.clear()
    assert found(before, known)
    assert (asked, len(compared)) == ([], first)
    found([*before, 31, 37], known)
    assert set(asked) <= {1, 2}
    assert 0 < len(compared) - first <= 2 * len(before)


def test_a_damaged_file_costs_only_time(tmp_path: Path) -> None:
    """Cut off or flipped, all is searched anew."""
    known, numbers = KnownPairs("data", {}), list(range(20))
    first = found(numbers, known)
    [file] = (tmp_path / "cache/near_duplicates").rglob("*.arrow")
    file.write_bytes(file.read_bytes()[:-100] + bytes(100))
    assert found(numbers, known) == first
    assert known.read().digests.tolist() == Shown(numbers).sha256.digests.tolist()


def test_places_follow_content() -> None:
    """What is gone goes with its pairs; what stays has its hits and pairs under other numbers."""
    digests = np.array([b"a", b"b", b"c"], "S32")
    some = np.array([0, 1], np.int32), np.array([1, 2], np.int32)
    searched = Searched(
        digests, np.array([3, 1, 2], np.uint8), *some, *some, np.array([0.5, 0.25], np.float32)
    )
    moved = placed(searched, np.array([b"c", b"new", b"b"], "S32"))
    assert moved.hits.tolist() == [2, 0, 1]
    assert (moved.asked.tolist(), moved.found.tolist()) == ([2], [0])
    known = Likenesses(moved)
    pairs = [(0, 2), (0, 1), (1, 2)]
    assert [known.get(*pair) for pair in pairs] == [0.25, None, None]
    some = Likenesses(moved).among(*np.array(pairs).T), Likenesses(NOTHING).among(*np.array(pairs).T)
    np.testing.assert_array_equal(some, [[0.25, np.nan, np.nan], [np.nan] * 3])
    assert replace(placed(NOTHING, digests), digests=digests).hits.tolist() == [0, 0, 0]
