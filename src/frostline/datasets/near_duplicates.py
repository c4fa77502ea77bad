"""Near duplicates: the same picture encoded, sized or cropped anew, found without comparing all with all.

Perceptual hashes, of each image whole and with a twentieth cut off at any side, find candidates by
faiss' multi-hash index; pixels then decide. A hash knows light and dark areas only, so two different
sunsets may share one: what must agree is the detail that is left when the coarse light is taken away.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from frostline import memory
from frostline.datasets.image_stats import THUMBNAIL, WINDOWS
from frostline.datasets.scan import Scans
from frostline.datasets.splits import Rows

RADIUS = 8  # bits of 64 in which a candidate's hash may differ; random photos differ in 32
SAME = 0.7  # correlation of detail: copies reach 0.9, the most alike of other photos 0.44
MIN_SIDE = 32  # pixels; smaller images have no detail to compare
MIN_CONTRAST = 4.0  # grey levels; flat images have none either

_NEIGHBOURS = 32  # nearest hashes that are considered: of a thousand frames of one film, each meets these
_QUERIES = 256
_BANDS, _BAND_BITS, _FLIPS = 4, 16, 1  # two of 64 bits in each of four bands: every pair within 7 bits
_FRAMES = 8  # different pictures of one and the same hash that are kept apart
_VIEWED = 8  # images whose views are held, 0.3 MB each
_SIDE, _BLUR = 48, 2.5  # pixels of a view's side, and of what counts as coarse light in it
# A view is a strip of the rows and a strip of the columns: the first is all of them, the others lack a twentieth.
_STRIPS = ((0.0, 1.0), *((start, start + 0.95) for start in (0.0, 0.0125, 0.025, 0.0375, 0.05)))
_CROPPED = range(1, len(_STRIPS))
_VIEWS = [
    (0, 0),
    *((across, down) for across in _CROPPED for down in _CROPPED),
    *((0, down) for down in _CROPPED[::2]),
    *((across, 0) for across in _CROPPED[::2]),
]

Pair = tuple[int, int]


def load() -> None:
    """Import what the search runs on: that takes 30 MB more for a moment, which are there while nothing else is."""
    import faiss  # noqa: F401
    import scipy.ndimage  # noqa: F401

    memory.give_back()


def pairs(scans: Scans, rows: Rows) -> list[tuple[int, int, float]]:
    """Pairs (a, b, likeness) of the given rows that show the same picture, a < b, in order.

    `rows` are usable images, one of each content. Small and flat ones match nothing.
    """
    chosen = _comparable(scans, rows)
    alike = _Comparison(scans, chosen)
    firsts, frames = _frames(_whole(scans, chosen), alike)
    memory.give_back()
    for one, other in _candidates(scans, chosen, firsts):
        for a in frames.get(one, (one,)):
            for b in frames.get(other, (other,)):
                alike(a, b)
    same = ((int(chosen[a]), int(chosen[b]), likeness) for (a, b), likeness in alike.same.items())
    return sorted(same)


def _comparable(scans: Scans, rows: Rows) -> npt.NDArray[np.int64]:
    some = np.asarray(rows, np.int64)
    side = np.minimum(scans.column("height"), scans.column("width"))[some]
    comparable: npt.NDArray[np.bool_] = (side >= MIN_SIDE) & (scans.column("contrast")[some] >= MIN_CONTRAST)
    return some[comparable]


def _whole(scans: Scans, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """(n, 8) hashes of whole images."""
    parts = (scans.hashes(rows[start : start + _QUERIES])[:, 0] for start in range(0, len(rows), _QUERIES))
    return np.concatenate([np.zeros((0, 8), np.uint8), *parts])


def _frames(
    hashes: npt.NDArray[np.uint8], alike: "_Comparison"
) -> tuple[npt.NDArray[np.int64], dict[int, list[int]]]:
    """First positions of the (n, 8) hashes; and, where several have one, those of different pictures with it.

    Each image is compared with those few only, so that a thousand copies cost a thousand comparisons.
    """
    _, firsts, hash_numbers = np.unique(
        hashes.view(np.uint64).ravel(), return_index=True, return_inverse=True
    )
    frames: dict[int, list[int]] = {}
    for position in np.flatnonzero(firsts[hash_numbers] != np.arange(len(hash_numbers))).tolist():
        first = int(firsts[hash_numbers[position]])
        different = frames.setdefault(first, [first])
        if not any(alike(frame, position) for frame in different) and len(different) < _FRAMES:
            different.append(position)
    return np.sort(firsts), frames


def _candidates(scans: Scans, chosen: npt.NDArray[np.int64], firsts: npt.NDArray[np.int64]) -> Iterator[Pair]:
    """Pairs of first positions within RADIUS, by any window of the one and the whole of the other; each once.

    The index of one band at a time is in memory: all of them would be most of what the audit needs.
    """
    if len(firsts) < 2:
        return
    ends = [_within(scans, chosen[firsts], band=band) for band in range(_BANDS)]
    for code in np.unique(np.concatenate(ends)).tolist():
        one, other = divmod(code, len(firsts))
        yield int(firsts[one]), int(firsts[other])


def _within(scans: Scans, rows: npt.NDArray[np.int64], *, band: int) -> npt.NDArray[np.int64]:
    """Pairs (a, b), a < b, of places in `rows` whose hashes nearly agree in one band, as a * their number + b."""
    import faiss

    count, codes = len(rows), [np.zeros(0, np.int64)]
    turned = np.roll(np.arange(8), -band * _BAND_BITS // 8)  # the index takes the first bits
    index = faiss.IndexBinaryMultiHash(64, 1, _BAND_BITS)
    index.nflip = _FLIPS
    index.add(np.ascontiguousarray(_whole(scans, rows)[:, turned]))
    for start in range(0, count, _QUERIES):
        queries = scans.hashes(rows[start : start + _QUERIES]).reshape(-1, 8)[:, turned]
        distances, others = _nearest(index, queries, count=count)
        asked, columns = np.nonzero((distances <= RADIUS) & (others >= 0))
        ends = np.stack([start + asked // len(WINDOWS), others[asked, columns]])
        ends = np.sort(ends[:, ends[0] != ends[1]], axis=0)
        codes.append(np.unique(ends[0] * count + ends[1]))
    return np.unique(np.concatenate(codes))


def _nearest(index: Any, queries: npt.NDArray[np.uint8], *, count: int) -> tuple[Any, Any]:
    """Distances and positions of each query's nearest hashes; -1 where there are fewer."""
    distances, others = index.search(np.ascontiguousarray(queries), min(_NEIGHBOURS, count))
    return distances, others


