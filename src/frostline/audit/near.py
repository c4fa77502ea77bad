"""Near duplicates: the same picture encoded, sized or cropped anew, found without comparing all with all.

Perceptual hashes, of each image whole and with a twentieth cut off at any side, find candidates by
faiss' multi-hash index; pixels then decide. A hash knows light and dark areas only, so two different
sunsets may share one: what must agree is the detail that is left when the coarse light is taken away.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from frostline.audit.look import WINDOWS, Window, scaled
from frostline.audit.scanning import Scans

RADIUS = 8  # bits of 64 in which a candidate's hash may differ; random photos differ in 32
SAME = 0.7  # correlation of detail: copies reach 0.9, the most alike of other photos 0.44
MIN_SIDE = 32  # pixels; smaller images have no detail to compare
MIN_CONTRAST = 4.0  # grey levels; flat images have none either

_NEIGHBOURS = 32  # nearest hashes that are looked at: of a thousand frames of one film, each meets these
_QUERIES = 1024
_BANDS, _BAND_BITS, _FLIPS = 4, 16, 1  # two of 64 bits in each of four bands: every pair within 7 bits
_FRAMES = 8  # different pictures of one and the same hash that are told apart
_VIEWED = 64  # images whose views are held, 0.3 MB each
_SIDE = 48
_GRID = (0.0, 0.0125, 0.025, 0.0375, 0.05)
_VIEWS: list[Window] = [
    (0.0, 0.0, 1.0, 1.0),
    *((x, y, x + 0.95, y + 0.95) for x in _GRID for y in _GRID),
    *((0.0, y, 1.0, y + 0.95) for y in _GRID[::2]),
    *((x, 0.0, x + 0.95, 1.0) for x in _GRID[::2]),
]

Pair = tuple[int, int]


def pairs(scans: Scans, rows: Sequence[int]) -> list[tuple[int, int, float]]:
    """Pairs (a, b, likeness) of the given rows that show the same picture, a < b, in order.

    `rows` are usable images, one of each content. Small and flat ones match nothing.
    """
    chosen = _comparable(scans, rows)
    hashes = _hashes(scans, chosen)
    compare = _Comparison(scans, chosen)
    buckets = _buckets(hashes, compare)
    found = dict(compare.same)
    for one, other in _candidates(hashes, sorted(buckets)):
        for a in buckets[one]:
            for b in buckets[other]:
                if compare(a, b):
                    found = compare.same
    return sorted((chosen[a], chosen[b], likeness) for (a, b), likeness in found.items())


def _comparable(scans: Scans, rows: Sequence[int]) -> list[int]:
    side = np.minimum(scans.column("height"), scans.column("width"))
    contrast = scans.column("contrast")
    return [row for row in rows if side[row] >= MIN_SIDE and contrast[row] >= MIN_CONTRAST]


def _hashes(scans: Scans, rows: list[int]) -> npt.NDArray[np.uint8]:
    """(n, windows, 8) packed bits."""
    column = scans.table["hashes"].take(np.array(rows, np.int64))
    return np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(len(rows), len(WINDOWS), 8)


def _buckets(hashes: npt.NDArray[np.uint8], compare: "_Comparison") -> dict[int, list[int]]:
    """First position of each hash → positions of the different pictures that have it.

    Within a bucket each image is compared with those few only, so that a thousand copies cost a
    thousand comparisons.
    """
    buckets: dict[bytes, list[int]] = defaultdict(list)
    for position, whole in enumerate(hashes[:, 0]):
        frames = buckets[whole.tobytes()]
        if not any(compare(frame, position) for frame in frames) and len(frames) < _FRAMES:
            frames.append(position)
    return {frames[0]: frames for frames in buckets.values()}


def _candidates(hashes: npt.NDArray[np.uint8], firsts: list[int]) -> Iterator[Pair]:
    """Pairs of buckets within RADIUS, by any window of the one and the whole of the other; each once."""
    import faiss

    if len(firsts) < 2:
        return
    index = faiss.IndexBinaryMultiHash(64, _BANDS, _BAND_BITS)
    index.nflip = _FLIPS
    index.add(np.ascontiguousarray(hashes[firsts, 0]))
    for start in range(0, len(firsts), _QUERIES):
        some = firsts[start : start + _QUERIES]
        distances, others = _nearest(index, hashes[some].reshape(-1, 8), count=len(firsts))
        queries, columns = np.nonzero((distances <= RADIUS) & (others >= 0))
        ends = np.stack([start + queries // len(WINDOWS), others[queries, columns]], axis=1)
        ends = np.unique(np.sort(ends[ends[:, 0] != ends[:, 1]], axis=1), axis=0)
        yield from ((firsts[a], firsts[b]) for a, b in ends.tolist())


def _nearest(index: Any, queries: npt.NDArray[np.uint8], *, count: int) -> tuple[Any, Any]:
    """Distances and positions of each query's nearest hashes; -1 where there are fewer."""
    distances, others = index.search(np.ascontiguousarray(queries), min(_NEIGHBOURS, count))
    return distances, others


class _Comparison:
    """Whether two images show the same picture, by pixels; each pair is compared once."""

    def __init__(self, scans: Scans, rows: list[int]) -> None:
        self.same: dict[Pair, float] = {}
        self._seen: set[Pair] = set()
        self._views = lru_cache(_VIEWED)(lambda position: views(scans.thumbs([rows[position]])[0]))

    def __call__(self, one: int, other: int) -> bool:
        pair = (min(one, other), max(one, other))
        if pair not in self._seen:
            self._seen.add(pair)
            alike = likeness(self._views(pair[0]), self._views(pair[1]))
            if alike >= SAME:
                self.same[pair] = round(alike, 3)
        return pair in self.same


def views(thumb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The detail of a (64, 64) grey thumb, whole and cropped: (32, 2304) rows of mean 0 and length 1."""
    from scipy.ndimage import gaussian_filter

    image = Image.fromarray(thumb)
    cut = np.stack(
        [
            np.asarray(
                image.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, box=scaled(view, image.width)),
                np.float32,
            )
            for view in _VIEWS
        ]
    )
    detail = cut - gaussian_filter(cut, (0, 2.5, 2.5), mode="nearest")
    flat = detail.reshape(len(_VIEWS), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return unit


def likeness(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """The best correlation (-1 to 1) of any view of the one with the whole of the other, either way."""
    return float(max((one @ other[0]).max(), (other @ one[0]).max()))
