"""Scoring below the frost line once: a trunk's features by image content, and the head alone for the next model.

A row of features goes by the image's bytes, in a store of one trunk and precision; the trunk's bytes hold the
rule of decoding and resizing. What drift compares of an image beside its features is kept for all trunks that see
the same pixels. An unchanged file is not even read: its place and its fingerprint (size and time, or a bucket's
checksum) lead to the hash of its bytes.
"""

import contextlib
import functools
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
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
from frostline.scoring.drift_stats import IMAGE_STATS, image_stats
from frostline.store import Store

CHUNK = 512  # images looked up at once, and given to the head
MEASURED = 16  # images measured at once, where no network says how many
HELD_BYTES = 64 * 2**20  # files read to know their hash are not read again, up to this much at once

_NO_STATS = np.zeros((0, 0), np.float32)

Append = Callable[[Sequence[str], npt.NDArray[Any]], None]
OpenTrunk = Callable[[], tuple[Session, int]]  # the trunk and its batch size


@dataclass
class FeatureCache:
    """The cached features of one trunk in one precision, and how many images a job took from it and added to it.

    `open_trunk` is called once an image has to go through the trunk. `stats` are the kept IMAGE_STATS, where drift
    is measured.
    """

    head: Head
    features: Store
    hashes: Store
    open_trunk: OpenTrunk
    stats: Store | None = None
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
        """Blocks of at most CHUNK items in order, with `features`, the head's `probs` and, of drift, IMAGE_STATS."""
        start = 0
        with (
            self.features.appending() as add_features,
            self.hashes.appending() as add_hashes,
            self.stats.appending() if self.stats else contextlib.nullcontext() as add_stats,
            ThreadPoolExecutor(workers) as readers,
        ):
            while some := list(itertools.islice(items, CHUNK)):
                chunk = Chunk(some, self.hashes)
                chunk.read(readers, add_hashes)
                rows, todo = _cached(chunk, self.features)
                stats, unmeasured = _cached(chunk, self.stats) if self.stats else (_NO_STATS, [])
                self.reused += len(some) - len(todo)
                errors = [""] * len(some)
                for indices, outputs, failed in self._computed(chunk, todo, unmeasured, decode, workers):
                    good = [index for index in indices if index not in failed]
                    ids = [chunk.ids[index] for index in good]
                    if FEATURES in outputs:
                        rows[indices] = outputs[FEATURES]
                        add_features(ids, rows[good])
                        self.computed += len(good)
                    if add_stats and outputs:
                        stats[indices] = np.stack([outputs[name] for name in IMAGE_STATS], axis=1)
                        add_stats(ids, stats[good])
                    for index, error in failed.items():
                        errors[index] = error
                yield self._block(chunk, rows, stats, errors, start=start)
                start += len(some)

    def _computed(
        self, chunk: "Chunk", todo: list[int], unmeasured: list[int], decode: Decode, workers: int
    ) -> Iterator[tuple[list[int], Mapping[str, Any], dict[int, str]]]:
        """Some indices of a chunk, what the trunk gave and what was measured of them, the errors of those that failed.

        An image of which only IMAGE_STATS are missing is decoded and meets no network.
        """
        measure = image_stats if self.stats else None
        streamed = functools.partial(stream, decode=decode, workers=workers, measure=measure)
        if todo:
            if self.trunk is None:
                self.trunk, self.batch_size = self.open_trunk()
            yield from _placed(todo, streamed(
                map(chunk.item, todo),
                network=self.trunk.run,
                batch_size=self.batch_size,
                streams=self.trunk.streams,
                patience=self.trunk.patience(self.batch_size),
            ))  # fmt: skip
        if left := sorted(set(unmeasured) - set(todo)):
            yield from _placed(left, streamed(map(chunk.item, left), network=_none, batch_size=MEASURED))

    def _block(
        self,
        chunk: "Chunk",
        rows: npt.NDArray[np.float32],
        stats: npt.NDArray[np.float32],
        errors: list[str],
        *,
        start: int,
    ) -> Block:
        outputs = {**self.head.session.run(rows), **dict(zip(IMAGE_STATS, stats.T.copy(), strict=False))}
        for values in outputs.values():
            values[[bool(error) for error in errors]] = 0  # as the executor leaves rows of errors
        names = tuple(item.name for item in chunk.items)
        return Block(start, names, tuple(errors), {FEATURES: rows, **outputs}, tuple(chunk.fingerprints))


def _cached(chunk: "Chunk", kept: Store) -> tuple[npt.NDArray[np.float32], list[int]]:
    """The rows of a chunk, (n, *shape), as far as they are kept; the indices of those that are not."""
    rows = np.zeros((len(chunk.items), *kept.shape), np.float32)
    missing = {"", *kept.missing([id_ for id_ in chunk.ids if id_])}
    known = [index for index, id_ in enumerate(chunk.ids) if id_ not in missing]
    if known:
        rows[known] = kept.rows([chunk.ids[index] for index in known])[:]
    return rows, [index for index, id_ in enumerate(chunk.ids) if id_ in missing]


def _placed(
    indices: list[int], blocks: Iterator[Block]
) -> Iterator[tuple[list[int], Mapping[str, Any], dict[int, str]]]:
    """Blocks of the items at some indices of a chunk, as `_computed` gives them."""
    for block in blocks:
        some = indices[block.start : block.start + len(block.names)]
        failed = {index: error for index, error in zip(some, block.errors, strict=True) if error}
        yield some, block.outputs, failed


def _none(_: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """A network that gives nothing."""
    return {}


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


def open_cache(head: Head, open_trunk: OpenTrunk, *, drift: bool = False) -> FeatureCache:
    """The stores of a head's trunk and precision, made where there are none; with `drift` that of IMAGE_STATS too."""
    promised, cache = head.session.contract, paths.scoring_cache()
    key = {"trunk": head.trunk, "precision": head.session.precision, "backbone": promised.backbone}
    features = store.open_store("features", key, shape=head.shape, dtype="float32", cache=cache)
    hashes = store.open_store("contents", {"contents": 1}, shape=(32,), dtype="uint8", cache=cache)
    seen = {name: getattr(promised, name) for name in ("decode", "height", "width", "resize")}
    seen["packages"] = {"numpy": np.__version__}
    shape = (len(IMAGE_STATS),)
    stats = (
        store.open_store("drift_stats", seen, shape=shape, dtype="float32", cache=cache) if drift else None
    )
    return FeatureCache(head, features, hashes, open_trunk, stats)
