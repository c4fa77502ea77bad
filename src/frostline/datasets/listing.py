"""Which files are images, and in which order: the same answer on every machine."""

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import eq
from pathlib import Path
from typing import TypeVar, overload

import pyarrow as pa
import pyarrow.compute as pc

from frostline.datasets.listing_notes import ListingNotes, is_table, may_be_table
from frostline.errors import InputError
from frostline.files import printable

_RASTER = {".bmp", ".gif", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
_REFUSED = {".avif", ".heic", ".heif"}  # listed, so that a row says why they are not used
EXTENSIONS = frozenset(_RASTER | _REFUSED | {".jfif", ".jpe", ".jpeg", ".jpg"})
_ENDINGS = tuple(EXTENSIONS)
# What systems leave beside images: archives made by macOS, thumbnails and deleted files. Hidden names go too.
_LITTER = frozenset(
    {"__MACOSX", "@eaDir", "#recycle", "@Recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
)

# A part of a name that is neither hidden nor litter, and names of such parts alone; "." and "" are none.
_PART = rf"(?:\.\.|(?!\.|(?:{'|'.join(map(re.escape, _LITTER))})(?:/|\Z))[^/]+)"
_VISIBLE = re.compile(rf"(?:\.?/)*{_PART}(?:/(?:{_PART}|\.)?)*")

_REPOSITORIES = frozenset({".git", ".dvc", ".hg", ".svn", ".frostline"})  # whose files nobody means as photos

_DEEPEST = 250  # folders within folders: far more than anybody makes, and far fewer than Python can follow
_CHUNK = 4096  # names turned at once between Python and Arrow

T = TypeVar("T")
_Told = tuple[Callable[[str], None], Callable[[str], None]]  # of other names, of hidden images


class Names(Sequence[str]):
    """Many names in the bytes of their text, a third of what a list of them takes; equal to a list of the same."""

    def __init__(self, names: Iterable[str] | pa.StringArray) -> None:
        if not isinstance(names, pa.StringArray):
            chunks = (pa.array(chunk, pa.string()) for chunk in _chunks(names))
            names = pa.concat_arrays([pa.array([], pa.string()), *chunks])
        self._column = names

    @property
    def column(self) -> pa.StringArray:
        """All of them as Arrow holds them."""
        return self._column

    def __len__(self) -> int:
        return len(self._column)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Names": ...
    def __getitem__(self, place: int | slice) -> "str | Names":
        chosen = self._column[place]
        return Names(chosen) if isinstance(place, slice) else str(chosen.as_py())

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _CHUNK):
            yield from self._column.slice(start, _CHUNK).to_pylist()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(eq, self, other))

    def __hash__(self) -> int:
        return hash(tuple(self))


def is_image(name: str) -> bool:
    """Whether a relative '/'-separated name looks like an image that somebody meant to keep."""
    return _called_image(name) and is_visible(name)


def _called_image(name: str) -> bool:
    return name.lower().endswith(_ENDINGS)


def is_visible(name: str) -> bool:
    """Whether a relative '/'-separated name is neither hidden nor litter, in all its parts."""
    return _VISIBLE.fullmatch(name) is not None


def walk_images(
    folder: Path,
    *,
    other: Callable[[str], None] | None = None,
    hidden: Callable[[str], None] | None = None,
) -> Iterator[str]:
    """Image files below a folder, one by one: relative '/'-separated names, sorted by bytes.

    Names that are not UTF-8 hold surrogates (`os.fsencode` gives the bytes back). Links to folders
    are followed, loops once; dangling links are listed, so that reading them can say so; pipes and
    devices are not. `other` is told what else lies there, neither hidden nor litter: files, and folders with
    a slash at the end; `hidden` what is hidden or litter and called as an image. Raises InputError for a folder that
    cannot be listed.
    """
    return _walk(folder, "", (), (other or _ignore, hidden or _ignore))


def _ignore(name: str) -> None:
    """For callers that do not ask what else there is."""


def _walk(folder: Path, prefix: str, ancestors: tuple[tuple[int, int], ...], told: _Told) -> Iterator[str]:
    try:
        status = folder.stat()
        here = (status.st_dev, status.st_ino)
        if here in ancestors:
            return
        if len(ancestors) > _DEEPEST:
            raise InputError(
                f"{_shown(folder)}: folders lie in more than {_DEEPEST} others; move what is in them up"
            )
        (folder / "x").exists()  # PermissionError for a folder whose names can be listed, but not read
        names = in_order(_wanted(os.scandir(folder), prefix, told))
    except OSError as error:
        raise InputError(f"cannot list {_shown(folder)}: {error.strerror}; check its permissions") from None
    for name in names:
        # A folder sorts as `name/`, so that walking gives the order of whole paths.
        if name.endswith("/"):
            told[0](prefix + name)
            yield from _walk(folder / name[:-1], prefix + name, (*ancestors, here), told)
        else:
            yield prefix + name


