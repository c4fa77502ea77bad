"""Candidates by hashes: what a table of few finds is what the index finds."""

from typing import Any

import numpy as np
import pytest

from frostline.datasets import hash_search
from frostline.datasets.known_pairs import NOTHING, placed


class Hashes:
    """The hashes of images that differ from few others in few bits."""

    def __init__(self, count: int, bits: int) -> None:
        rng = np.random.default_rng(bits)
        flips = np.zeros((count, 10, 64), np.uint8)
        for window in flips.reshape(-1, 64):
            window[rng.integers(0, 64, rng.integers(0, bits + 1))] = 1
        self._hashes = rng.integers(0, 256, (5, 1, 8), np.uint8)[rng.integers(0, 5, count)] ^ np.packbits(
            flips, axis=2
        )

    def hashes(self, rows: Any) -> np.ndarray:
        """(n, 10, 8)."""
        return self._hashes[np.asarray(rows)]


def by_hand(hashes: np.ndarray, asked: range, found: range) -> set[tuple[int, int]]:
    """Every window beside every whole: within the radius, and all but one bit of a band the same."""
    bits = np.unpackbits(hashes, axis=2)
    pairs = set()
    for one in asked:
        for other in found:
            differ = bits[one] != bits[other, 0]
            bands = differ.reshape(10, 4, 16).sum(axis=2).min(axis=1)
            if one != other and ((differ.sum(axis=1) <= 8) & (bands <= 1)).any():
                pairs.add((one, other))
    return pairs


@pytest.mark.parametrize("bits", [3, 6, 12])
def test_the_table_finds_what_the_index_finds(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And that is what all pairs of hashes say."""
    monkeypatch.setattr(hash_search, "NEIGHBOURS", 1000)
    scans, rows = Hashes(60, bits), np.arange(60)
    whole = hash_search.whole(scans, rows)  # type: ignore[arg-type]
    table, more = hash_search._newcomers(scans, rows, whole, rows[:40], rows[40:])  # type: ignore[arg-type]
    assert set(map(tuple, table.T.tolist())) == by_hand(scans.hashes(rows), range(40), range(40, 60))
    index, hits = hash_search._all_of(scans, rows, whole, rows[:40])  # type: ignore[arg-type]
    assert set(map(tuple, index.T.tolist())) == by_hand(scans.hashes(rows), range(40), range(60))
    few, counted = hash_search._of_few(scans, rows, whole, rows[:40])  # type: ignore[arg-type]
    assert few.tolist() == index.tolist()
    assert counted.tolist() == hits.tolist()
    assert len(table.T) > 0
    assert (more[:40] <= hits).all()
    assert not more[40:].any()


def test_nothing_to_search() -> None:
    """No images, and one alone."""
    for count in (0, 1):
        scans, rows = Hashes(count, 3), np.arange(count)
        before = placed(NOTHING, np.array([b"x"] * count, "S32"))
        low, high = hash_search.search(scans, rows, rows, before).candidates()  # type: ignore[arg-type]
        assert (len(low), len(high)) == (0, 0)
