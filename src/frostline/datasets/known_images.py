"""Images of which somebody has the names already: one is read without listing all of them."""

import contextlib
import functools
import threading
from collections.abc import Callable
from pathlib import Path

from frostline.datasets import archives
from frostline.datasets.source import ImageSource, open_source, read_regular, unreadable
from frostline.errors import FrostlineError


class KnownImages:
    """Images by printable name, read as by ImageSource; thread-safe, to be used in a `with`.

    A listing takes the longer the more images there are. It is made only where a name is that of no file, nor of an
    entry of the archive that it begins with: the image may have a name that prints otherwise, or be gone. A copy that
    is unpickled reads what lies at its path there.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._lock, self._closing = path, threading.Lock(), contextlib.ExitStack()
        self._source: ImageSource | None = None
        self._archives: dict[Path, archives.Opened] = {}

    def read(self, name: str) -> bytes:
        """The bytes of one image; ImageError where they cannot be had, InputError where folder or archive cannot."""
        try:
            return read_regular(f"{self._path}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            content = self._unlisted(name)
            return self._listed().read(name) if content is None else content
        except OSError as error:
            raise unreadable(error) from error

    def _unlisted(self, name: str) -> bytes | None:
        """The bytes from the archive alone in which an image lies; None where only a listing tells what is wrong."""
        shard, _, inside = ("", "", name) if self._path.is_file() else name.partition("/")
        path = self._path / shard
        if not path.is_file():
            return None
        try:
            with self._lock:
                if path not in self._archives:
                    opened = archives.open_archive(path, listed=False)
                    self._closing.callback(opened.close)
                    self._archives[path] = opened
            return self._archives[path].read(inside)
        except (FrostlineError, KeyError, OSError):
            return None

    def _listed(self) -> ImageSource:
        with self._lock:
            if self._source is None:
                self._source = self._closing.enter_context(open_source(self._path))
            return self._source

    def __reduce__(self) -> tuple[Callable[[Path], "KnownImages"], tuple[Path]]:
        return _again, (self._path.absolute(),)

    def __enter__(self) -> "KnownImages":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()


@functools.lru_cache(maxsize=8)
def _again(path: Path) -> KnownImages:
    """What another process meant, held open until this process ends."""
    return KnownImages(path)
