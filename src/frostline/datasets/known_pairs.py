"""What the last search for near duplicates found, by content: only what is new is searched for and compared.

A pair of hashes is one of images, whatever else there is, but where a search returned as many as it may: such a
query is asked again each time, because what it leaves out depends on all others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline import paths
from frostline.snapshot import Snapshot

_SCHEMA = pa.schema(
    [(name, pa.large_binary()) for name in ("digests", "hits", "asked", "found", "one", "other", "likeness")]
)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Searched:
    """A finished search among n images, those of `digests` (n,) S32.

    `hits` (n,) uint8: at least how many any query of an image found, 0 for an image that was not searched.
    `asked`, `found`: pairs of an image and one that a query of it found. `one`, `other`, `likeness`: pairs whose
    pixels were compared, -1 to 1.
    """

    digests: npt.NDArray[np.bytes_]
    hits: npt.NDArray[np.uint8]
    asked: npt.NDArray[np.int32]
    found: npt.NDArray[np.int32]
    one: npt.NDArray[np.int32]
    other: npt.NDArray[np.int32]
    likeness: npt.NDArray[np.float32]


_NONE = np.zeros(0, np.int32)
NOTHING = Searched(
    np.zeros(0, "S32"), np.zeros(0, np.uint8), _NONE, _NONE, _NONE, _NONE, np.zeros(0, np.float32)
)


class KnownPairs:
    """The last search of one dataset, in the cache; `key` is all that decides a pair but the images."""

    def __init__(self, dataset: str, key: dict[str, Any]) -> None:
        self._snapshot = Snapshot(
            "near_duplicates", {"dataset": dataset, **key}, cache=paths.cache(), schema=_SCHEMA
        )

    def read(self) -> Searched:
        """As it was written; nothing where there is none."""
        table = self._snapshot.read()
        if table is None:
            return NOTHING
        row = {name: table[name][0].as_buffer() for name in table.column_names}
        types = {"digests": "S32", "hits": "u1", "likeness": "f4"}
        return Searched(
            **{name: np.frombuffer(content, types.get(name, "<i4")) for name, content in row.items()}
        )

    def write(self, searched: Searched) -> None:
        """Let the next search begin with this one."""
        if len(searched.digests):
            row = {name: [np.ascontiguousarray(getattr(searched, name)).tobytes()] for name in _SCHEMA.names}
            self._snapshot.write(pa.table(row, schema=_SCHEMA))


def placed(searched: Searched, digests: npt.NDArray[np.bytes_]) -> Searched:
    """The same search in the places of other `digests`, none of them twice; what is not among them is left out."""
    order = np.argsort(digests, kind="stable")
    at = np.searchsorted(digests, searched.digests, sorter=order).clip(max=max(len(digests) - 1, 0))
    places = np.full(len(searched.digests), -1, np.int32)
    if len(digests):
        there = digests[order[at]] == searched.digests
        places[there] = order[at][there]
    hits = np.zeros(len(digests), np.uint8)
    hits[places[places >= 0]] = searched.hits[places >= 0]
    asked, found = places[searched.asked], places[searched.found]
    one, other = places[searched.one], places[searched.other]
    pair, compared = (asked >= 0) & (found >= 0), (one >= 0) & (other >= 0)
    return Searched(
        digests, hits, asked[pair], found[pair], one[compared], other[compared], searched.likeness[compared]
    )


@dataclass
class Likenesses:
    """Pairs of n images whose pixels were compared, those of a search and those that are added."""

    searched: Searched
    added: dict[tuple[int, int], float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        codes = _codes(self.searched.one, self.searched.other, len(self.searched.digests))
        order = np.argsort(codes)
        self._codes, self._values = codes[order], self.searched.likeness[order]

    def get(self, one: int, other: int) -> float | None:
        """The likeness of two places, the lower first; None where they were never compared."""
        code = one * len(self.searched.digests) + other
        place = int(np.searchsorted(self._codes, code))
        if place < len(self._codes) and self._codes[place] == code:
            return float(self._values[place])
        return self.added.get((one, other))

    def among(self, one: Ints, other: Ints) -> npt.NDArray[np.float32]:
        """(n,) the likeness of each pair in the search, the lower place first; NaN for others."""
        if not len(self._codes):
            return np.full(len(one), np.nan, np.float32)
        codes = one * len(self.searched.digests) + other
        places = np.searchsorted(self._codes, codes).clip(max=len(self._codes) - 1)
        return np.where(self._codes[places] == codes, self._values[places], np.float32(np.nan))

    def all(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Both places of each pair, the lower first, and their likeness."""
        count = max(len(self.searched.digests), 1)
        one, other = np.divmod(self._codes, count)
        more: Sequence[tuple[int, int]] = list(self.added)
        pairs = np.array(more, np.int32).reshape(-1, 2)
        return (
            np.concatenate([one.astype(np.int32), pairs[:, 0]]),
            np.concatenate([other.astype(np.int32), pairs[:, 1]]),
            np.concatenate([self._values, np.fromiter(self.added.values(), np.float32, len(self.added))]),
        )


def _codes(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32], count: int) -> Ints:
    low, high = np.minimum(one, other).astype(np.int64), np.maximum(one, other)
    return low * count + high
