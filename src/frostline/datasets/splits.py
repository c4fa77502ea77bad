"""Which image trains, which validates, which tests. In this order of priority:

1. Leak-free: images that are linked (copies, near duplicates, a group) lie in one split.
2. Stable: an image keeps its split as data grow. A cluster of linked images is drawn by a hash of
   seed and its first member, whatever else there is; a newcomer linked to older images follows them.
3. Stratified: the shares hold for every class on average, not to the image.

A newcomer that is linked to older images in two splits cannot be put anywhere: it is quarantined.
Only in a class too small to appear in every split is the cluster nearest to the border moved.
"""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frostline.datasets.layout import SPLITS, LabelledImages
from frostline.errors import InputError
from frostline.files import sha256

_DRAWN = ("test", "validation")  # in this order; what is left trains

Rows = Sequence[int] | npt.NDArray[np.int64]
Cuts = Mapping[str, tuple[float, float]]  # split → where on the unit line it lies


class _Clusters:
    """Sets of images that lie in one split, by number; `home` has each image's, -1 for those in none yet.

    A cluster's place on the unit line decides its split, where its cuts say what is drawn. Columns, not
    objects: most clusters are one image.
    """

    def __init__(self, images: int) -> None:
        self.home = np.full(images, -1, np.int32)
        self.splits: list[str] = []
        self.places = array("d")
        self.cuts: list[Cuts] = []

    def born(self, split: str, place: float, cuts: Cuts) -> int:
        """An empty cluster."""
        self.splits.append(split)
        self.places.append(place)
        self.cuts.append(cuts)
        return len(self.splits) - 1

    def join(self, members: Sequence[int], older: Sequence[int]) -> None:
        """Put newcomers and the older clusters that they connect into the first of these, to move as one."""
        for other in set(older[1:]) - {older[0]}:
            self.home[self.home == other] = older[0]
        self.home[members] = older[0]

    def drawn(self) -> list[str]:
        """Every image's split, "" for one in no cluster."""
        names = [*self.splits, ""]  # which -1 means
        return [names[home] for home in self.home.tolist()]


@dataclass(frozen=True)
class Assignment:
    """A split for every image, "" for unused ones; and the newcomers that bridge splits, with those splits."""

    splits: list[str]
    bridges: dict[int, tuple[str, ...]]


def assign(
    ids: Sequence[str],
    labelled: LabelledImages,
    *,
    shares: Mapping[str, float],
    seed: int,
    links: Iterable[tuple[int, int]] = (),
) -> Assignment:
    """Splits for images, in their order.

    ids: content hashes, "" for images not to be used; equal ones are linked. labelled: for each image its
    label, its given split and its wave: images of a later wave are newcomers to those before, and
    images without a given split to those with one. links: pairs of rows that must share a split.

    A split that no image is given, used or not, is drawn from those given train, with share
    own/(train + all drawn); images given nothing are drawn among all three. Raises InputError naming
    a class that would miss in a split.
    """
    given, labels, waves = (labelled.column(field) for field in ("split", "label", "wave"))
    missing = [split for split in _DRAWN if split not in given]
    partial = _cuts(shares, ["train", *missing])
    whole = _cuts(shares, SPLITS)
    late = _turns(given, waves, fixed={split for split in SPLITS if split != "train" or not missing})
    used = np.fromiter(map(bool, ids), bool, len(ids))
    near = _neighbours(ids, links)
    alone = used.copy()
    alone[list(near)] = False
    clusters, bridges = _Clusters(len(ids)), {}

    def born(members: Sequence[int], wave: int) -> int:
        cuts = {} if not wave else partial if any(given[row] for row in members) else whole
        place = _place(ids[members[0]], seed)
        drawn = next((split for split, (start, end) in cuts.items() if start <= place < end), "train")
        return clusters.born(drawn if cuts else given[members[0]], place, cuts)

    for wave in np.unique(late).tolist():
        for row in np.flatnonzero((late == wave) & alone).tolist():
            clusters.home[row] = born([row], wave)
        for members in _components((late == wave) & used, near):
            older = _older(members, near, clusters)
            if len(several := sorted({clusters.splits[one] for one in older})) > 1:
                bridges.update(dict.fromkeys(members, tuple(several)))
            else:
                clusters.join(members, older or [born(members, wave)])
    _complete(clusters, labels, missing)
    splits = clusters.drawn()
    _check_present(labels, splits)
    return Assignment(splits, bridges)


def _turns(given: Sequence[str], waves: Sequence[int], *, fixed: Set[str]) -> npt.NDArray[np.int32]:
    """(N,) when each image is placed: 0 where its split is given for good, else after those of earlier waves."""
    return np.array(
        [0 if split in fixed else 1 + wave for split, wave in zip(given, waves, strict=True)], np.int32
    )


