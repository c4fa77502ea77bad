"""Photos packed into archives that are never written again: DVC looks after one file for thousands of photos.

An archive is called by its number and the beginning of its SHA-256, holds class folders (below split folders, where
the dataset has these), and gets the same bytes from the same photos. What is new comes into further archives. Nothing
is taken out of one: decisions.csv says which photos are left out, and which belong to another class.
"""

import functools
import itertools
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from frostline import files
from frostline.datasets.layout import LabelledImages
from frostline.datasets.listing import Names
from frostline.errors import InputError
from frostline.files import printable
from frostline.images import ImageError

PHOTOS, BYTES = 4096, 2**29  # an archive has no more photos, and is closed when it has so many bytes
_NAME = re.compile(r"(\d{5,})-[0-9a-f]{16}\.zip")
_WHEN = (
    1980,
    1,
    1,
    0,
    0,
    0,
)  # the first that a zip can name: not today, so that equal photos are equal bytes


@dataclass(frozen=True)
class Photo:
    """A photo to pack: where it lies in an archive, `[split/]class/file`, and what reads it (InputError)."""

    place: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Packed:
    """What packing did, in photos: `new`, `known` that lay there already in their class and split, `elsewhere` the
    new ones that lie there in another class or split, too; and the archives that it made."""

    new: int
    known: int
    elsewhere: tuple[str, ...]
    paths: tuple[Path, ...]


def is_packed(folder: Path) -> bool:
    """Whether a folder holds archives of this kind and no others. OSError where it cannot be listed."""
    found = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    return bool(found) and all(_NAME.fullmatch(path.name) for path in found)


def placed(images: LabelledImages, read: Callable[[str], bytes], *, where: str) -> Iterator[Photo]:
    """The photos of a dataset as they are packed.

    InputError for what class folders cannot say: groups, and classes whose names are no folder's. Their readers raise
    it where a photo cannot be read.
    """
    for image in images:
        if image.group:
            raise InputError(f"{where}: its table has groups, which archives of class folders cannot hold")
        if "/" in image.label or image.label.startswith("."):
            raise InputError(f"{where}: class {image.label!r} cannot be the name of a folder; rename it")
        folders = [*filter(None, [image.split]), image.label]
        content = functools.partial(_content, read, image.name, where=where)
        yield Photo("/".join([*folders, image.name.rpartition("/")[2]]), content)


def _content(read: Callable[[str], bytes], name: str, *, where: str) -> bytes:
    try:
        return read(name)
    except ImageError as error:
        raise InputError(f"{where}/{name}: {error}; mend it, or take it out of the folder") from None


def pack(photos: Iterable[Photo], folder: Path) -> Packed:
    """Append those photos to a folder that do not lie there in the same class and split; each archive whole or not.

    Done again after a kill it goes on. A file's name that is taken within an archive gets a part of the photo's hash.
    InputError where a photo or an archive cannot be read, FrostlineError where an archive cannot be written: then none
    that was made stays.
    """
    held = _Held(sorted(path for path in _listed(folder) if _NAME.fullmatch(path.name)))
    fresh, made = _Fresh(photos, held), list[Path]()
    contents, number = iter(fresh), max((int(path.name.partition("-")[0]) for path in held.shards), default=0)
    try:
        for first in contents:  # of an archive, which takes those that follow
            number += 1
            made.append(_write(folder, number, itertools.chain([first], contents)))
    except BaseException:
        for path in made:
            path.unlink(missing_ok=True)
        raise
    return Packed(fresh.new, fresh.known, tuple(fresh.elsewhere), tuple(made))


def _listed(folder: Path) -> Sequence[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _write(folder: Path, number: int, photos: Iterable[tuple[str, bytes]]) -> Path:
    """One archive of as many photos as it may have, in their order."""
    try:
        with files.temporary(folder / "packing.zip") as beside:
            with zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as archive:
                _fill(archive, photos)
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            path = folder / f"{number:05}-{files.sha256_file(beside)[:16]}.zip"
            beside.replace(path)
            return path
    except OSError as error:
        raise files.cannot_write(folder, error) from error


def _fill(archive: zipfile.ZipFile, photos: Iterable[tuple[str, bytes]]) -> None:
    taken, size = set[str](), 0
    for place, content in photos:
        entry = zipfile.ZipInfo(_free(place, content, taken), _WHEN)
        entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on Linux, wherever it is packed
        archive.writestr(entry, content)
        taken.add(entry.filename.casefold())  # it may be unpacked where case does not count
        size += len(content)
        if len(taken) == PHOTOS or size >= BYTES:
            return


def _free(place: str, content: bytes, taken: set[str]) -> str:
    """A name within the archive that is not taken; two photos of one class and name are told apart by their content."""
    if place.casefold() not in taken:
        return place
    stem, dot, ending = place.rpartition(".")
    return f"{stem}-{files.sha256(content)[:16]}{dot}{ending}"


@dataclass
class _Fresh:
    """The photos of a source that a folder does not hold, each content once in a class; what it counts is whole at
    the end."""

    photos: Iterable[Photo]
    held: "_Held"
    new: int = 0
    known: int = 0
    elsewhere: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        came = set[str]()
        for photo in self.photos:
            content = photo.read()
            folders = self.held.folders(content)
            mine = photo.place.rpartition("/")[0]
            once = files.sha256(f"{mine}/{files.sha256(content)}".encode())[:32]
            if mine in folders or once in came:
                self.known += 1
                continue
            came.add(once)
            self.new += 1
            self.elsewhere += [photo.place] if folders else []
            yield photo.place, content


class _Held:
    """What the archives of a folder hold: found by checksum and size, and compared byte for byte."""

    def __init__(self, shards: Sequence[Path]) -> None:
        self.shards = shards
        entries = [_entries(path) for path in shards]
        keys = np.concatenate([np.zeros(0, np.uint64), *(keys for keys, _ in entries)])
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self._ends = np.cumsum([len(names) for _, names in entries], dtype=np.int64)
        self._names = Names(itertools.chain.from_iterable(names for _, names in entries))
        self._open = functools.lru_cache(maxsize=8)(zipfile.ZipFile)

    def folders(self, content: bytes) -> set[str]:
        """The `[split/]class` folders in which a photo of this content lies."""
        key = _key(zlib.crc32(content), len(content))
        first, last = np.searchsorted(self._keys, [key, key + np.uint64(1)])
        return {
            self._names[row].rpartition("/")[0]
            for row in self._order[first:last].tolist()
            if self._content(row) == content
        }

    def _content(self, row: int) -> bytes:
        shard = self.shards[int(np.searchsorted(self._ends, row, side="right"))]
        return self._open(shard).read(self._names[row])


def _entries(path: Path) -> tuple[np.ndarray, list[str]]:
    """Checksums with sizes, and names, of one archive's photos."""
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{printable(path)} is damaged or cannot be read: remove it, then `dvc checkout` brings it back"
        ) from error
    return np.array([_key(info.CRC, info.file_size) for info in infos], np.uint64), [
        info.filename for info in infos
    ]


def _key(crc: int, size: int) -> np.uint64:
    return np.uint64((crc << 32) | (size & 0xFFFFFFFF))
