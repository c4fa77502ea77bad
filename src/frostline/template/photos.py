"""A folder or archive of labelled photos, as a recipe must know it, and as a project holds it."""

import contextlib
import filecmp
import itertools
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatch
from pathlib import Path
from statistics import median

from frostline import images
from frostline.datasets import labels, shards, splits
from frostline.datasets.layout import SPLITS, LabelledImages
from frostline.datasets.listing import walk_images
from frostline.datasets.listing_notes import ARCHIVES, counted
from frostline.datasets.shards import Packed
from frostline.datasets.source import ImageSource, open_source
from frostline.errors import FrostlineError, InputError, first_line
from frostline.files import printable
from frostline.pipeline import holdings

MEASURED = 200  # photos whose size is read: a median needs no more
_UNFINISHED = ".frostline"  # a folder that .dvcignore and .gitignore name, on the same disk as what is linked
DVC_LEFT = ".*.tmp"  # a file that DVC was about to copy back from its cache; .dvcignore names it
_DVC = {"dvc.yaml", "dvc.lock"}  # DVC would obey these, and files called .dvc, where they lie in data/


class Extent(Enum):
    """How much of some photos lies at a place: all, a part and nothing else, or something else."""

    ALL = "all"
    SOME = "some"
    OTHER = "other"