def impossible(labelled: LabelledImages) -> str:
    """Why no split could be made of these images, were all of them usable and different; "" where one can be."""
    try:
        assign(labelled.names, labelled, shares=dict.fromkeys(SPLITS, 1.0), seed=0)
    except InputError as error:
        return str(error)
    return ""


def repeats(values: Sequence[str], rows: Rows) -> list[list[int]]:
    """Those of the rows that have one value, where several have it; "" is no value."""
    hashes = np.fromiter(map(hash, values), np.int64, len(values))[np.asarray(rows, np.int64)]
    _, numbers, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    same: dict[str, list[int]] = defaultdict(list)
    for place in np.flatnonzero(counts[numbers] > 1).tolist():
        same[values[rows[place]]].append(int(rows[place]))
    return [group for value, group in same.items() if value and len(group) > 1]


def _cuts(shares: Mapping[str, float], among: Iterable[str]) -> Cuts:
    """Where on the unit line each split lies: test first, train last, so that these never touch."""
    order = [split for split in (*_DRAWN, "train") if split in set(among)]
    total, cuts, start = sum(shares[split] for split in order), {}, 0.0
    for split in order:
        cuts[split] = (start, start + shares[split] / total)
        start = cuts[split][1]
    return cuts


def _neighbours(ids: Sequence[str], links: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """Row → rows it is linked to, among used ones; copies hang on the first of their content."""
    near: dict[int, list[int]] = defaultdict(list)
    same = ((group[0], row) for group in repeats(ids, range(len(ids))) for row in group)
    for one, other in [*same, *links]:
        if one != other and ids[one] and ids[other]:
            near[one].append(other)
            near[other].append(one)
    return near


def _components(among: npt.NDArray[np.bool_], near: Mapping[int, Sequence[int]]) -> Iterator[list[int]]:
    """Sets of linked rows, each in order, that links connect within those that are `among`."""
    left = {row for row in near if among[row]}
    for row in sorted(left):
        if row in left:
            left.remove(row)
            members, waiting = [row], [row]
            while waiting:
                linked = [other for other in near[waiting.pop()] if other in left]
                left.difference_update(linked)
                linked = list(dict.fromkeys(linked))
                members += linked
                waiting += linked
            yield sorted(members)


def _older(members: Sequence[int], near: Mapping[int, Sequence[int]], clusters: _Clusters) -> list[int]:
    """Clusters of earlier images that these are linked to; first what was given or drawn among fewer splits."""
    linked = (other for row in members for other in near.get(row, ()))
    older = [int(clusters.home[other]) for other in linked if clusters.home[other] >= 0]
    return sorted(older, key=lambda cluster: len(clusters.cuts[cluster]))


def _place(content: str, seed: int) -> float:
    """Where on the unit line a cluster lies whose first member has that content."""
    return int(sha256(f"{seed}:{content}".encode())[:13], 16) / 16**13


def _complete(clusters: _Clusters, labels: Sequence[str], missing: Sequence[str]) -> None:
    """Give every class an image in every split that is drawn, from where it has more than one."""
    names = sorted(set(labels))
    numbers = {name: number for number, name in enumerate(names)}
    codes = np.fromiter((numbers[label] for label in labels), np.int32, len(labels))
    for number, label in enumerate(names):
        homes = clusters.home[codes == number]
        members = np.unique(homes[homes >= 0]).tolist()
        drawn = [one for one in members if clusters.cuts[one]]
        if drawn:
            _check_enough(label, len(drawn), missing)
        for split in (*_DRAWN, "train"):
            counts = Counter(clusters.splits[one] for one in members)
            if counts[split]:
                continue
            free = [one for one in drawn if split in clusters.cuts[one] and counts[clusters.splits[one]] > 1]
            if free:
                moved = min(free, key=lambda one: (_distance(clusters, one, split), clusters.places[one]))
                clusters.splits[moved] = split


def _distance(clusters: _Clusters, one: int, split: str) -> float:
    """How far a cluster's place lies from a split's part of the unit line."""
    start, end = clusters.cuts[one][split]
    return max(start - clusters.places[one], clusters.places[one] - end, 0.0)


def _check_enough(label: str, count: int, drawn: Sequence[str]) -> None:
    if drawn and count < 1 + len(drawn):
        wanted = ["train", *reversed(drawn)]
        raise InputError(
            f"class {label!r} has {count} usable different image{'s' * (count != 1)}, too few to appear in "
            f"{', '.join(wanted)}; add at least {len(wanted) - count} or remove the class"
        )


def _check_present(labels: Sequence[str], splits: Sequence[str]) -> None:
    counts = Counter(zip(labels, splits, strict=True))
    for label in sorted(set(labels)):
        for split in SPLITS:
            if not counts[label, split]:
                raise InputError(
                    f"class {label!r} has 0 usable images in {split} of {labels.count(label)} in all; "
                    "every class must appear in train, validation and test"
                )
