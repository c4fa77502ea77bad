"""Remote sources, through fsspec: buckets (`s3://`), web folders and what else it has a driver for."""

import functools
import re
from collections.abc import Iterator
from typing import Any

from frostline.datasets.archives import check_size
from frostline.datasets.listing import in_order, is_image
from frostline.errors import FrostlineError, InputError, first_line
from frostline.features.executor import Item
from frostline.images import ImageError
from frostline.scoring.local_sources import LocalSource

READERS = 16  # requests under way: what waits for a network costs no processor
_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAGIC = re.compile(r"[*?\[]")
_EXTRAS = {"s3": "s3", "s3a": "s3"}


def is_address(word: str) -> bool:
    """Whether a word looks like `scheme://…`."""
    return bool(_ADDRESS.match(word))


def is_pattern(word: str) -> bool:
    """Whether a word has a wildcard."""
    return bool(_MAGIC.search(word))


@functools.cache
def _system(scheme: str) -> Any:
    """The fsspec file system of a scheme; it is asked anew for every listing, never from a cache."""
    import fsspec

    try:
        return fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
    except ImportError:
        extra = _EXTRAS.get(scheme)
        how = f"pip install 'frostline[{extra}]'" if extra else f"install fsspec's driver for {scheme}"
        raise FrostlineError(f"{scheme}:// needs a driver that is not installed; {how}") from None
    except ValueError:
        raise InputError(f"{scheme}:// is no address that can be read here; use a folder or s3://") from None


def _split(address: str) -> tuple[Any, str]:
    """The file system of an address, and its path there."""
    system = _system(address.partition("://")[0].lower())
    return system, str(system._strip_protocol(address))


def item(address: str) -> Item:
    """One address as an item of that name."""
    system, path = _split(address)
    return Item(address, functools.partial(_read, system, path, address))


def open_remote(address: str) -> "RemoteImages":
    """A folder, a glob or one image behind an address; InputError where nothing is there."""
    system, path = _split(address)
    if is_pattern(path):
        return RemoteImages(address, system, path)
    try:
        exists = system.exists(path)
    except Exception as error:  # each driver has its own exceptions
        raise _unreachable(address, error) from error
    if not exists:
        raise InputError(f"nothing at {address}; check the address, and the credentials if it is a bucket")
    return RemoteImages(address, system, path)


class RemoteImages(LocalSource):
    """Images below an address, one folder listed at a time; names go from the address."""

    readers = READERS

    def __init__(self, address: str, system: Any, path: str) -> None:
        self.where, self._system, self._path = address, system, path.rstrip("/")
        self.others = 0

    def items(self) -> Iterator[Item]:
        """Images in the order of their names' bytes."""
        self.others = 0
        for path, info in self._found():
            name = path.removeprefix(self._path).lstrip("/") or path.rpartition("/")[2]
            read = functools.partial(_read, self._system, path, self.where)
            yield Item(
                name, read, functools.partial(_mark, info), f"{self.where.partition('://')[0]}://{path}"
            )

    def _found(self) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            if is_pattern(self._path):
                matches = self._system.glob(self._path, detail=True)
                yield from ((name, matches[name]) for name in in_order(matches) if is_image(name))
            elif self._system.isfile(self._path):
                yield self._path, self._system.info(self._path)
            else:
                yield from self._below(self._path)
        except (OSError, FrostlineError) as error:
            raise error if isinstance(error, FrostlineError) else _unreachable(self.where, error) from error
        except Exception as error:  # each driver has its own exceptions
            raise _unreachable(self.where, error) from error

    def _below(self, folder: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """One folder's files and folders in the order of whole paths."""
        entries = {_sorted_name(entry): entry for entry in self._system.ls(folder, detail=True)}
        entries.pop(folder, None)  # a bucket's folder may be an empty object of that name
        for name in in_order(entries):
            if name.endswith("/"):
                if is_image(f"{name.rstrip('/').rpartition('/')[2]}/x.png"):  # neither hidden nor litter
                    yield from self._below(name.rstrip("/"))
            elif is_image(name.rpartition("/")[2]):
                yield name, entries[name]
            else:
                self.others = (self.others or 0) + 1


def _sorted_name(entry: dict[str, Any]) -> str:
    name = str(entry["name"]).rstrip("/")
    return name + "/" if entry["type"] == "directory" else name


def _mark(info: dict[str, Any]) -> str:
    """Size and checksum (or time) as the listing gives them."""
    stamp = next((info[key] for key in ("ETag", "etag", "LastModified", "mtime") if info.get(key)), "")
    return f"{info.get('size')}-{stamp}"


def _read(system: Any, path: str, address: str) -> bytes:
    """The bytes of one object. What is missing is a row; a server that is gone ends the job."""
    try:
        content = bytes(system.cat_file(path))
    except FileNotFoundError:
        raise ImageError("cannot be read: no such file") from None
    except PermissionError:
        raise ImageError("cannot be read: permission denied") from None
    except Exception as error:  # each driver has its own exceptions
        raise _unreachable(address, error) from error
    check_size(len(content))
    return content


def _unreachable(address: str, error: Exception) -> FrostlineError:
    return FrostlineError(
        f"{address} cannot be reached: {first_line(error)}; check address, credentials and network"
    )
