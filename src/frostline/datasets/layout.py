"""From names to labels: class folders, split folders, and what people wrap around them."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, overload

import numpy as np

from frostline.datasets.listing_notes import listed
from frostline.errors import InputError

SPLITS = ("train", "validation", "test")

_WORDS = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


_IF_CLASSES = "if these are classes, name them otherwise or say so in a table, labels.csv"


class LabelledImage(NamedTuple):
    """One image: its name in the source, its class, and the split that its folder gives ("" for none).

    group: images of one group never straddle splits; "" for none. wave: images of a later one came
    later, so that they give way (the number of their shard; 0 where nothing tells).
    """

    name: str
    label: str
    split: str
    group: str = ""
    wave: int = 0


class LabelledImages(Sequence[LabelledImage]):
    """Many images in a few bytes each: their names, and for each the number of a place that many share."""

    def __init__(
        self,
        names: Sequence[str],
        places: Sequence[tuple[Any, ...]],
        of: Iterable[int],
        *,
        remarks: Sequence[str] = (),
    ) -> None:
        """`places` are (label, split, group, wave); `of` has the place's number for each name.

        `remarks` say what was passed over or read otherwise than it stands there, a line each.
        """
        self.names, self._places, self.remarks = names, places, tuple(remarks)
        self._of = np.fromiter(of, np.int32, len(names))

    @classmethod
    def of(cls, images: Iterable[LabelledImage], *, remarks: Sequence[str] = ()) -> "LabelledImages":
        """These images."""
        names: list[str] = []
        places: dict[tuple[Any, ...], int] = {}
        numbers: list[int] = []
        for name, *place in images:
            names.append(name)
            numbers.append(places.setdefault(tuple(place), len(places)))
        return cls(names, list(places), numbers, remarks=remarks)

    def column(self, field: str) -> list[Any]:
        """One field of all images but the name: `label`, `split`, `group` or `wave`."""
        values = [getattr(LabelledImage("", *place), field) for place in self._places]
        return [values[place] for place in self._of.tolist()]

    def with_remarks(self, *remarks: str) -> "LabelledImages":
        """The same with these remarks; empty ones are none."""
        return LabelledImages(self.names, self._places, self._of, remarks=[*filter(None, remarks)])

    def without(self, names: Container[str]) -> "LabelledImages":
        """The same without some of the images."""
        rows = [row for row, name in enumerate(self.names) if name not in names]
        return LabelledImages(
            [self.names[row] for row in rows], self._places, self._of[rows], remarks=self.remarks
        )

    def relabelled(self, labels: Mapping[int, str]) -> "LabelledImages":
        """The same with these rows in another class; all else about them stays."""
        places, of = list(self._places), self._of.copy()
        numbers = {place: number for number, place in enumerate(places)}
        for row, label in labels.items():
            place = (label, *places[of[row]][1:])
            of[row] = numbers.setdefault(place, len(numbers))
            places += [place] * (len(numbers) - len(places))
        return LabelledImages(self.names, places, of, remarks=self.remarks)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, row: int) -> LabelledImage: ...
    @overload
    def __getitem__(self, row: slice) -> "LabelledImages": ...
    def __getitem__(self, row: int | slice) -> "LabelledImage | LabelledImages":
        if isinstance(row, slice):
            return LabelledImages(self.names[row], self._places, self._of[row])
        return LabelledImage(self.names[row], *self._places[self._of[row]])

    def __iter__(self) -> Iterator[LabelledImage]:
        for name, place in zip(self.names, self._of.tolist(), strict=True):
            yield LabelledImage(name, *self._places[place])


def from_folders(
    names: Sequence[str], *, where: str, shards: Sequence[str] = (), more: bool = False
) -> LabelledImages:
    """The class and given split of every image, in the order of `names`.

    Reads ``class/image``, ``split/class/image``, any folder wrapped around either (``photos/cats/…``)
    and a split folder nested in itself (``seg_train/seg_train/class/…``); deeper folders belong to
    their class. With shards, every name starts with one of them, which is a wave and no folder.
    With `more`, for images that join a dataset with split folders, a single split is enough.
    Raises InputError where the folders cannot be read so.
    """
    if not names:
        raise InputError(f"{where}: no images found; put jpg or png files there, one folder per class")
    # One image stands for all of its folder.
    folders = _Folders(names)
    read = _read(folders.inside, where=where, shards=shards, more=more)
    _require_classes(read, folders, names, where=where)
    waves = {shard: number for number, shard in enumerate(shards)}
    places = [
        (part[0], split, "", waves[whole[0]] if shards else 0)
        for whole, (part, split) in zip(folders.inside, read, strict=True)
    ]
    remarks = [*_about_inner(read, folders), *_about_splits(read, folders)]
    return LabelledImages(names, places, folders.numbers, remarks=remarks)


def class_folders(names: Sequence[str], *, where: str, shards: Sequence[str] = ()) -> set[str]:
    """The folders that are classes to `from_folders`, of whatever split, by their whole path."""
    inside = _Folders(names).inside
    read = _read(inside, where=where, shards=shards)
    return {
        "/".join(whole[: len(whole) - len(part) + 1]) for whole, (part, _) in zip(inside, read, strict=True)
    }


class _Folders:
    """The folders that hold images: `numbers` has that of each name, `inside` the parts of one name in each."""

    def __init__(self, names: Sequence[str]) -> None:
        firsts: dict[str, int] = {}
        self.numbers = np.fromiter(
            (firsts.setdefault(_folder(name), len(firsts)) for name in names), np.int32, len(names)
        )
        rows = np.unique(self.numbers, return_index=True)[1]
        self.inside = [tuple(names[row].split("/")) for row in rows.tolist()]


def _read(
    inside: Sequence[tuple[str, ...]], *, where: str, shards: Sequence[str], more: bool = False
) -> list[tuple[tuple[str, ...], str]]:
    """Of one name in each folder: its parts from the class on, and the split that a folder above gives."""
    if shards:
        _require_one_wrapping(inside, where=where)
    alone = set(SPLITS) if more else {"validation", "test"}  # a train folder may be a wrapping
    parts = _unwrapped([part[bool(shards) :] for part in inside], alone)
    given = _given_splits(parts, where=where)
    if not more and any(given) and "train" not in given:
        named = {top for top, *_ in parts}
        raise InputError(
            f"{where}: only {_listed(named)} found; a folder named train is missing; {_IF_CLASSES}"
        )
    if any(given):
        parts = _unnested([part[1:] for part in parts], given)
    return list(zip(parts, given, strict=True))


def _require_one_wrapping(inside: Sequence[tuple[str, ...]], *, where: str) -> None:
    """InputError where each shard wraps a folder of its own around the same folders: either may be the classes.

    Split folders wrap classes for sure.
    """
    outer: dict[str, set[str]] = {}
    inner: dict[str, set[str]] = {}
    for shard, top, *rest in inside:
        outer.setdefault(shard, set()).add(top)
        inner.setdefault(top, set()).update(rest[:1] if len(rest) > 1 else ())
    common = set.intersection(*inner.values())
    if all(map(split_word, inner)):
        return
    if len(inner) == len(outer) > 1 and all(len(tops) == 1 for tops in outer.values()) and len(common) > 1:
        raise InputError(
            f"{where}: each archive holds one folder of its own, {_listed(set(inner))}, and each of these the folders "
            f"{_listed(common)}, so that either may be the classes; make the archives again without the outer folders, "
            "or put a table beside them, labels.csv"
        )


def _require_classes(
    read: Sequence[tuple[tuple[str, ...], str]], folders: _Folders, names: Sequence[str], *, where: str
) -> None:
    """InputError for images in no class folder, and for a class whose folders are classes themselves."""
    loose = [number for number, (part, _) in enumerate(read) if len(part) < 2]
    if loose:
        rows = np.flatnonzero(np.isin(folders.numbers, loose))
        first, many = names[rows[0]], len(rows) > 1
        do = (
            "its name holds backslashes, as an archive of Windows leaves them: unpack it with another program"
            if "\\" in first
            else f"move {'each' if many else 'it'} into the folder of its class"
        )
        lie = "images lie" if many else "image lies"
        raise InputError(f"{where}: {len(rows)} {lie} in no class folder, the first {first!r}; {do}")
    labels = {part[0] for part, _ in read}
    below: dict[str, set[str]] = {}
    for part, _ in read:
        below.setdefault(part[0], set()).add(part[1] if len(part) > 2 else "")
    if wraps := sorted(name for name, inner in below.items() if inner <= labels - {name}):
        raise InputError(
            f"{where}: {wraps[0]!r} would be a class, but holds nothing but folders that are called as classes are, "
            f"{_listed(below[wraps[0]])}; move these beside the others, or rename them"
        )


def _about_inner(read: Sequence[tuple[tuple[str, ...], str]], folders: _Folders) -> Iterator[str]:
    """What to say of folders within a class: somebody may have meant these as classes, or as splits."""
    inner = {
        "/".join(whole[: len(whole) - len(part) + 2])
        for whole, (part, _) in zip(folders.inside, read, strict=True)
        if len(part) > 2
    }
    if inner:
        yield f"neither classes nor splits, but parts of the class that they lie in: {listed(sorted(inner))}"


def _about_splits(read: Sequence[tuple[tuple[str, ...], str]], folders: _Folders) -> Iterator[str]:
    """What to say of several folders that are read as one split, as `test` and `testing` are."""
    named: dict[str, set[str]] = {}
    for whole, (part, split) in zip(folders.inside, read, strict=True):
        above = [folder for folder in whole[: len(whole) - len(part)] if split_word(folder) == split]
        if split and above:
            named.setdefault(split, set()).add(above[0])
    for split, tops in sorted(named.items()):
        if len(tops) > 1:
            yield f"read as one split, {split}: {listed(sorted(tops))}"


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def split_word(folder: str) -> str:
    """The split that a folder's name means: ``val``, ``Testing``, ``seg_train``, ``test set``; or ""."""
    words = re.split(r"[^0-9a-z]+", folder.lower())
    splits = {_WORDS[word] for word in words if word in _WORDS}
    return splits.pop() if len(splits) == 1 else ""


