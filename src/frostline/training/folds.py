"""Folds and growing subsets of images: by content, by class, and with related images always together."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from frostline.files import sha256

Numbers = npt.NDArray[np.int64]


def clusters(ids: Sequence[str], links: Iterable[tuple[int, int]] = ()) -> Numbers:
    """(N,) numbers from 0 without gaps, equal where images have one content or links (pairs of places) join them."""
    _, same = np.unique(np.array(ids), return_inverse=True)
    pairs = np.array([(one, other) for one, other in links], np.int64).reshape(-1, 2)
    if not len(pairs):
        return np.asarray(same, np.int64)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = same[pairs]
    count = int(same.max(initial=-1)) + 1
    graph = coo_array((np.ones(len(ends), bool), (ends[:, 0], ends[:, 1])), shape=(count, count))
    _, numbers = connected_components(graph, directed=False)
    return np.asarray(numbers[same], np.int64)


def draw(ids: Sequence[str], labels: Numbers, groups: Numbers, *, folds: int, seed: int) -> Numbers:
    """(N,) fold of each image: a cluster lies in one fold, and each class is spread evenly over all.

    Where a cluster lies among those of its class is decided by a hash of seed and content, so that neither names nor
    order matter and a few new images move only those beside a border.
    """
    shares, classes = _places(ids, labels, groups, salt=f"fold:{seed}")
    return np.asarray((np.floor(shares * folds).astype(np.int64) + classes) % folds)


def growing(ids: Sequence[str], labels: Numbers, groups: Numbers, *, seed: int) -> Numbers:
    """The images in an order whose every beginning has all classes in about their shares, clusters together."""
    shares, _ = _places(ids, labels, groups, salt=f"order:{seed}")
    return np.lexsort((np.array(ids), groups, shares))


def _places(
    ids: Sequence[str], labels: Numbers, groups: Numbers, *, salt: str
) -> tuple[npt.NDArray[np.float64], Numbers]:
    """(N,) where in its class each image's cluster lies, from 0 below 1, and that class.

    A cluster counts where its member of the first content does.
    """
    first: dict[int, int] = {}
    for row in sorted(range(len(ids)), key=ids.__getitem__, reverse=True):
        first[int(groups[row])] = row
    rows = np.array([first[number] for number in range(len(first))], np.int64)
    hashes = [sha256(f"{salt}:{ids[row]}".encode()) for row in rows]
    shares, of = np.empty(len(rows)), labels[rows]
    for label in np.unique(of):
        members = np.flatnonzero(of == label)
        ordered = members[np.argsort(np.array([hashes[member] for member in members]))]
        shares[ordered] = np.arange(len(members)) / len(members)
    return shares[groups], of[groups]
