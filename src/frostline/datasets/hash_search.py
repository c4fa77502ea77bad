"""Candidates for near duplicates by their perceptual hashes: any window of the one beside the whole of the other.

faiss' multi-hash index answers for images that are new, or whose answer depends on all others. Of all others only
what is new among the answers is looked for, by a table of the few new hashes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.datasets.image_stats import WINDOWS
from frostline.datasets.known_pairs import Ints, Searched
from frostline.datasets.scan import Scans

RADIUS = 8  # bits of 64 in which a candidate's hash may differ; random photos differ in 32
NEIGHBOURS = 32  # nearest hashes that are considered: of a thousand frames of one film, each meets these

_QUERIES = 256
_BANDS, _BAND_BITS, _FLIPS = 4, 16, 1  # two of 64 bits in each of four bands: every pair within 7 bits
_FEW = 20  # of so many images one may be new for a search without an index of all
# What a band's bits may be turned into: themselves, or with one of them flipped.
_FLIPPED = np.array([0, *(1 << bit for bit in range(_BAND_BITS))], np.uint16)

Hashes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Candidates:
    """What a search among n images found: `hits`, `asked` and `found` as `Searched` has them."""

    hits: npt.NDArray[np.uint8]
    asked: npt.NDArray[np.int32]
    found: npt.NDArray[np.int32]

    def candidates(self) -> tuple[Ints, Ints]:
        """Both places of each pair, the lower first, each once and in order."""
        count = max(len(self.hits), 1)
        low, high = np.minimum(self.asked, self.found), np.maximum(self.asked, self.found)
        return np.divmod(np.unique(low.astype(np.int64) * count + high), count)


def whole(scans: Scans, rows: Ints) -> Hashes:
    """(n, 8) hashes of whole images."""
    parts = (scans.hashes(rows[start : start + _QUERIES])[:, 0] for start in range(0, len(rows), _QUERIES))
    return np.concatenate([np.zeros((0, 8), np.uint8), *parts])


def search(scans: Scans, chosen: Ints, firsts: Ints, before: Searched) -> Candidates:
    """Pairs of positions in `chosen` within RADIUS, among those in `firsts`; `before` is a search of the same images.

    The index of one band at a time is in memory: all of them would be most of what the audit needs.
    """
    rows, place = chosen[firsts], np.full(len(chosen), -1, np.int64)
    hashes = whole(scans, rows)
    place[firsts] = np.arange(len(firsts))
    hits = before.hits[firsts].astype(np.int64)
    new, settled = hits == 0, (hits > 0) & (hits < NEIGHBOURS)
    late, more = _newcomers(scans, rows, hashes, np.flatnonzero(settled), np.flatnonzero(new))
    hits += more
    anew = new | (hits >= NEIGHBOURS)
    kept = np.stack([place[before.asked], place[before.found]])
    pairs = np.concatenate([kept[:, (kept >= 0).all(axis=0)], late], axis=1)
    pairs = pairs[:, ~anew[pairs[0]]]
    if 0 < anew.sum() * _FEW <= len(rows):
        found, hits[anew] = _of_few(scans, rows, hashes, np.flatnonzero(anew))
        anew &= hits >= NEIGHBOURS
        pairs = np.concatenate([pairs, found[:, ~anew[found[0]]]], axis=1)
    if anew.any():
        found, hits[anew] = _all_of(scans, rows, hashes, np.flatnonzero(anew))
        pairs = np.concatenate([pairs, found], axis=1)
    all_hits = np.zeros(len(chosen), np.uint8)
    all_hits[firsts] = hits.clip(max=255)
    asked, found = firsts[pairs].astype(np.int32)
    return Candidates(all_hits, asked, found)


def _of_few(scans: Scans, rows: Ints, hashes: Hashes, asked: Ints) -> tuple[Ints, Ints]:
    """As `_all_of`, for few: without an index of all. What finds more than it may has to be asked there."""
    windows = np.ascontiguousarray(scans.hashes(rows[asked]).reshape(-1, 8))
    tables = [_Table(windows, band) for band in range(_BANDS)]
    codes, hits = [np.zeros(0, np.int64)], np.zeros((_BANDS, len(windows)), np.int64)
    for start in range(0, len(rows), _QUERIES):
        for band, table in enumerate(tables):
            place, window = table.within(hashes[start : start + _QUERIES])
            hits[band] += np.bincount(window, minlength=len(windows))
            one, other = asked[window // len(WINDOWS)], start + place
            codes.append(np.unique((one * len(rows) + other)[one != other]))
    most = hits.max(axis=0).reshape(len(asked), -1).max(axis=1)
    return np.stack(np.divmod(np.unique(np.concatenate(codes)), len(rows))), most


def _all_of(scans: Scans, rows: Ints, hashes: Hashes, asked: Ints) -> tuple[Ints, Ints]:
    """(2, pairs) each of the `asked` places in `rows` with what it finds; and the most that a query of it finds."""
    codes, hits = [np.zeros(0, np.int64)], np.zeros(len(asked), np.int64)
    for band in range(_BANDS):
        here, most = _within(scans, rows, hashes, asked, band=band)
        codes.append(here)
        hits = np.maximum(hits, most)
    return np.stack(np.divmod(np.unique(np.concatenate(codes)), max(len(rows), 1))), hits


def _within(scans: Scans, rows: Ints, hashes: Hashes, asked: Ints, *, band: int) -> tuple[Ints, Ints]:
    """Asked and found places whose hashes nearly agree in one band, as asked * rows + found; and the most hits."""
    import faiss

    count, codes, hits = len(rows), [np.zeros(0, np.int64)], np.zeros(len(asked), np.int64)
    turned = np.roll(np.arange(8), -band * _BAND_BITS // 8)  # the index takes the first bits
    index = faiss.IndexBinaryMultiHash(64, 1, _BAND_BITS)
    index.nflip = _FLIPS
    index.add(np.ascontiguousarray(hashes[:, turned]))
    for start in range(0, len(asked), _QUERIES):
        some = asked[start : start + _QUERIES]
        distances, others = _nearest(index, scans.hashes(rows[some])[..., turned].reshape(-1, 8), count=count)
        near = (distances <= RADIUS) & (others >= 0)
        hits[start : start + _QUERIES] = near.sum(axis=1).reshape(len(some), -1).max(axis=1)
        queries, columns = np.nonzero(near)
        one, other = some[queries // len(WINDOWS)], others[queries, columns]
        codes.append(np.unique((one * count + other)[one != other]))
    return np.unique(np.concatenate(codes)), hits


def _nearest(index: Any, queries: npt.NDArray[np.uint8], *, count: int) -> tuple[Any, Any]:
    """Distances and positions of each query's nearest hashes; -1 where there are fewer."""
    distances, others = index.search(np.ascontiguousarray(queries), min(NEIGHBOURS, count))
    return distances, others


