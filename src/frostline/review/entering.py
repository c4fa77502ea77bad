"""Photos that were labelled on the page go where a dataset's photos of their class lie."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from frostline import files
from frostline.datasets import labels, layout
from frostline.datasets.decisions import LABEL, PhotoDecision
from frostline.datasets.source import ImageSource
from frostline.errors import InputError
from frostline.files import printable


@dataclass(frozen=True)
class Entered:
    """What was put into a dataset: new files, and photos that were decided and are not in the folder any more."""

    paths: tuple[Path, ...]
    gone: tuple[str, ...]


def folders(source: ImageSource, root: Path) -> dict[str, str]:
    """Class → the folder below `root` where its photos lie: that which trains, where splits are given.

    InputError where photos cannot be put into class folders: an archive, archives, a table of labels.
    """
    where = printable(root)
    if not root.is_dir() or source.shards:
        raise InputError(
            f"{where} is made of archives, into which no photo can be put; unpack it into a folder first"
        )
    if source.notes.tables:
        raise InputError(
            f"{where} has its classes from {source.notes.tables[0]}; photos to label next need class folders"
        )
    names = source.names()
    known = layout.class_folders(names, where=where)
    found: dict[str, tuple[int, str]] = {}
    for image in labels.read(source, root):
        folder = _class_folder(image.name, known)
        rank = ("train", "", "validation", "test").index(image.split)
        found[image.label] = min(found.get(image.label, (9, "")), (rank, folder))
    return {label: folder for label, (_, folder) in found.items()}


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
    """Copy labelled photos into the folders of their classes, each whole or not at all, under its own name.

    names: content → name in the folder of new photos. into: class → folder below `root`. here: the contents that the
    dataset has already, so that it can be done again after a kill. A name that is taken gets a part of the hash.
    """
    held, made, gone = set(here), [], []
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
        made.append(_write(root / into[decision.new], names[sha256], content))
    return Entered(tuple(made), tuple(gone))


def _write(folder: Path, name: str, content: bytes) -> Path:
    place = folder / name.rpartition("/")[2]
    if place.exists():
        place = place.with_name(f"{place.stem}-{files.sha256(content)[:8]}{place.suffix}")
    with files.writing(place) as temporary:
        temporary.write_bytes(content)
    return place