def _unwrapped(parts: list[tuple[str, ...]], alone: Container[str]) -> list[tuple[str, ...]]:
    """Without the folders that hold everything, as long as class folders remain below.

    A folder of a split that may stand `alone` is kept.
    """
    while len({part[0] for part in parts}) == 1 and any(len(part) > 2 for part in parts):
        if split_word(parts[0][0]) in alone:
            break
        parts = [part[1:] for part in parts]
    return parts


def _given_splits(parts: list[tuple[str, ...]], *, where: str) -> list[str]:
    """The split each image's top folder names; all "" where the top folders are classes."""
    tops = {part[0] for part in parts}
    named = {top for top in tops if split_word(top)}
    holding_classes = any(len(part) > 2 and part[0] in named for part in parts)
    if not holding_classes and not all(top.lower() in _WORDS for top in tops):
        return [""] * len(parts)  # `train` beside `bus` and `plane` is a class
    if others := tops - named:
        raise InputError(
            f"{where}: {_listed(others)} lies beside the split folders {_listed(named)}; "
            f"move it out, or rename it train, validation or test; {_IF_CLASSES}"
        )
    return [split_word(part[0]) for part in parts]


def _unnested(parts: list[tuple[str, ...]], given: list[str]) -> list[tuple[str, ...]]:
    """Without a second folder of the split's own name: ``train/train/cats/…`` as Kaggle packs it."""
    inner: dict[str, set[str]] = {split: set() for split in given}
    for split, part in zip(given, parts, strict=True):
        inner[split].add(part[0])
    nested = {split for split, names in inner.items() if {split_word(name) for name in names} == {split}}
    return [part[1:] if split in nested else part for split, part in zip(given, parts, strict=True)]


def _listed(names: set[str]) -> str:
    return ", ".join(repr(name) for name in sorted(names))
