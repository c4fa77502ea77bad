"""Scoring below the frost line once: a trunk's features by image content, and the head alone for the next model.

A row of features goes by the image's bytes, in a store of one trunk and precision; the trunk's bytes hold the
rule of decoding and resizing. An unchanged file is not even read: its place and its fingerprint (size and time, or a
bucket's checksum) lead to the hash of its bytes.
"""

import itertools
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import paths, store
from frostline.features.executor import Block, Decode, Item
from frostline.features.local_stream import stream
from frostline.files import printable, sha256
from frostline.images import ImageError
from frostline.runtime.contract import FEATURES
from frostline.runtime.parts import Head
from frostline.runtime.sessions import Session
from frostline.store import Store

CHUNK = 512  # images looked up at once, and given to the head
HELD_BYTES = 64 * 2**20  # files read to know their hash are not read again, up to this much at once

Append = Callable[[Sequence[str], npt.NDArray[Any]], None]
OpenTrunk = Callable[[], tuple[Session, int]]  # the trunk and its batch size


@dataclass
class FeatureCache:
    """The cached features of one trunk in one precision, and how many images a job took from it and added to it.

    `open_trunk` is called once an image has to go through the trunk.
    """

    head: Head
    features: Store
    hashes: Store
    open_trunk: OpenTrunk
    reused: int = 0
    computed: int = 0
    trunk: Session | None = None
    batch_size: int = 0

    def text(self) -> str:
        """Which features these are, and whether any are there yet."""
        name = self.head.session.contract.backbone or "a network from scratch"
        which = f"trunk {self.head.trunk[:12]} ({name}, {self.head.session.precision})"
        where = printable(self.features.folder)
        if next(self.features.folder.glob("[!.]*.arrow"), None):
            return f"cached features of {which} in {where}: only the head runs on images that have theirs"
        return f"no cached features of {which} yet: each image goes through it once, into {where}"

    def blocks(self, items: Iterator[Item], *, decode: Decode, workers: int) -> Generator[Block, None, None]:
        """Blocks of at most CHUNK items in order, with `features` and the head's `probs`."""
        start = 0
        with (
            self.features.appending() as add_features,
            self.hashes.appending() as add_hashes,
            ThreadPoolExecutor(workers) as readers,
        ):
            while some := list(itertools.islice(items, CHUNK)):
                chunk = Chunk(some, self.hashes)
                chunk.read(readers, add_hashes)
                rows, todo = self._cached(chunk)
                errors = [""] * len(some)
                for indices, features, failed in self._computed(chunk, todo, decode, workers):
                    good = [index for index in indices if index not in failed]
                    rows[indices] = features
                    add_features([chunk.ids[index] for index in good], rows[good])
                    self.computed += len(good)
                    for index, error in failed.items():
                        errors[index] = error
                yield self._block(chunk, rows, errors, start=start)
                start += len(some)

    def _cached(self, chunk: "Chunk") -> tuple[npt.NDArray[np.float32], list[int]]:
        """The rows of a chunk, (n, *shape), as far as they are cached; the indices of those that are not."""
        rows = np.zeros((len(chunk.items), *self.head.shape), np.float32)
        missing = {"", *self.features.missing([id_ for id_ in chunk.ids if id_])}
        cached = [index for index, id_ in enumerate(chunk.ids) if id_ not in missing]
        if cached:
            rows[cached] = self.features.rows([chunk.ids[index] for index in cached])[:]
        self.reused += len(cached)
        return rows, [index for index, id_ in enumerate(chunk.ids) if id_ in missing]

    def _computed(
        self, chunk: "Chunk", todo: list[int], decode: Decode, workers: int
    ) -> Iterator[tuple[list[int], Any, dict[int, str]]]:
        """Some indices of a chunk, the trunk's features of them, and the errors of those that failed."""
        if not todo:
            return
        if self.trunk is None:
            self.trunk, self.batch_size = self.open_trunk()
        blocks = stream(
            map(chunk.item, todo),
            decode=decode,
            network=self.trunk.run,
            batch_size=self.batch_size,
            workers=workers,
            streams=self.trunk.streams,
            patience=self.trunk.patience(self.batch_size),
        )
        for block in blocks:
            indices = todo[block.start : block.start + len(block.names)]
            failed = {index: error for index, error in zip(indices, block.errors, strict=True) if error}
            yield indices, block.outputs.get(FEATURES, np.float32(0)), failed

    def _block(
        self, chunk: "Chunk", rows: npt.NDArray[np.float32], errors: list[str], *, start: int
    ) -> Block:
        outputs = self.head.session.run(rows)
        for values in outputs.values():
            values[[bool(error) for error in errors]] = 0  # as the executor leaves rows of errors
        names = tuple(item.name for item in chunk.items)
        return Block(start, names, tuple(errors), {FEATURES: rows, **outputs}, tuple(chunk.fingerprints))


