"""Sources on this machine: a folder, a glob, one image, an archive."""

import functools
import glob
import os
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frostline.datasets.listing import in_order, is_image, walk_images
from frostline.datasets.source import open_source, read_regular
from frostline.errors import FrostlineError, InputError
from frostline.features.executor import Item
from frostline.files import printable


class LocalSource:
    """What all sources on this machine share."""

    where = ""
    readers = 0
    others: int | None = None

    def count(self) -> int | None:
        """Unknown without listing."""
        return None

    def state(self) -> Any:
        """What tells this source from another: its place."""
        return self.where

    def close(self) -> None:
        """Nothing is held open."""


def fingerprint(path: str | Path) -> str:
    """Size and time of change of a file; "" where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 - of a text, which is much less work than of a Path
    except OSError:
        return ""
    return f"{status.st_size}-{status.st_mtime_ns}"


def item(name: str, path: Path) -> Item:
    """A file as an item of that name."""
    path = path.absolute()
    place = printable(path)
    return Item(name, functools.partial(read_regular, str(path)), functools.partial(fingerprint, path), place)


class Folder(LocalSource):
    """All images below a folder, found while they are scored; other files are counted on the way.

    A copy that is unpickled on another machine reads what is at the same absolute path there.
    """

    def __init__(self, root: Path) -> None:
        self.root, self.where = root, printable(root)
        self.others = 0
        self._absolute = root.absolute()
        self._identity = _identity(root)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ |= state
        self._identity = _identity(self._absolute)  # a network file system has another number on each machine
        if self._identity is None:
            raise FrostlineError(
                f"the folder {printable(self._absolute)} is not there on {platform.node()}; mount it at the same "
                "path on every machine of the cluster"
            )

    def items(self) -> Iterator[Item]:
        """Images in the order of their names' bytes; InputError where two names print alike."""
        self.others, odd, root = 0, set(), printable(self._absolute)
        folder = f"{self._absolute}/"
        for raw in walk_images(self.root, other=self._count_other):
            name = printable(raw)
            if "\\x" in name:  # only such names can be another's escaped form
                if name in odd:
                    raise InputError(
                        f"{self.where}: two different files print as {name!r}; rename one of them"
                    )
                odd.add(name)
            path = folder + raw
            yield Item(
                name,
                functools.partial(self._read, path),
                functools.partial(fingerprint, path),
                f"{root}/{name}",
            )

    def count(self) -> int | None:
        """One quick walk."""
        return sum(1 for _ in walk_images(self.root))

    def state(self) -> Any:
        """Its absolute place."""
        return printable(self.root.absolute())

    def _count_other(self, name: str) -> None:
        if not name.endswith("/"):
            self.others = (self.others or 0) + 1

    def _read(self, path: str) -> bytes:
        try:
            return read_regular(path)
        except OSError:
            # A missing file is a row; a missing disk is not a million rows.
            if _identity(self._absolute) != self._identity:
                raise FrostlineError(
                    f"the folder {self.where} vanished while it was read; bring it back"
                ) from None
            raise


def _identity(root: Path) -> tuple[int, int] | None:
    try:
        status = root.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)


class Glob(LocalSource):
    """Image files that match a pattern, `**` over folders."""

    def __init__(self, pattern: str) -> None:
        self.where = printable(pattern)
        self._pattern = pattern

    def items(self) -> Iterator[Item]:
        """Matches in the order of their bytes, named as the pattern found them."""
        pattern = _with_folders_as_named(self._pattern)
        matches = glob.iglob(pattern, recursive=True)  # noqa: PTH207 - a pattern with folders in it
        names = in_order(match for match in matches if is_image(match) and Path(match).is_file())
        yield from (item(printable(raw), Path(raw)) for raw in names)

    def state(self) -> Any:
        """The pattern and where it was asked."""
        return [self.where, printable(Path.cwd())]


def _with_folders_as_named(pattern: str) -> str:
    """A pattern whose first folders, as far as there are some of these very names, mean just these."""
    ends = [place for place, letter in enumerate(pattern) if letter == "/"]
    end = next((end for end in reversed(ends) if Path(pattern[:end]).is_dir()), 0)
    return glob.escape(pattern[:end]) + pattern[end:]


class SingleImage(LocalSource):
    """One image file, named without its folder."""

    others: int | None = 0

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, printable(path)
        if path.exists() and not path.is_file():
            raise InputError(f"{self.where} is a pipe or a device; name a folder or an archive")

    def items(self) -> Iterator[Item]:
        """The one item."""
        yield item(printable(self.path.name), self.path)

    def count(self) -> int | None:
        """One."""
        return 1

    def state(self) -> Any:
        """Its absolute place."""
        return printable(self.path.absolute())


class Archive(LocalSource):
    """A zip, tar or tar.gz, read in place; InputError for anything else."""

    def __init__(self, path: Path) -> None:
        self.path, self.where = path, printable(path)
        self._source = open_source(path)
        self.others = self._source.notes.endings.total()

    def items(self) -> Iterator[Item]:
        """Its images in stable order; what changes in one changes the archive."""
        same, place = fingerprint(self.path), printable(self.path.absolute())
        for name in self._source.names():
            yield Item(
                name,
                functools.partial(self._source.read, name),
                functools.partial(str, same),
                f"{place}#{name}",
            )

    def count(self) -> int | None:
        """Its index knows."""
        return len(self._source.names())

    def state(self) -> Any:
        """Its place and the file's own fingerprint: one that was changed is another."""
        return [printable(self.path.absolute()), fingerprint(self.path)]

    def close(self) -> None:
        """Release the archive."""
        self._source.close()
