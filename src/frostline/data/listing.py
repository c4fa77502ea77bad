"""Which files are images, and in which order: the same answer on every machine."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TypeVar

from frostline.errors import InputError
from frostline.files import printable

_RASTER = {".bmp", ".gif", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
EXTENSIONS = frozenset(_RASTER | {".jfif", ".jpe", ".jpeg", ".jpg"})
# What systems leave beside images: archives made by macOS, Synology thumbnails. Hidden names go too.
_LITTER = frozenset({"__MACOSX", "@eaDir"})

T = TypeVar("T")


def is_image(name: str) -> bool:
    """Whether a relative '/'-separated name looks like an image that somebody meant to keep."""
    path = PurePosixPath(name)
    kept = not any(part in _LITTER or part.startswith(".") for part in path.parts if part != "..")
    return kept and path.suffix.lower() in EXTENSIONS


def find_images(folder: Path) -> list[str]:
    """Image files below a folder: relative '/'-separated names as the system gives them, sorted by bytes.

    Names that are not UTF-8 hold surrogates (`os.fsencode` gives the bytes back). Links to folders
    are followed, loops once; dangling links are listed, so that reading them can say so; pipes and
    devices are not. Raises InputError for a folder that cannot be listed.
    """
    return sorted(_walk(folder, "", ancestors=()), key=os.fsencode)


def _walk(folder: Path, prefix: str, *, ancestors: tuple[tuple[int, int], ...]) -> Iterator[str]:
    try:
        status = folder.stat()
        entries = list(os.scandir(folder))
    except OSError as error:
        raise InputError(f"cannot list {_shown(folder)}: {error.strerror}; check its permissions") from None
    here = (status.st_dev, status.st_ino)
    if here in ancestors:
        return
    for entry in entries:
        name = prefix + entry.name
        if Path(entry.path).is_dir():
            if entry.name not in _LITTER and not entry.name.startswith("."):
                yield from _walk(Path(entry.path), f"{name}/", ancestors=(*ancestors, here))
        elif is_image(entry.name) and _readable(entry):
            yield name


def _readable(entry: os.DirEntry[str]) -> bool:
    """A regular file, or a link to nothing: that one becomes a row that says so."""
    path = Path(entry.path)
    return path.is_file() or (entry.is_symlink() and not path.exists())


def index(entries: Iterable[tuple[str, T]], *, where: str) -> dict[str, T]:
    """Entries by printable name, images only, in the one stable order (that of code points).

    Of the same name twice, the last entry counts, as unpacking would have it. Raises InputError for
    names that leave the archive and for different names that print alike.
    """
    real: dict[str, str] = {}
    found: dict[str, T] = {}
    for raw, entry in entries:
        if not is_image(raw):
            continue
        name = printable(_inside(raw, where=where))
        if real.setdefault(name, raw) != raw:
            raise InputError(f"{where}: two different files print as {name!r}; rename one of them")
        found[name] = entry
    return {name: found[name] for name in sorted(found)}


def _inside(raw: str, *, where: str) -> str:
    """A name without './' and '//'; InputError for one that points out of its archive."""
    parts = [part for part in raw.split("/") if part not in {"", "."}]
    if raw.startswith("/") or ".." in parts:
        raise InputError(
            f"{where}: entry {_shown(raw)} points outside the archive; make the archive again without it"
        )
    return "/".join(parts)


def _shown(path: str | Path) -> str:
    """A path on one line, in quotes."""
    return repr(printable(path))
