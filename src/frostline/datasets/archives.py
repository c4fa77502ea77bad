"""Zip and tar files read in place: nothing is unpacked into the project.

A tar compressed as a whole cannot be read from the middle, so it is decompressed once into a nameless
temporary file; a zip or a plain tar needs none.
"""

import gzip
import lzma
import os
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from frostline.datasets.listing import index, is_image, is_visible
from frostline.datasets.listing_notes import ListingNotes, is_archive, is_table
from frostline.errors import FrostlineError, InputError
from frostline.files import printable
from frostline.images import ImageError

MAX_BYTES = 256 * 2**20  # of one image file; a 200-megapixel JPEG has some 100 MiB
MAX_RATIO = 200  # of a whole .tar.gz that unpacks to more than _UNSUSPICIOUS: images hardly compress
_UNSUSPICIOUS = 2**30

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    UnicodeError,
    NotImplementedError,  # zipfile's, of a version of the format that is none
)
_CHAIN = 40  # links that lead to links, as many as Linux follows
_WINDOWS = 0  # a zip entry's system: backslashes part its folders, against the format
_GZIP = b"\x1f\x8b"
_ZIP = b"PK"
_USTAR = slice(257, 262)  # where a tar says that it is one
_NOT_READ = (
    (b"Rar!", "rar"), (b"7z\xbc\xaf", "7z"), (b"BZh", "bz2"), (b"\xfd7zXZ", "xz"), (b"\x28\xb5\x2f\xfd", "zst"),
)  # fmt: skip

Reader = Callable[[str], bytes]


@dataclass(frozen=True)
class Opened:
    """What a source holds: image names in stable order, what lies beside them, a thread-safe reader of images and of
    tables by name, and what closes it.
    """

    names: Sequence[str]
    notes: ListingNotes
    read: Reader
    close: Callable[[], None]


def open_archive(path: Path, *, listed: bool = True) -> Opened:
    """A zip, tar or tar.gz.

    A zip that is not `listed` is opened without a look at its entries: it has no names and refuses nothing, and its
    reader raises KeyError for what only a listing finds.

    Raises InputError for what is no archive, is damaged or encrypted, has an entry that points out
    of it or an image larger than MAX_BYTES. The reader raises ImageError.
    """
    with path.open("rb") as file:
        start = file.read(tarfile.BLOCKSIZE)
    try:
        if start.startswith(_ZIP):
            return _open_zip(path, listed=listed)
        if start.startswith(_GZIP):
            return _open_tar(_decompressed(path), path)
        return _open_tar(path.open("rb"), path)
    except _DAMAGED as error:
        raise InputError(_not_readable(path, start)) from error
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise InputError(_not_readable(path, start)) from error
        raise FrostlineError(f"cannot read {printable(path)}: {error.strerror or error}") from error


def _not_readable(path: Path, start: bytes) -> str:
    where = printable(path)
    if not start:
        return f"{where} is empty; copy it again"
    if start.startswith((_ZIP, _GZIP)) or start[_USTAR] == b"ustar":
        return f"{where} is a damaged or half-copied archive; copy it again"
    if kind := next((kind for magic, kind in _NOT_READ if start.startswith(magic)), ""):
        return f"{where} is a {kind} archive, which is not read; unpack it, and name the folder"
    part = ", or it is damaged or a part of an archive in several files" if is_archive(path.name) else ""
    return f"{where} is neither a folder nor a zip, tar or tar.gz of one{part}"


def check_size(size: int) -> None:
    """Refuse one image file over MAX_BYTES."""
    if size > MAX_BYTES:
        raise ImageError(f"too large: {size:,} bytes is over the limit of {MAX_BYTES:,} for one image")


def _open_zip(path: Path, *, listed: bool) -> Opened:
    archive, notes = zipfile.ZipFile(path), ListingNotes()
    try:
        entries = _zip_entries(archive, where=printable(path), notes=notes) if listed else {}
    except BaseException:
        archive.close()
        raise
    lock = threading.Lock()

    def read(name: str) -> bytes:
        try:
            # zipfile locks each read of the shared file, but not the count of who has it open.
            with lock:
                member = archive.open(entries[name] if listed else _zip_entry(archive, name))
            try:
                return member.read()
            finally:
                with lock:
                    member.close()
        except NotImplementedError as error:  # Deflate64, as Windows packs what is large, or damage
            raise ImageError("cannot be unpacked; make the archive again as a plain zip") from error
        except _DAMAGED as error:
            raise ImageError("damaged archive entry") from error

    return Opened(list(filter(is_image, entries)), notes, read, archive.close)


def _zip_entries(archive: zipfile.ZipFile, *, where: str, notes: ListingNotes) -> dict[str, zipfile.ZipInfo]:
    named = [(_zip_name(info), info) for info in archive.infolist()]
    windows = not any("/" in name for name, _ in named)
    files = (
        (name.replace("\\", "/") if windows or info.create_system == _WINDOWS else name, info)
        for name, info in named
    )
    entries = index(files, where=where, notes=notes)
    for name, info in entries.items():
        if info.flag_bits & 0x1:
            raise InputError(f"{where}: entry {name!r} is encrypted; make the archive without a password")
        _refuse_large(name, info.file_size, where=where)
    return entries