class _Comparison:
    """Whether two images show the same picture, by pixels; `same` are the pairs that do, with their likeness."""

    def __init__(self, scans: Scans, rows: npt.NDArray[np.int64]) -> None:
        self.same: dict[Pair, float] = {}
        self._views = lru_cache(_VIEWED)(lambda position: views(scans.thumbnails([int(rows[position])])[0]))

    def __call__(self, one: int, other: int) -> bool:
        """Two positions in the rows."""
        alike = likeness(self._views(one), self._views(other))
        if alike >= SAME:
            self.same[min(one, other), max(one, other)] = round(alike, 3)
        return alike >= SAME


def views(thumbnail: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The detail of a (64, 64) grey thumbnail, whole and cropped: (32, 2304) rows of mean 0 and length 1."""
    pixels = thumbnail.astype(np.float32)
    sharp, blurred = (_cut(strips, pixels) for strips in _strips())
    flat = (sharp - blurred).reshape(len(_VIEWS), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    unit: npt.NDArray[np.float32] = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return unit


def _cut(strips: npt.NDArray[np.float32], pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """All views of (64, 64) pixels, (32, 48, 48)."""
    across, down = np.array(_VIEWS).T
    rows = strips @ pixels
    views: npt.NDArray[np.float32] = rows[down] @ strips[across].transpose(0, 2, 1)
    return views


@lru_cache(1)
def _strips() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """(6, 48, 64) each: Pillow's resizing of a strip of 64 pixels to 48, sharp and with SciPy's blur after it.

    Both are linear, a row of pixels and a column alike: what they make of single pixels is all they do, and as
    matrices they take a quarter of the time.
    """
    from scipy.ndimage import gaussian_filter1d

    single = Image.fromarray(np.eye(THUMBNAIL, dtype=np.float32))
    boxes = [(0.0, THUMBNAIL * start, float(THUMBNAIL), THUMBNAIL * end) for start, end in _STRIPS]
    resized = [single.resize((THUMBNAIL, _SIDE), Image.Resampling.BILINEAR, box=box) for box in boxes]
    sharp = np.stack([np.asarray(strip, np.float32) for strip in resized])
    blurred: npt.NDArray[np.float32] = gaussian_filter1d(sharp, _BLUR, axis=1, mode="nearest")
    return sharp, blurred


def likeness(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """The best correlation (-1 to 1) of any view of the one with the whole of the other, either way."""
    return float(max((one @ other[0]).max(), (other @ one[0]).max()))