def _wanted(entries: Iterable[os.DirEntry[str]], prefix: str, told: _Told) -> Iterator[str]:
    """Names of images and, with a slash at the end, of folders; neither hidden nor litter."""
    other, hidden = told
    for entry in entries:
        visible = is_visible(entry.name)
        if _is_folder(entry):
            if visible:
                yield entry.name + "/"
            elif hidden is not _ignore and entry.name not in _REPOSITORIES:
                for inside in _below_hidden(entry.path):
                    hidden(f"{prefix}{entry.name}/{inside}")
        elif visible and is_image(entry.name) and _readable(entry):
            yield entry.name
        elif visible:
            other(prefix + entry.name)
        elif _meant(entry.name):
            hidden(prefix + entry.name)


def _below_hidden(folder: str) -> Iterator[str]:
    """Files in a hidden folder that are called as images are; links are not followed, what cannot be listed is not."""
    for above, _, files in os.walk(folder):
        yield from (f"{above}/{name}"[len(folder) + 1 :] for name in files if _meant(name))


def _meant(name: str) -> bool:
    """Whether a hidden name may be that of somebody's image: no file of a repository, and no attributes of macOS."""
    *above, last = name.split("/")
    return _called_image(last) and not (last.startswith("._") or _REPOSITORIES.intersection(above))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """A folder or a link to one; a link to itself is none (`entry.is_dir` would raise)."""
    return os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()  # noqa: PTH112 - which never raises


def _readable(entry: os.DirEntry[str]) -> bool:
    """A regular file, or a link to nothing: that one becomes a row that says so."""
    if not entry.is_symlink():
        return entry.is_file()
    return os.path.isfile(entry.path) or not os.path.exists(entry.path)  # noqa: PTH110, PTH113 - these never raise


def in_order(names: Iterable[str]) -> Iterator[str]:
    """Names sorted by their bytes. They are held in an Arrow column, at a third of the memory of a list."""
    chunks = _chunks(os.fsencode(name) for name in names)
    column = pa.chunked_array([pa.array(chunk, pa.binary()) for chunk in chunks], pa.binary())
    ordered = column.take(pc.sort_indices(column))
    return (
        os.fsdecode(name)
        for start in range(0, len(ordered), _CHUNK)
        for name in ordered.slice(start, _CHUNK).to_pylist()
    )


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Some values at once, in order."""
    source = iter(values)
    return iter(lambda: list(itertools.islice(source, _CHUNK)), [])


def index(entries: Iterable[tuple[str, T]], *, where: str, notes: ListingNotes | None = None) -> dict[str, T]:
    """Entries by printable name in the one stable order (that of code points): images, and tables of labels.

    Of the same name twice, the last entry counts, as unpacking would have it. What else there is goes into `notes`.
    Raises InputError for names that leave the archive and for different names that print alike.
    """
    real: dict[str, str] = {}
    by_name: dict[str, T] = {}
    notes = notes or ListingNotes()
    for raw, entry in entries:
        image = is_image(raw)
        kept = image or ((is_table(raw) or may_be_table(raw)) and is_visible(raw))
        name = printable(_inside(raw, where=where) if kept else raw)
        if not image or name != raw:
            note(notes, raw, name)
        if not kept:
            continue
        if real.setdefault(name, raw) != raw:
            raise InputError(f"{where}: two different files print as {name!r}; rename one of them")
        by_name[name] = entry
    return {name: by_name[name] for name in sorted(by_name)}


def note(notes: ListingNotes, raw: str, name: str) -> None:
    """Note what was listed: other files and folders, and names that are not UTF-8; `name` is `raw` as it prints."""
    if not is_visible(raw):
        notes.folders.update(filter(is_visible, [raw.rpartition("/")[0]]))
        if _meant(raw):
            notes.hide(name)
        return
    if name != raw and printable(raw) != raw:  # not only written with './' or '//'
        folder = raw.rpartition("/")[0]
        notes.not_utf8 = notes.not_utf8 or name
        notes.folder_not_utf8 = notes.folder_not_utf8 or (name if printable(folder) != folder else "")
    if not is_image(raw):
        notes.add(name)


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
