"""What a score job reads, whatever was named: a folder, an archive, a list, a bucket, as a stream of items.

Nothing is listed ahead: a source of a million files holds no more than one of a thousand.
"""

import codecs
import dataclasses
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from frostline.datasets.listing import EXTENSIONS
from frostline.errors import InputError
from frostline.features.executor import Item
from frostline.files import printable, wide_encoding
from frostline.scoring import local_sources, remote_sources
from frostline.scoring.local_sources import LocalSource


class Source(Protocol):
    """Items in one stable order; a list is read once, any other source as often as it is asked.

    `where` names it for people, `readers` are the threads that reading is worth beyond one for each
    processor, `others` the files passed over so far (None where nobody counts).
    """

    where: str
    readers: int

    def items(self) -> Iterator[Item]: ...

    @property
    def others(self) -> int | None: ...

    def count(self) -> int | None: ...

    def state(self) -> Any: ...

    def close(self) -> None: ...


def open_images(words: Sequence[str]) -> Source:
    """The source that the words of a command line mean; InputError for what cannot hold images.

    A word is a folder, an archive, an image file, a glob in quotes, an address (`s3://bucket/photos`),
    `-` for names on standard input, or `@FILE` for names in a file.
    """
    if not words:
        raise InputError("nothing to score; name a folder, an archive, an image, a list or an address")
    if not all(words):
        raise InputError("one of the names to score is empty; is a variable of your shell not set?")
    sources = [_open(word) for word in words]
    return sources[0] if len(sources) == 1 else SeveralSources(sources)


def _open(word: str) -> Source:
    if word == "-":
        return ListedImages(sys.stdin.buffer, where="standard input")
    if remote_sources.is_address(word):
        return remote_sources.open_remote(word)
    path = Path(word)
    if word.startswith("@") and not path.exists():
        return _list(Path(word[1:]))
    if not path.exists() and remote_sources.is_pattern(word):
        return local_sources.Glob(word)
    return _existing(path)


def _list(path: Path) -> Source:
    try:
        return ListedImages(path.open("rb"), where=printable(path))
    except OSError as error:
        raise InputError(
            f"cannot read the list {printable(path)}: {error.strerror}; name a file of paths"
        ) from None


def _existing(path: Path) -> Source:
    if not path.exists():
        raise InputError(f"no such file or folder: {printable(path)}; name a folder, an archive or an image")
    if path.is_dir():
        return local_sources.Folder(path)
    if path.is_file() and path.suffix.lower() in EXTENSIONS:
        return local_sources.SingleImage(path)
    return local_sources.Archive(path)


def _single(name: str) -> Item:
    """One line of a list as an item: an address or a path."""
    return (
        remote_sources.item(name) if remote_sources.is_address(name) else local_sources.item(name, Path(name))
    )


class ListedImages(LocalSource):
    """Names in a file or on standard input: one per line, or ended by NUL as `find -print0` writes them.

    Every line is a row, whatever its suffix; empty lines are none. Paths go from the current folder. InputError for
    a list in UTF-16, as some editors save it, and for one that mixes both ends.
    """

    def __init__(self, file: IO[bytes], *, where: str) -> None:
        self.where, self._file = where, file

    def items(self) -> Iterator[Item]:
        """One item per name, in the order of the list."""
        for raw in _names(self._file, where=self.where):
            if b"\0" in raw:
                raise InputError(
                    f"the list {self.where}: {printable(os.fsdecode(raw))!r} holds a NUL; end all names by line "
                    "breaks, or all by NULs"
                )
            name = os.fsdecode(raw)
            listed = _single(name)
            yield Item(printable(name), listed.read, listed.fingerprint)

    def close(self) -> None:
        """Close the list."""
        self._file.close()


def _names(file: IO[bytes], *, where: str) -> Iterator[bytes]:
    """Names from a stream, whose first piece tells how they end, and how they are encoded."""
    rest = file.readline().removeprefix(codecs.BOM_UTF8)
    if encoding := wide_encoding(rest):
        raise InputError(f"the list {where} is {encoding}; save it as UTF-8")
    end = b"\0" if b"\0" in rest else b"\n"
    while rest:
        *names, rest = rest.split(end)
        yield from (name.removesuffix(b"\r") for name in names if name.strip())
        more = file.read1(2**16) if hasattr(file, "read1") else file.read(2**16)
        if not more and rest.strip():
            yield rest.removesuffix(b"\r")
        rest = rest + more if more else b""


class SeveralSources:
    """Sources one after the other; names begin with the word that named each."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self.where = " ".join(source.where for source in sources)
        self.readers = max(source.readers for source in sources)

    def items(self) -> Iterator[Item]:
        """Every item of every source, in the order of the words."""
        for source in self._sources:
            for item in source.items():
                yield dataclasses.replace(item, name=_below(source.where, item.name))

    @property
    def others(self) -> int | None:
        """Files passed over, where all sources count them."""
        counts = [source.others for source in self._sources]
        return None if None in counts else sum(filter(None, counts))

    def count(self) -> int | None:
        """How many items there are, if all know."""
        counts = [source.count() for source in self._sources]
        return None if None in counts else sum(filter(None, counts))

    def state(self) -> Any:
        """What each source is."""
        return [source.state() for source in self._sources]

    def close(self) -> None:
        """Release all."""
        for source in self._sources:
            source.close()


def _below(where: str, name: str) -> str:
    """An item's name among several sources: a single file's own word, else the word and the name."""
    return where if where.endswith(name) and Path(where).name == name else f"{where}/{name}"
