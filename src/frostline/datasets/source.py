"""A dataset's or a score job's images by name, from a folder or an archive alike."""

import contextlib
import functools
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType

import numpy as np

from frostline import memory
from frostline.datasets import archives
from frostline.datasets.listing import Names, index, is_image, note, walk_images
from frostline.datasets.listing_notes import ListingNotes, is_archive
from frostline.errors import InputError, first_line
from frostline.files import printable
from frostline.images import ImageError

NO_SHARDS: Mapping[str, archives.Opened] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Holder:
    """The file that holds an image: its path, and its name below the source; "." where it is the source."""

    path: str
    name: str


class ImageSource:
    """Images by printable name. Reading is thread-safe; use it in a `with`, or close it.

    Where a copy of it is unpickled, what lies at its path is opened there, once in each process.
    """

    def __init__(
        self,
        opened: archives.Opened,
        *,
        path: Path,
        shards: Mapping[str, archives.Opened] = NO_SHARDS,
        holder: Callable[[str], Holder] | None = None,
    ) -> None:
        names = opened.names
        self._read, self._close = opened.read, opened.close
        self._path, self._names = path, names if isinstance(names, Names) else Names(names)
        self.notes = opened.notes  # of what lies beside the images
        self._known = np.sort(np.fromiter(map(hash, names), np.int64, len(names)))
        # A folder's archives in order; images are then named `shard/name`.
        self.shards, self._shards = tuple(shards), shards
        self.holder = holder or _inside(path)  # the file that an image is, or lies in

    @property
    def path(self) -> Path:
        """The folder or archive that was opened."""
        return self._path

    def names(self) -> Names:
        """Relative '/'-separated names of all images in stable order, valid Unicode."""
        return self._names

    def read(self, name: str) -> bytes:
        """The bytes of one image; ImageError with a short reason where they cannot be had."""
        place = np.searchsorted(self._known, hash(name))
        if place == len(self._known) or self._known[place] != hash(name):
            raise ImageError("cannot be read: no such file")
        try:
            return self._read(name)
        except OSError as error:
            raise unreadable(error) from error

    def table(self, name: str) -> bytes:
        """The bytes of a table of labels among the notes; InputError where they cannot be had."""
        try:
            return self._read(name)
        except (OSError, ImageError) as error:
            raise InputError(f"cannot read {printable(self._path)}/{name}: {_why(error)}") from None

    def grown(self) -> "ImageSource":
        """The folder as it is now, where archives came: those that are open are not read again, and are then its own
        to close."""
        return _open_folder(self._path, self._shards)

    def close(self) -> None:
        """Release the archive; a folder holds nothing."""
        self._close()

    def __reduce__(self) -> tuple[Callable[[Path], "ImageSource"], tuple[Path]]:
        return _again, (self._path.absolute(),)

    def __enter__(self) -> "ImageSource":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def unreadable(error: OSError) -> ImageError:
    """Why one image cannot be had: without its path, which is absolute and would end up in manifests."""
    return ImageError(f"cannot be read: {error.strerror or type(error).__name__}")


def _inside(archive: Path) -> Callable[[str], Holder]:
    """All images of one archive lie in it."""
    whole = Holder(str(archive), ".")
    return lambda _: whole


def _why(error: OSError | ImageError) -> str:
    return (isinstance(error, OSError) and error.strerror) or first_line(error).removeprefix(
        "cannot be read: "
    )


def open_source(path: Path) -> ImageSource:
    """Open a folder of images or of archives, a zip, tar or tar.gz.

    Raises InputError for what is missing, unreadable or none of these.
    """
    try:
        if path.is_dir():
            return _open_folder(path)
        if not path.exists():
            raise InputError(
                f"{printable(path)} is missing; put it back, or fetch it with `dvc pull data.dvc`"
            )
        if not path.is_file():
            raise InputError(f"{printable(path)} is a pipe or a device; name a folder or an archive")
        return ImageSource(archives.open_archive(path), path=path)
    except PermissionError:
        raise InputError(f"cannot read {printable(path)}: permission denied") from None


