"""A folder or archive of labelled photos, as a recipe must know it, and as a project holds it."""

import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from frostline import images
from frostline.datasets import labels
from frostline.datasets.layout import SPLITS
from frostline.datasets.listing import walk_images
from frostline.datasets.source import ImageSource, open_source
from frostline.errors import FrostlineError, InputError, first_line
from frostline.files import printable

MEASURED = 200  # photos whose size is read: a median needs no more
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")


@dataclass(frozen=True)
class Photos:
    """`classes` and `splits` count photos, the latter those that folders or a table give ("" for the rest);
    `side` is the median of the shorter sides in pixels, `other` counts files that are no images."""

    classes: Mapping[str, int]
    splits: Mapping[str, int]
    side: int
    other: int

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
    """Read what there is; InputError where it is no dataset of two or more classes."""
    if not path.exists():
        raise InputError(
            f"{printable(path)} does not exist; name the folder or archive that holds your photos"
        )
    other = _other(path) if path.is_dir() else 0
    with open_source(path) as source:
        placed = labels.read(source, path)
        classes = Counter(image.label for image in placed)
        splits = Counter(image.split for image in placed)
        side = _side(source)
    if len(classes) < 2:
        raise InputError(
            f"{printable(path)}: only one class, {next(iter(classes))!r}; a classifier needs two or more: "
            "put the photos of each class into a folder of its own"
        )
    _require_distinct(classes, path)
    ordered = {name: splits[name] for name in (*SPLITS, "") if splits[name]}
    return Photos(dict(sorted(classes.items())), ordered, side, other)


def _other(folder: Path) -> int:
    """How many files of a folder are neither images nor its table of labels."""
    names: list[str] = []
    for _ in walk_images(folder, other=names.append):
        pass
    return sum(name not in labels.TABLES for name in names)


def _require_distinct(classes: Iterable[str], path: Path) -> None:
    """InputError for two classes that read the same: an accented letter is one character, or a letter and an accent."""
    seen: dict[str, str] = {}
    for name in classes:
        if (twin := seen.setdefault(unicodedata.normalize("NFC", name), name)) != name:
            raise InputError(
                f"{printable(path)}: two classes read the same, {twin!a} and {name!a}: "
                "one name in two Unicode forms; put their photos into one folder, or rename one"
            )


def _side(source: ImageSource) -> int:
    """The median of the shorter sides of some photos; InputError where none of them can be read."""
    names = source.names()
    step = max(1, len(names) // MEASURED)
    sides = []
    problem = "no images"
    for name in list(names)[::step]:
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
        next((each for each in ARCHIVES if name.endswith(each)), path.suffix.lower())
        if path.is_file()
        else ""
    )


def link(source: Path, target: Path) -> None:
    """Hard links, file by file; copies where the photos lie on another disk. Nothing is left where it fails.

    Not symbolic links: DVC does not look behind them, so the photos would never be versioned.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file():
            link_file(str(source), str(target))
        else:
            shutil.copytree(source, target, copy_function=link_file, ignore=_left_out)
    except (OSError, shutil.Error) as error:
        remove(target)
        reason = getattr(error, "strerror", None) or str(error)[:200]
        raise FrostlineError(
            f"cannot link {printable(source)} to {printable(target)}: {reason}; nothing was changed"
        ) from None


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


def _left_out(folder: str, names: list[str]) -> list[str]:
    """What must stay behind: hidden names, DVC's files, links to a folder above or to nothing, pipes and devices."""
    here = Path(folder).resolve()
    entries = [(name, Path(folder, name)) for name in names]
    return [
        name
        for name, path in entries
        if name.startswith(".")
        or name.endswith(".dvc")
        or name in {"dvc.yaml", "dvc.lock"}
        or (here.is_relative_to(path.resolve()) if path.is_dir() else not path.is_file())
    ]