class Chunk:
    """Some items: their fingerprints and, as far as they are known or were read, the hashes of their bytes.

    `ids` are 64 hexadecimal digits, "" of what could not be read.
    """

    def __init__(self, items: list[Item], known: Store) -> None:
        self.items = items
        self.fingerprints = [item.fingerprint() for item in items]
        self._keys = [_key(item, one) for item, one in zip(items, self.fingerprints, strict=True)]
        self.ids = _known(self._keys, known)
        self._unknown = [index for index, id_ in enumerate(self.ids) if not id_]
        self._held: dict[int, bytes] = {}
        self._held_bytes = 0

    def read(self, pool: ThreadPoolExecutor, add: Append) -> None:
        """Read what is not known, and store its hash; what cannot be read is left to `item`."""
        new: dict[str, bytes] = {}
        for index, content in zip(self._unknown, pool.map(self._content, self._unknown), strict=True):
            if content is not None:
                self.ids[index] = sha256(content)
                if self._keys[index]:
                    new[self._keys[index]] = bytes.fromhex(self.ids[index])
                if self._held_bytes + len(content) <= HELD_BYTES:
                    self._held[index], self._held_bytes = content, self._held_bytes + len(content)
        if new:
            add(list(new), np.frombuffer(b"".join(new.values()), np.uint8).reshape(-1, 32))

    def _content(self, index: int) -> bytes | None:
        try:
            return self.items[index].read()
        except (OSError, ImageError):
            return None

    def item(self, index: int) -> Item:
        """An item whose hash is made of the very bytes that are decoded."""

        def read() -> bytes:
            content = self._held.pop(index, None)
            if content is None:
                content = self.items[index].read()
                self.ids[index] = sha256(content)
            return content

        return Item(self.items[index].name, read)


def _key(item: Item, fingerprint: str) -> str:
    """What tells an unchanged file again: its location and its fingerprint; "" where it has none."""
    return sha256(f"{item.location}\0{fingerprint}".encode()) if item.location and fingerprint else ""


def _known(keys: list[str], hashes: Store) -> list[str]:
    """The stored hashes by key; "" for what is not stored."""
    missing = set(hashes.missing([key for key in keys if key]))
    known = [index for index, key in enumerate(keys) if key and key not in missing]
    ids = [""] * len(keys)
    if known:
        for index, row in zip(known, hashes.rows([keys[index] for index in known])[:], strict=True):
            ids[index] = row.tobytes().hex()
    return ids


def open_cache(head: Head, open_trunk: OpenTrunk) -> FeatureCache:
    """The stores of a head's trunk and precision, made where there are none."""
    key = {
        "trunk": head.trunk,
        "precision": head.session.precision,
        "backbone": head.session.contract.backbone,
    }
    cache = paths.scoring_cache()
    features = store.open_store("features", key, shape=head.shape, dtype="float32", cache=cache)
    hashes = store.open_store("contents", {"contents": 1}, shape=(32,), dtype="uint8", cache=cache)
    return FeatureCache(head, features, hashes, open_trunk)
