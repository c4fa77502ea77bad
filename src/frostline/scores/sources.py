"""What a score job reads: a folder, an archive, or one image file, as named readers."""

import functools
import os
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from frostline.data.archives import check_size
from frostline.data.listing import EXTENSIONS, is_image
from frostline.data.source import Source, open_source
from frostline.engine.local import Item
from frostline.errors import InputError
from frostline.files import printable


def open_images(path: Path) -> Source:
    """A folder, an archive, or one file with an image's suffix; InputError for anything else."""
    if not path.exists():
        raise InputError(f"no such file or folder: {printable(path)}; name a folder, an archive or an image")
    if path.suffix.lower() in EXTENSIONS and path.is_file():
        return Source(([printable(path.name)], functools.partial(_read, path), _nothing))
    return open_source(path)


def _read(path: Path, name: str) -> bytes:  # noqa: ARG001  # there is only one
    check_size(path.stat().st_size)
    return path.read_bytes()


def _nothing() -> None:
    """A single file holds nothing open."""


def count_others(path: Path) -> int | None:
    """Files in a folder or zip that are passed over for their suffix; None where counting is dear.

    Hidden files and what systems leave beside images are not counted, folders behind links neither.
    """
    if path.is_dir():
        walked = ((Path(base), names) for base, _, names in os.walk(path))
        return _count((base / name).relative_to(path).as_posix() for base, names in walked for name in names)
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return _count(info.filename for info in archive.infolist() if not info.is_dir())
    return 0 if path.suffix.lower() in EXTENSIONS else None


def _count(names: Iterable[str]) -> int:
    return sum(_kept(name) and not is_image(name) for name in names)


def _kept(name: str) -> bool:
    """Neither hidden nor litter: it would be listed if only it were called .png."""
    return is_image(str(PurePosixPath(name).with_suffix(".png")))


def items(source: Source, names: list[str]) -> Iterator[Item]:
    """The engine's items for the names, each read only when its turn comes."""
    for name in names:
        yield Item(name, functools.partial(source.read, name))
