"""Every image of a source looked at once: read and hashed here, decoded by a pool of processes.

What was looked at before, by content, comes from the cache. The decoder runs in other processes,
because it needs both cores (half the work is Python's), and because a file that kills the decoder
then costs a row and not the run.
"""

import hashlib
import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline import memory
from frostline.datasets.image_stats import Look, end_with_parent, look_all
from frostline.datasets.source import ImageSource
from frostline.datasets.splits import Rows
from frostline.datasets.stats_cache import Cache, Digests, Hexes
from frostline.errors import FrostlineError
from frostline.images import ImageError
from frostline.progress import progress

_HELPING = 32  # images given to a process at once
_HELPING_BYTES = 4 * 2**20
_ASKED = 8192  # images looked at that are remembered before the cache is asked again
_WORTH_A_POOL = 256  # fewer are looked at in this process: starting others takes half a second


@dataclass(frozen=True)
class Scans:
    """A row an image, in the source's order.

    sha256: hex, "" where there are no bytes to be had. bytes: file sizes. table: the columns of a Look
    but thumb and hashes. thumbs, hashes: from row numbers to (n, 64, 64) and to (n, windows, 8) uint8,
    where they were measured.
    """

    sha256: Hexes
    bytes: npt.NDArray[np.int64]
    table: pa.Table
    thumbs: Callable[[Rows], npt.NDArray[np.uint8]]
    hashes: Callable[[Rows], npt.NDArray[np.uint8]]

    def column(self, name: str) -> npt.NDArray[Any]:
        """One column as an array."""
        values: npt.NDArray[Any] = self.table[name].to_numpy(zero_copy_only=False)
        return values


@dataclass(frozen=True, slots=True)
class _Read:
    digest: bytes
    content: bytes
    reason: str


def scan(source: ImageSource, names: Sequence[str], *, measure: bool) -> Scans:
    """Look at the named images; one that cannot be read has a reason and no digest."""
    cache = Cache(measure=measure)
    digests, sizes, unread = np.zeros(len(names), "S32"), np.zeros(len(names), np.int64), {}
    with progress(len(names), "checked") as advance:
        for row, read in enumerate(_looked_at(source, names, cache, measure=measure)):
            digests[row], sizes[row] = read.digest, len(read.content)
            if not read.digest:
                unread[row] = read.reason
            advance(1)
    cache.flush()
    cache.refresh()
    memory.give_back()  # what bytes and pictures of images took, between what stays
    table, places = _table(cache, digests, unread), cache.find(digests)
    cache.close()
    return Scans(
        Hexes(digests),
        sizes,
        table,
        thumbs=lambda rows: cache.thumbs(places[np.asarray(rows)]),
        hashes=lambda rows: cache.hashes(places[np.asarray(rows)]),
    )


def _table(cache: Cache, digests: Digests, unread: dict[int, str]) -> pa.Table:
    """All rows in order: those that were read from the cache, the others with their reason alone."""
    if not unread:
        return cache.looks(cache.find(digests))
    read = np.flatnonzero(digests != b"")
    table = cache.looks(cache.find(digests[read]))
    blank = {name: [getattr(Look(), name)] * len(unread) for name in table.column_names}
    others = pa.table({**blank, "reason": list(unread.values())}, schema=table.schema)
    order = np.argsort(np.array([*read, *unread]), kind="stable")
    return pa.concat_tables([table, others]).take(pa.array(order))


def _looked_at(source: ImageSource, names: Sequence[str], cache: Cache, *, measure: bool) -> Iterator[_Read]:
    """Every image read, in order; those that the cache does not know are looked at and added."""
    workers = len(os.sched_getaffinity(0))
    waiting: deque[tuple[list[_Read], Future[list[Look]]]] = deque()
    asked: set[bytes] = set()  # what the cache does not know yet, so that copies of it are not looked at
    with _Pool(workers if len(names) >= _WORTH_A_POOL else 0) as pool:
        for helping in _helpings(_read(source, name) for name in names):
            fresh = [read for read in _fresh(helping, cache) if read.digest not in asked]
            if fresh:
                asked.update(read.digest for read in fresh)
                future = pool.submit([read.content for read in fresh], measure)
                waiting.append((fresh, future))
            yield from helping
            while len(waiting) > 2 * workers:
                _settle(*waiting.popleft(), cache, measure)
            if len(asked) > max(_ASKED, len(cache) // 4):  # it has to be read as a whole: seldom, then
                cache.flush()
                cache.refresh()
                asked = {read.digest for fresh, _ in waiting for read in fresh}
        while waiting:
            _settle(*waiting.popleft(), cache, measure)


def _read(source: ImageSource, name: str) -> _Read:
    try:
        content = source.read(name)
    except ImageError as error:
        return _Read(b"", b"", str(error))
    return _Read(hashlib.sha256(content).digest(), content, "")


def _helpings(reads: Iterator[_Read]) -> Iterator[list[_Read]]:
    """Consecutive images: few enough, and of few enough bytes, for one task."""
    while helping := list(itertools.islice(reads, 1)):
        size = len(helping[0].content)
        while size < _HELPING_BYTES and len(helping) < _HELPING and (more := next(reads, None)):
            helping.append(more)
            size += len(more.content)
        yield helping


def _fresh(helping: list[_Read], cache: Cache) -> list[_Read]:
    read = list({each.digest: each for each in helping if each.digest}.values())
    if not read:
        return []
    known = cache.knows(np.array([each.digest for each in read], "S32"))
    return [each for each, seen in zip(read, known, strict=True) if not seen]


def _settle(fresh: list[_Read], future: Future[list[Look]], cache: Cache, measure: bool) -> None:
    try:
        looks = future.result()
    except BrokenProcessPool:
        looks = [_alone(read.content, measure) for read in fresh]
    cache.add([read.digest for read in fresh], looks)


def _alone(content: bytes, measure: bool) -> Look:
    """One image in a process of its own: if that dies, it is this image's fault.

    FrostlineError where the process dies without any image: then nothing is wrong with the data.
    """
    with _Pool(1) as pool:
        try:
            pool.submit([], measure).result()
        except BrokenProcessPool:
            raise FrostlineError(
                "processes that decode images die at once; free some memory, then run the command again"
            ) from None
        try:
            return pool.submit([content], measure).result()[0]
        except BrokenProcessPool:
            return Look(reason="damaged: the decoder crashed on it")


class _Pool:
    """Processes started afresh, never forked from one with threads; after a crash, new ones."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, contents: list[bytes], measure: bool) -> Future[list[Look]]:
        """Looks to come; without workers they are taken here and now."""
        if not self._workers:
            future: Future[list[Look]] = Future()
            future.set_result(look_all(contents, measure))
            return future
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent
            )
        try:
            return self._executor.submit(look_all, contents, measure)
        except BrokenProcessPool:
            self._executor = None
            return self.submit(contents, measure)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor:
            self._executor.shutdown(cancel_futures=True)
