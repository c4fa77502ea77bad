"""Near duplicates: the same picture encoded, sized or cropped anew, found without comparing all with all.

Perceptual hashes, of each image whole and with a twentieth cut off at any side, find candidates by
faiss' multi-hash index; pixels then decide. A hash knows light and dark areas only, so two different
sunsets may share one: what must agree is the detail that is left when the coarse light is taken away.
"""

import contextlib
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import memory
from frostline.datasets import hash_search
from frostline.datasets.detail_views import likeness, views
from frostline.datasets.image_stats import STATS_VERSION
from frostline.datasets.known_pairs import NOTHING, KnownPairs, Likenesses, Searched, placed
from frostline.datasets.scan import Scans
from frostline.datasets.splits import Rows
from frostline.images import DECODE_VERSION

SAME = 0.7  # correlation of detail: copies reach 0.9, the most alike of other photos 0.44
MIN_SIDE = 32  # pixels; smaller images have no detail to compare
MIN_CONTRAST = 4.0  # grey levels; flat images have none either

_FRAMES = 8  # different pictures of one and the same hash that are kept apart
_VIEWED = 8  # images whose views are held, 0.3 MB each

# Changes whenever a pair could: stands in the key of what is known of them, beside what pairs are computed with.
_VERSION, _PACKAGES = 1, ("faiss-cpu", "numpy", "pillow", "scipy")

Pair = tuple[int, int]


def load() -> None:
    """Import what the search runs on: that takes 30 MB more for a moment, which are there while nothing else is."""
    import faiss  # noqa: F401
    import scipy.ndimage  # noqa: F401

    memory.give_back()


def key() -> dict[str, Any]:
    """All that decides pairs but the images."""
    packages = {name: _installed(name) for name in _PACKAGES}
    return {"decode": DECODE_VERSION, "stats": STATS_VERSION, "pairs": _VERSION, "packages": packages}


def _installed(name: str) -> str:
    with contextlib.suppress(PackageNotFoundError):  # faiss-gpu, say
        return version(name)
    return ""


def pairs(scans: Scans, rows: Rows, *, known: KnownPairs | None = None) -> list[tuple[int, int, float]]:
    """Pairs (a, b, likeness) of the given rows that show the same picture, a < b, in order.

    `rows` are usable images, one of each content. Small and flat ones match nothing. With `known` only what is new
    is searched for and compared; the pairs are the same.
    """
    chosen = _comparable(scans, rows)
    before = placed(known.read() if known else NOTHING, scans.sha256.digests[chosen])
    alike = _Comparison(scans, chosen, Likenesses(before))
    firsts, frames = _frames(hash_search.whole(scans, chosen), alike)
    memory.give_back()
    searched = hash_search.search(scans, chosen, firsts, before)
    low, high = searched.candidates()
    settled = alike.known.among(low, high) < SAME
    asked = ~settled | np.isin(low, list(frames)) | np.isin(high, list(frames))
    for one, other in zip(low[asked].tolist(), high[asked].tolist(), strict=True):
        for a in frames.get(one, (one,)):
            for b in frames.get(other, (other,)):
                alike(a, b)
    if known:
        known.write(
            Searched(before.digests, searched.hits, searched.asked, searched.found, *alike.known.all())
        )
    same = ((int(chosen[a]), int(chosen[b]), likeness) for (a, b), likeness in alike.same.items())
    return sorted(same)


def _comparable(scans: Scans, rows: Rows) -> npt.NDArray[np.int64]:
    some = np.asarray(rows, np.int64)
    side = np.minimum(scans.column("height"), scans.column("width"))[some]
    comparable: npt.NDArray[np.bool_] = (side >= MIN_SIDE) & (scans.column("contrast")[some] >= MIN_CONTRAST)
    return some[comparable]


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


class _Comparison:
    """Whether two images show the same picture, by pixels; `same` are the pairs that do, with their likeness.

    `known` are those that were compared before, and then those too that were compared here.
    """

    def __init__(self, scans: Scans, rows: npt.NDArray[np.int64], known: Likenesses) -> None:
        self.same: dict[Pair, float] = {}
        self.known = known
        self._views = lru_cache(_VIEWED)(lambda position: views(scans.thumbnails([int(rows[position])])[0]))

    def __call__(self, one: int, other: int) -> bool:
        """Two positions in the rows."""
        pair = min(one, other), max(one, other)
        alike = self.known.get(*pair)
        if alike is None:
            alike = likeness(self._views(one), self._views(other))
            self.known.added[pair] = alike
        if alike >= SAME:
            self.same[pair] = round(alike, 3)
        return alike >= SAME
