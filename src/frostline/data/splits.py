"""Which image trains, which validates, which tests. In this order of priority:

1. Leak-free: images that are linked (copies, near duplicates, a group) lie in one split.
2. Stable: an image keeps its split as data grow. A cluster of linked images is drawn by a hash of
   seed and its first member, whatever else there is; a newcomer linked to older images follows them.
3. Stratified: the shares hold for every class on average, not to the image.

A newcomer that is linked to older images in two splits cannot be put anywhere: it is quarantined.
Only in a class too small to appear in every split is the cluster nearest to the border moved.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from frostline.data.layout import SPLITS, Placed
from frostline.errors import InputError
from frostline.files import sha256

_DRAWN = ("test", "validation")  # in this order; what is left trains

Cuts = Mapping[str, tuple[float, float]]  # split → where on the unit line it lies


@dataclass
class _Cluster:
    """Images that lie in one split; `place` on the unit line decides, where `cuts` says what is drawn."""

    split: str
    rows: list[int]
    place: float
    cuts: Cuts


@dataclass(frozen=True)
class Assignment:
    """A split for every image, "" for unused ones; and the newcomers that bridge splits, with those splits."""

    splits: list[str]
    bridges: dict[int, tuple[str, ...]]


def assign(
    ids: Sequence[str],
    placed: Sequence[Placed],
    *,
    shares: Mapping[str, float],
    seed: int,
    links: Iterable[tuple[int, int]] = (),
) -> Assignment:
    """Splits for images, in their order.

    ids: content hashes, "" for images not to be used; equal ones are linked. placed: for each image its
    label, its given split and its wave: images of a later wave are newcomers to those before, and
    images without a given split to those with one. links: pairs of rows that must share a split.

    A split that no image is given, used or not, is drawn from those given train, with share
    own/(train + all drawn); images given nothing are drawn among all three. Raises InputError naming
    a class that would miss in a split.
    """
    given, labels = [image.split for image in placed], [image.label for image in placed]
    missing = [split for split in _DRAWN if split not in given]
    partial = _cuts(shares, ["train", *missing])
    whole = _cuts(shares, SPLITS)
    fixed = {split for split in SPLITS if split != "train" or not missing}
    late = [0 if image.split in fixed else 1 + image.wave for image in placed]
    near = _neighbours(ids, links)
    home: dict[int, _Cluster] = {}
    bridges: dict[int, tuple[str, ...]] = {}
    for wave in sorted(set(late)):
        rows = [row for row, when in enumerate(late) if when == wave and ids[row]]
        for members in _components(rows, near):
            older = _older(members, near, home)
            if len(splits := sorted({cluster.split for cluster in older})) > 1:
                bridges.update(dict.fromkeys(members, tuple(splits)))
                continue
            cuts = {} if not wave else partial if any(given[row] for row in members) else whole
            cluster = older[0] if older else _born(members, ids, given, cuts, seed)
            _join(cluster, members, older, home)
    _complete(list({id(cluster): cluster for cluster in home.values()}.values()), labels, missing)
    splits = [home[row].split if row in home else "" for row in range(len(ids))]
    _check_present(labels, splits)
    return Assignment(splits, bridges)


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
    first: dict[str, int] = {}
    same = ((first.setdefault(content, row), row) for row, content in enumerate(ids) if content)
    for one, other in [*same, *links]:
        if one != other and ids[one] and ids[other]:
            near[one].append(other)
            near[other].append(one)
    return near


def _components(rows: Sequence[int], near: Mapping[int, Sequence[int]]) -> Iterator[list[int]]:
    """Rows that links within these rows connect, each set in order."""
    left = dict.fromkeys(rows)
    for row in rows:
        if row not in left:
            continue
        del left[row]
        members, waiting = [row], [row]
        while waiting:
            for other in near.get(waiting.pop(), ()):
                if other in left:
                    del left[other]
                    members.append(other)
                    waiting.append(other)
        yield sorted(members)


def _older(
    members: Sequence[int], near: Mapping[int, Sequence[int]], home: Mapping[int, _Cluster]
) -> list[_Cluster]:
    """Clusters of earlier images that these are linked to; first what was given or drawn among fewer splits."""
    found = [home[other] for row in members for other in near.get(row, ()) if other in home]
    return sorted(found, key=lambda cluster: len(cluster.cuts))


def _join(
    cluster: _Cluster, members: Sequence[int], older: Sequence[_Cluster], home: dict[int, _Cluster]
) -> None:
    """Put newcomers and what they connect into one cluster, which is then moved whole or not at all."""
    connected = (row for one in older if one is not cluster for row in one.rows)
    rows = dict.fromkeys([*members, *connected])
    cluster.rows += rows
    home.update(dict.fromkeys(rows, cluster))


def _born(members: list[int], ids: Sequence[str], given: Sequence[str], cuts: Cuts, seed: int) -> _Cluster:
    """An empty cluster drawn by its first member, or where that was given to be."""
    place = int(sha256(f"{seed}:{ids[members[0]]}".encode())[:13], 16) / 16**13
    drawn = next((split for split, (start, end) in cuts.items() if start <= place < end), "train")
    return _Cluster(drawn if cuts else given[members[0]], [], place, cuts)


def _complete(clusters: Sequence[_Cluster], labels: Sequence[str], missing: Sequence[str]) -> None:
    """Give every class an image in every split that is drawn, from where it has more than one."""
    of: dict[str, list[_Cluster]] = defaultdict(list)
    for cluster in clusters:
        for label in {labels[row] for row in cluster.rows}:
            of[label].append(cluster)
    for label, members in sorted(of.items()):
        drawn = [cluster for cluster in members if cluster.cuts]
        if drawn:
            _check_enough(label, len(drawn), missing)
        for split in (*_DRAWN, "train"):
            counts = Counter(cluster.split for cluster in members)
            free = [one for one in drawn if split in one.cuts and counts[one.split] > 1]
            if not counts[split] and free:
                min(free, key=lambda one: (_apart(one, split), one.place)).split = split


def _apart(cluster: _Cluster, split: str) -> float:
    """How far a cluster's place lies from a split's part of the unit line."""
    start, end = cluster.cuts[split]
    return max(start - cluster.place, cluster.place - end, 0.0)


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