def read_regular(path: str) -> bytes:
    """The bytes of one file that may be an image; OSError, or ImageError for what is too large, a pipe or a device."""
    with open(path, "rb", opener=_without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("cannot be read: a pipe or a device")
        archives.check_size(status.st_size)
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a pipe would wait for a writer


def read_image(path: Path) -> bytes:
    """The bytes of an image file, or of an image in an archive by the path of both: `digits.zip/3/digit-0003.png`.

    OSError, ImageError or InputError where they cannot be had.
    """
    archive = next((above for above in path.parents if above.is_file()), None)
    if archive is None:
        return read_regular(str(path))
    with open_source(archive) as source:
        return source.read(path.relative_to(archive).as_posix())


@functools.lru_cache(maxsize=8)
def _again(path: Path) -> ImageSource:
    """What another process meant, held open until this process ends."""
    return open_source(path)


def _open_folder(folder: Path, known: Mapping[str, archives.Opened] = NO_SHARDS) -> ImageSource:
    names, odd, notes = _listed(folder)
    if not names and (shards := _shards(folder)):
        return _open_shards(folder, shards, notes, known)

    def read(name: str) -> bytes:
        # Not by pathlib, which keeps a table of all names it ever saw.
        return read_regular(f"{folder}/{odd.get(name, name)}")

    def holder(name: str) -> Holder:
        return Holder(f"{folder}/{odd.get(name, name)}", name)

    return ImageSource(archives.Opened(names, notes, read, lambda: None), path=folder, holder=holder)


def _listed(folder: Path) -> tuple[Names, dict[str, str], ListingNotes]:
    """A folder's images by printable name; what names that are not UTF-8 really are; and what lies beside."""
    odd: dict[str, str] = {}
    notes = ListingNotes()

    def shown(real: str) -> str:
        name = printable(real)
        if name != real:
            odd[name] = real
        note(notes, real, name)
        return name

    def other(real: str) -> None:
        name = shown(real)
        if is_image(real):  # a pipe or a device, called as images are
            notes.add(name)

    def hidden(real: str) -> None:
        notes.hide(printable(real))

    names = Names(shown(real) for real in walk_images(folder, other=other, hidden=hidden))
    if odd:  # these may be out of order, or print as another does
        names = Names(index(((real, real) for real in walk_images(folder)), where=printable(folder)))
    return names, odd, notes


def _shards(folder: Path) -> dict[str, Path]:
    """Archives that lie in a folder, by printable name in order."""
    archives_by_name = {printable(path.name): path for path in folder.iterdir() if is_archive(path.name)}
    return {name: archives_by_name[name] for name in sorted(archives_by_name) if not name.startswith(".")}


def _open_shards(
    folder: Path, shards: dict[str, Path], notes: ListingNotes, known: Mapping[str, archives.Opened]
) -> ImageSource:
    """Archives of one dataset as one source: `shard/name`, shard by shard; those that are `known` are open."""
    notes = notes.without(shards)
    with contextlib.ExitStack() as stack, memory.uncollected():  # of a million names none is garbage
        opened = {}
        for shard, path in shards.items():
            opened[shard] = known.get(shard) or archives.open_archive(path)
            stack.callback(opened[shard].close)
            notes.below(shard, opened[shard].notes)
        closing = stack.pop_all()
    names = Names(f"{shard}/{name}" for shard, archive in opened.items() for name in archive.names)

    def read(name: str) -> bytes:
        shard, _, inside = name.partition("/")
        return (
            opened[shard].read(inside) if shard in opened else read_regular(f"{folder}/{name}")
        )  # a table beside

    holders = {shard: Holder(str(path), shard) for shard, path in shards.items()}
    return ImageSource(
        archives.Opened(names, notes, read, closing.close),
        path=folder,
        shards=opened,
        holder=lambda name: holders[name.partition("/")[0]],
    )