def _zip_entry(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """The one entry of this name, which is that of the listing where nothing about it is out of the ordinary."""
    info = archive.NameToInfo[name]
    if _zip_name(info) != name or info.flag_bits & 0x1:
        raise KeyError(name)
    check_size(info.file_size)
    return info


def _zip_name(info: zipfile.ZipInfo) -> str:
    """The name as its bytes mean it: without the UTF-8 flag zipfile guesses code page 437."""
    if info.flag_bits & 0x800 or info.filename.isascii():
        return info.filename
    try:
        return os.fsdecode(info.filename.encode("cp437"))
    except UnicodeEncodeError:  # named by the Unicode extra field
        return info.filename


def _refuse_large(name: str, size: int, *, where: str) -> None:
    try:
        check_size(size)
    except ImageError as error:
        raise InputError(f"{where}: entry {name!r} is {error}; make the archive without it") from None


def _open_tar(file: IO[bytes], path: Path) -> Opened:
    where = printable(path)
    try:
        archive = tarfile.TarFile(fileobj=file, encoding="utf-8", errors="surrogateescape")
        notes = ListingNotes()
        entries = index(_tar_members(archive, where=where, notes=notes), where=where, notes=notes)
        _require_end(file, archive.offset, where=where)
        for name, (_, size) in entries.items():
            _refuse_large(name, size, where=where)
    except BaseException:
        file.close()
        raise

    def read(name: str) -> bytes:
        start, size = entries[name]
        content = os.pread(file.fileno(), size, start)
        if len(content) != size:
            raise ImageError("damaged archive entry")
        return content

    return Opened(list(filter(is_image, entries)), notes, read, file.close)


def _require_end(file: IO[bytes], offset: int, *, where: str) -> None:
    """InputError where entries may follow that were not read: behind a damaged one, or behind the end of a first tar.

    A tar ends with blocks of zeros; where these are missing, it was cut off between two entries.
    """
    file.seek(offset)
    first = True
    while block := file.read(tarfile.BLOCKSIZE):
        if (first and any(block)) or block[_USTAR] == b"ustar":
            raise InputError(f"{where} is damaged, or several archives in one file; make it again")
        first = False
    if first:
        raise InputError(f"{where} has no end, as a half-copied archive; copy it again")


def _tar_members(
    archive: tarfile.TarFile, *, where: str, notes: ListingNotes
) -> Iterator[tuple[str, tuple[int, int]]]:
    """Name, then (offset, size) of its bytes; a link inside the archive stands for its target."""
    places = {member.name: (member.offset_data, member.size) for member in archive if member.isreg()}
    links = {member.name: _linked(member) for member in archive if member.islnk() or member.issym()}
    for member in archive:
        if member.isreg():
            yield member.name, places[member.name]
        elif member.isdir():
            yield f"{member.name}/", (0, 0)
        elif member.name in links and (is_image(member.name) or is_table(member.name)):
            yield member.name, _target(member.name, links, places, where=where)
        elif is_visible(member.name):  # a link to a folder, a pipe, a device
            notes.add(printable(member.name))


def _linked(member: tarfile.TarInfo) -> str:
    """The name that a link means: hard links name from the top, symbolic ones from beside."""
    base = os.path.dirname(member.name) if member.issym() else ""  # noqa: PTH120 - names, not files
    return os.path.normpath(os.path.join(base, member.linkname))  # noqa: PTH118


def _target(
    name: str, links: dict[str, str], places: dict[str, tuple[int, int]], *, where: str
) -> tuple[int, int]:
    """Where the bytes of a linked entry lie, at the end of a chain of links."""
    target = name
    for _ in range(_CHAIN):
        if (target := links.get(target, "")) in places:
            return places[target]
    raise InputError(
        f"{where}: entry {printable(name)!r} links outside the archive, or to nothing; "
        "make the archive again without it"
    )


def _decompressed(path: Path) -> IO[bytes]:
    """The tar inside a tar.gz as a nameless temporary file that vanishes when closed."""
    target = tempfile.TemporaryFile()  # noqa: SIM115 - the source closes it
    try:
        with gzip.open(path) as packed:
            _copy(packed, target, where=path)
    except BaseException:
        target.close()
        raise
    target.seek(0)
    return target


def _copy(packed: gzip.GzipFile, target: IO[bytes], *, where: Path) -> None:
    limit = max(_UNSUSPICIOUS, MAX_RATIO * where.stat().st_size)
    while piece := packed.read(2**20):
        target.write(piece)
        if target.tell() > limit:
            raise InputError(f"{printable(where)} is refused: it unpacks to over {MAX_RATIO} times its size")
    target.flush()
