"""Which bytes lie where: the hash of a file's content, known again by place, size and time without reading it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import store
from frostline.features.executor import Item
from frostline.files import sha256
from frostline.images import ImageError
from frostline.store import Store

HELD_BYTES = 64 * 2**20  # files read to know their hash are not read again, up to this much at once

Append = Callable[[Sequence[str], npt.NDArray[Any]], None]


class Looked:
    """A chunk of items: their marks and, as far as they are known or were read, their contents' hashes.

    `ids` are 64 hexadecimal digits, "" of what could not be read.
    """

    def __init__(self, items: list[Item], known: Store) -> None:
        self.items = items
        self.marks = [item.fingerprint() for item in items]
        self._keys = [_key(item, mark) for item, mark in zip(items, self.marks, strict=True)]
        self.ids = _known(self._keys, known)
        self._fresh = [index for index, each in enumerate(self.ids) if not each]
        self._held: dict[int, bytes] = {}
        self._bytes = 0

    def read(self, pool: ThreadPoolExecutor, remember: Append) -> None:
        """Read what is not known, and remember it; what cannot be read is left to `again`."""
        new: dict[str, bytes] = {}
        for index, content in zip(self._fresh, pool.map(self._content, self._fresh), strict=True):
            if content is not None:
                self.ids[index] = sha256(content)
                if self._keys[index]:
                    new[self._keys[index]] = bytes.fromhex(self.ids[index])
                if self._bytes + len(content) <= HELD_BYTES:
                    self._held[index], self._bytes = content, self._bytes + len(content)
        if new:
            remember(list(new), np.frombuffer(b"".join(new.values()), np.uint8).reshape(-1, 32))

    def _content(self, index: int) -> bytes | None:
        try:
            return self.items[index].read()
        except (OSError, ImageError):
            return None

    def again(self, index: int) -> Item:
        """An item whose hash is made of the very bytes that are decoded."""

        def read() -> bytes:
            content = self._held.pop(index, None)
            if content is None:
                content = self.items[index].read()
                self.ids[index] = sha256(content)
            return content

        return Item(self.items[index].name, read)


def opened(cache: Path) -> Store:
    """What is known in a cache: rows of 32 bytes, a content's hash, by what `_key` makes of an item."""
    return store.open_store("contents", {"contents": 1}, shape=(32,), dtype="uint8", cache=cache)


def _key(item: Item, mark: str) -> str:
    """What tells an unchanged file again: its place and its mark; "" where it has none."""
    return sha256(f"{item.location}\0{mark}".encode()) if item.location and mark else ""


def _known(keys: list[str], known: Store) -> list[str]:
    missing = set(known.missing([key for key in keys if key]))
    there = [index for index, key in enumerate(keys) if key and key not in missing]
    ids = [""] * len(keys)
    if there:
        for index, row in zip(there, known.rows([keys[index] for index in there])[:], strict=True):
            ids[index] = row.tobytes().hex()
    return ids
