"""Photos that were labelled on the page go where a dataset's photos of their class lie."""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from frostline import files
from frostline.datasets import labels, layout, shards
from frostline.datasets.decisions import LABEL, PhotoDecision
from frostline.datasets.shards import Photo
from frostline.datasets.source import ImageSource
from frostline.errors import InputError
from frostline.files import printable


@dataclass(frozen=True)
class Entered:
    """What was put into a dataset: new files, and photos that were decided and are not in the folder any more."""

    paths: tuple[Path, ...]
    gone: tuple[str, ...]


def folders(source: ImageSource, root: Path) -> dict[str, str]:
    """Class → the folder, below `root` or in its archives, where its photos lie: that which trains, where splits are
    given.

    InputError where photos cannot be put into class folders: an archive, archives that `frostline data add --shards`
    did not pack, a table of labels.
    """
    where = printable(root)
    if not root.is_dir() or (source.shards and not shards.is_packed(root)):
        raise InputError(
            f"{where} is made of archives, into which no photo can be put; unpack it into a folder first, or add it "
            "again with --shards"
        )
    if source.notes.tables:
        raise InputError(
            f"{where} has its classes from {source.notes.tables[0]}; photos to label next need class folders"
        )
    names = source.names()
    known = layout.class_folders(names, where=where, shards=source.shards)
    found: dict[str, tuple[int, str]] = {}
    for image in labels.read(source, root):
        folder = _class_folder(image.name, known)
        rank = ("train", "", "validation", "test").index(image.split)
        found[image.label] = min(found.get(image.label, (9, "")), (rank, folder))
    within = len(source.shards) > 0  # of an archive, whose own name comes first
    return {label: folder.split("/", 1)[1] if within else folder for label, (_, folder) in found.items()}


def _class_folder(name: str, known: set[str]) -> str:
    """The folder of its class that an image lies in or below."""
    folder = name.rpartition("/")[0]
    while folder not in known and folder:
        folder = folder.rpartition("/")[0]
    return folder


def enter(  # noqa: PLR0913  # from where to where
    decided: Mapping[str, PhotoDecision],
    *,
    names: Mapping[str, str],
    read: Callable[[str], bytes],
    into: Mapping[str, str],
    root: Path,
    here: Iterable[str],
) -> Entered:
    """Copy labelled photos into the folders of their classes, each whole or not at all, under its own name; where the
    dataset is archives, into a further one.

    names: content → name in the folder of new photos. into: class → folder below `root`. here: the contents that the
    dataset has already, so that it can be done again after a kill. A name that is taken gets a part of the hash.
    """
    held, taken, gone = set(here), list[Photo](), list[str]()
    for sha256, decision in decided.items():
        if decision.action != LABEL or decision.old or sha256 in held:
            continue
        if sha256 not in names or decision.new not in into:
            gone.append(decision.path)
            continue
        content = read(names[sha256])
        if files.sha256(content) != sha256:
            gone.append(decision.path)
            continue
        name = names[sha256].rpartition("/")[2]
        taken.append(Photo(f"{into[decision.new]}/{name}", functools.partial(bytes, content)))
    return Entered(
        tuple(_packed(root, taken) if shards.is_packed(root) else _written(root, taken)), tuple(gone)
    )


def _packed(root: Path, photos: Sequence[Photo]) -> list[Path]:
    made = shards.pack(photos, root).paths
    return [made[0] / photo.place for photo in photos]


def _written(root: Path, photos: Sequence[Photo]) -> list[Path]:
    return [_write(root / photo.place, photo.read()) for photo in photos]


def _write(place: Path, content: bytes) -> Path:
    if place.exists():
        place = place.with_name(f"{place.stem}-{files.sha256(content)[:8]}{place.suffix}")
    with files.writing(place) as temporary:
        temporary.write_bytes(content)
    return place