def _newcomers(scans: Scans, rows: Ints, hashes: Hashes, settled: Ints, new: Ints) -> tuple[Ints, Ints]:
    """(2, pairs) each of the `settled` places in `rows` with the `new` ones it finds; and, for every row, how many more
    one of its queries finds at most."""
    pairs, more = [np.zeros((2, 0), np.int64)], np.zeros(len(rows), np.int64)
    if not len(new):
        return pairs[0], more
    tables = [_Table(hashes[new], band) for band in range(_BANDS)]
    for start in range(0, len(settled), _QUERIES):
        some = settled[start : start + _QUERIES]
        windows = np.ascontiguousarray(scans.hashes(rows[some]).reshape(-1, 8))
        for table in tables:
            queries, found = table.within(windows)
            each = np.bincount(queries, minlength=len(windows)).reshape(len(some), -1)
            more[some] = np.maximum(more[some], each.max(axis=1))
            pairs.append(np.stack([some[queries // len(WINDOWS)], new[found]]))
    return np.unique(np.concatenate(pairs, axis=1), axis=1), more


class _Table:
    """Hashes (n, 8) by the bits of one band, each under all that a query of it may have there."""

    def __init__(self, hashes: npt.NDArray[np.uint8], band: int) -> None:
        self._hashes, self._band = _words(hashes), band
        keys = (_bits(hashes, band)[:, None] ^ _FLIPPED).ravel()
        order = np.argsort(keys, kind="stable")
        self._owners = order // len(_FLIPPED)
        self._starts = np.searchsorted(keys[order], np.arange(2**_BAND_BITS + 1))

    def within(self, queries: npt.NDArray[np.uint8]) -> tuple[Ints, Ints]:
        """Places of queries (q, 8) and of hashes within RADIUS that nearly agree with them in the band."""
        keys = _bits(queries, self._band).astype(np.int64)
        first, counts = self._starts[keys], self._starts[keys + 1] - self._starts[keys]
        asked = np.repeat(np.arange(len(queries)), counts)
        before = np.repeat(np.cumsum(counts) - counts, counts)
        found = self._owners[first[asked] + np.arange(len(asked)) - before]
        near = np.bitwise_count(_words(queries)[asked] ^ self._hashes[found]) <= RADIUS
        return asked[near], found[near]


def _words(hashes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(hashes).view(np.uint64).ravel()


def _bits(hashes: npt.NDArray[np.uint8], band: int) -> npt.NDArray[np.uint16]:
    """(n,) the bits of one band."""
    width = _BAND_BITS // 8
    return np.ascontiguousarray(hashes[:, band * width : (band + 1) * width]).view(np.uint16).ravel()