@dataclass(frozen=True)
class Photos:
    """`classes` and `splits` count photos, the latter those that folders or a table give ("" for the rest); `side` is
    the median of the shorter sides in pixels, `remarks` say what was left out or read otherwise, a line each."""

    classes: Mapping[str, int]
    splits: Mapping[str, int]
    side: int
    remarks: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All photos."""
        return sum(self.classes.values())

    def expected(self, split: str, share: float) -> int:
        """How many photos a split will have: those given, else its share of what is drawn."""
        if self.splits.get(split):
            return self.splits[split]
        among = self.splits.get("") or self.splits.get("train", 0)
        return round(among * share)


def look(path: Path) -> Photos:
    """Read what there is; InputError where it is no dataset of two or more classes, or has names DVC cannot hold."""
    if not path.exists():
        raise InputError(
            f"{printable(path)} does not exist; name the folder or archive that holds your photos"
        )
    if path.is_dir():
        _require_utf8(path)
    with open_source(path) as source:
        return seen(source, path)


def seen(source: ImageSource, path: Path, *, draw: bool = True) -> Photos:
    """As `look`, of what is open; without `draw` no remark says whether splits can be drawn, which takes a while."""
    found = labels.read(source, path)
    gone = set() if source.shards else _gone(found.names, path)
    there = found.without(gone) if gone else found
    names = labels.classes(there, None, where=printable(path))
    classes, given = (Counter(there.column(field)) for field in ("label", "split"))
    return Photos(
        {name: classes[name] for name in names},
        {name: given[name] for name in (*SPLITS, "") if given[name]},
        _side(source, there.names),
        (*found.remarks, *_about_gone(gone), *(_about_splits(there) if draw else ())),
    )


def _require_utf8(folder: Path) -> None:
    for real in _files(folder):
        if (name := printable(real)) != real:
            raise InputError(
                f"{printable(folder)}: the name {name!r} is not UTF-8, which DVC cannot hold; rename the file, and "
                "all like it"
            )


def _gone(names: Iterable[str], path: Path) -> set[str]:
    """Links of a folder that lead to nothing; InputError for a photo that this user may not read, nor could DVC."""
    closed = {name for name in names if not os.access(f"{path}/{name}", os.R_OK)} if path.is_dir() else set()
    if locked := [name for name in closed if os.path.exists(f"{path}/{name}")]:  # noqa: PTH110 - which never raises
        raise InputError(
            f"{len(locked)} of the photos in {printable(path)} cannot be read, the first {min(locked)!r}; check their "
            "permissions"
        )
    return closed


def _about_gone(gone: set[str]) -> list[str]:
    if not gone:
        return []
    return [f"left out, broken links: {counted(len(gone), 'file')}, the first {min(gone)!r}"]


def _about_splits(there: LabelledImages) -> list[str]:
    """What preprocess would refuse for sure, while photos can be added."""
    why = splits.impossible(there)
    return [f"to be mended before dvc repro: {why}"] if why else []


def _side(source: ImageSource, names: Sequence[str]) -> int:
    """The median of the shorter sides of some of these photos; InputError where none of them can be read."""
    step = max(1, len(names) // MEASURED)
    sides = []
    problem = "no images"
    for name in names[::step]:
        try:
            sides.append(min(images.size(source.read(name))))
        except images.ImageError as error:
            problem = f"{name}: {first_line(error)}"
    if not sides:
        raise InputError(f"none of the photos can be read ({problem})")
    return round(median(sides))


def ending(path: Path) -> str:
    """The ending of an archive, "" of a folder."""
    name = path.name.lower()
    return (
        next((suffix for suffix in ARCHIVES if name.endswith(suffix)), path.suffix.lower())
        if path.is_file()
        else ""
    )


def link(source: Path, target: Path) -> None:
    """Hard links, file by file; copies where the photos lie on another disk. All of them stand there, or nothing; where
    a part of them stands (`linked`), the others join it.

    Not symbolic links: DVC does not look behind them, so the photos would never be versioned. Folders are this
    user's own, who can add and remove files in them whatever the modes of the photos' folders.
    """
    beside = target.parent / _UNFINISHED / target.name
    try:
        with _unfinished(beside):
            if source.is_file():
                link_file(str(source), str(beside))
            else:
                _link_all(source, beside)
            _settle(beside, target)
    except OSError as error:
        reason = error.strerror or str(error)[:200]
        raise FrostlineError(
            f"cannot link {printable(error.filename or source)} to {printable(target)}: {reason}; nothing was changed"
        ) from None


@contextlib.contextmanager
def _unfinished(beside: Path) -> Iterator[None]:
    """A place for what will stand elsewhere; nothing stays of it, nor of what a run left there that was killed."""
    remove(beside)
    beside.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    finally:
        remove(beside)
        with contextlib.suppress(OSError):  # others may be at work in it
            beside.parent.rmdir()


def _settle(beside: Path, target: Path) -> None:
    """Move what was made to its place. What stands there stays: it may be the only copy of what the source links to."""
    if not target.is_dir():
        beside.replace(target)
        return
    for made in sorted(path for path in beside.rglob("*") if path.is_file()):
        place = target / made.relative_to(beside)
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            made.replace(place)


def pack(source: Path, target: Path) -> None:
    """Pack photos into archives in a new folder. All of them stand there, or nothing, or they join a part of them;
    errors as `append`."""
    beside = target.parent / _UNFINISHED / target.name
    with _unfinished(beside):
        append(source, beside)
        _settle(beside, target)


def append(source: Path, folder: Path, *, more: bool = False) -> Packed:
    """Pack what is new of photos into further archives of a folder; InputError and FrostlineError as `shards.pack`.

    With `more`, for photos that join a dataset with split folders, a single split is enough.
    """
    with open_source(source) as opened:
        found = labels.read(opened, source, more=more)
        gone = set() if opened.shards else _gone(found.names, source)
        there = found.without(gone) if gone else found
        return shards.pack(shards.placed(there, opened.read, where=printable(source)), folder)


def packed(source: Path, target: Path) -> Extent:
    """How much of what `pack` would bring stands at `target` already, with nothing else beside it: equal photos make
    archives of equal names."""
    if not shards.is_packed(target):
        return Extent.OTHER
    beside = target.parent / _UNFINISHED / target.name
    with _unfinished(beside):
        append(source, beside)
        return _extent({path.name for path in beside.iterdir()}, {path.name for path in target.iterdir()})


def _link_all(source: Path, target: Path) -> None:
    for folder, names in itertools.groupby(_files(source), key=lambda name: name.rpartition("/")[0]):
        (target / folder).mkdir(parents=True, exist_ok=True)
        for name in names:
            link_file(f"{source}/{name}", f"{target}/{name}")


def linked(source: Path, target: Path) -> Extent:
    """How much of what `link` would bring stands at `target` already, with no other photo beside it: as a run leaves it
    that was killed afterwards, or whoever put the photos there by hand."""
    if target.is_symlink() or source.is_dir() != target.is_dir() or not target.exists():
        return Extent.OTHER
    if not source.is_dir():
        return Extent.ALL if _same(source, target) else Extent.OTHER
    there = set(_files(target))
    found = _extent(set(_files(source)), there)
    if found == Extent.OTHER or (found == Extent.SOME and any(map(_is_kept, target.rglob(".*")))):
        return Extent.OTHER
    return found if all(_same(source / name, target / name) for name in there) else Extent.OTHER


def _extent(wanted: set[str], there: set[str]) -> Extent:
    visible = {name for name in there if not fnmatch(name, DVC_LEFT)}
    part = Extent.SOME if visible and visible < wanted else Extent.OTHER
    return Extent.ALL if visible == wanted else part


def _is_kept(hidden: Path) -> bool:
    """Whether a hidden file is somebody's, not what DVC leaves of a copy that was cut off."""
    return not fnmatch(hidden.name, DVC_LEFT)


def _same(one: Path, other: Path) -> bool:
    return one.samefile(other) or filecmp.cmp(one, other, shallow=False)


def require_held(place: Path) -> None:
    """FrostlineError where DVC, after `dvc add`, does not hold every file that was linked."""
    holdings.require_held(place, list(_files(place)) if place.is_dir() else ["."])


def _files(folder: Path) -> Iterator[str]:
    """What is linked of a folder: no hidden names, no DVC files, no links to nothing or to a folder above, no pipes."""
    others: list[str] = []
    for name in itertools.chain(walk_images(folder, other=others.append), others):
        last = name.rpartition("/")[2]
        if last and not (last in _DVC or last.endswith(".dvc")) and os.path.isfile(f"{folder}/{name}"):  # noqa: PTH113
            yield name


def link_file(source: str, target: str) -> None:
    """A hard link, or a copy where there can be none."""
    try:
        os.link(os.path.realpath(source), target)
    except OSError:
        shutil.copyfile(source, target)


def remove(target: Path) -> None:
    """A folder or a file, if it is there."""
    if target.is_dir():
        shutil.rmtree(target, ignore_errors=True)
    else:
        target.unlink(missing_ok=True)
