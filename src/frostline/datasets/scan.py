"""Every image of a source examined once: read and hashed here, decoded by a pool of processes.

What was examined before, by content, comes from the cache. The decoder runs in other processes,
because it needs both cores (half the work is Python's), and because a file that kills the decoder
then costs a row and not the run. Somebody else may do it all, such as a cluster, with the same results.
"""

import contextlib
import hashlib
import itertools
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline import memory, system
from frostline.datasets.file_digests import FileDigests, Held, unknown
from frostline.datasets.image_stats import ImageStats, end_with_parent, stats_of_all
from frostline.datasets.source import ImageSource
from frostline.datasets.splits import Rows
from frostline.datasets.stats_cache import Digests, Hexes, StatsCache
from frostline.errors import FrostlineError
from frostline.images import ImageError
from frostline.progress import progress

_BATCH = 32  # images given to a process at once
_BATCH_BYTES = 4 * 2**20
_ASKED = 8192  # images examined that are remembered before the cache is asked again
_WORTH_A_POOL = 256  # fewer are examined in this process: starting others takes half a second
_WORTH_A_CLUSTER = 2048  # fewer are examined on this machine: joining and starting actors takes half a minute


@dataclass(frozen=True)
class Scans:
    """A row per image, in the source's order.

    sha256: hex, "" where there are no bytes to be had. bytes: file sizes. table: the columns of
    ImageStats but thumbnail and hashes. thumbnails, hashes: from row numbers to (n, 64, 64) and to
    (n, windows, 8) uint8, where they were measured.
    """

    sha256: Hexes
    bytes: npt.NDArray[np.int64]
    table: pa.Table
    thumbnails: Callable[[Rows], npt.NDArray[np.uint8]]
    hashes: Callable[[Rows], npt.NDArray[np.uint8]]

    def column(self, name: str) -> npt.NDArray[Any]:
        """One column as an array."""
        values: npt.NDArray[Any] = self.table[name].to_numpy(zero_copy_only=False)
        return values


@dataclass(frozen=True, slots=True)
class ExaminedImage:
    """An image that somebody else examined: its SHA-256 (32 bytes) and size in bytes, and what is known of its
    content. One that cannot be read has no digest, and `reason` says why.
    """

    digest: bytes
    bytes: int
    reason: str
    stats: ImageStats


Examine = Callable[[ImageSource, Iterable[str], bool], Iterator[ExaminedImage]]  # bool: whether to measure
OpenExamine = Callable[[], contextlib.AbstractContextManager[Examine]]


@dataclass(frozen=True, slots=True)
class _Read:
    digest: bytes
    content: bytes
    reason: str

    @property
    def bytes(self) -> int:
        return len(self.content)


def scan(
    source: ImageSource,
    names: Sequence[str],
    *,
    measure: bool,
    held: Held | None = None,
    elsewhere: OpenExamine | None = None,
) -> Scans:
    """Examine the named images; one that cannot be read has a reason and no digest.

    With `held`, which says what DVC holds of files (`pipeline.holdings.digests`), a file that is as it was when it
    was last read is not read again, unless DVC holds another content of it than then. `elsewhere` opens what
    examines in place of this machine, where more than a few images are new.
    """
    cache, before = StatsCache(measure=measure), FileDigests(source, names, held=held) if held else None
    known = before.known() if before else unknown(len(names))
    known.digests[~cache.knows(known.digests)] = b""
    digests, sizes, unread = known.digests, known.bytes, {}
    rows = np.flatnonzero(digests == b"")
    asked = (names[row] for row in rows.tolist())
    far = elsewhere() if elsewhere and len(rows) >= _WORTH_A_CLUSTER else contextlib.nullcontext()
    with far as examine, progress(len(names), "checked") as advance:
        advance(len(names) - len(rows))
        reads = _reads(examine, source, asked, cache, count=len(rows), measure=measure)
        for row, read in zip(rows.tolist(), reads, strict=True):
            digests[row], sizes[row] = read.digest, read.bytes
            if not read.digest:
                unread[row] = read.reason
            advance(1)
    cache.flush()
    cache.refresh()
    if before:
        before.write(known)
    memory.give_back()  # what bytes and pictures of images took, between what stays
    table, places = _table(cache, digests, unread), cache.find(digests)
    cache.close()
    return Scans(
        Hexes(digests),
        sizes,
        table,
        thumbnails=lambda rows: cache.thumbnails(places[np.asarray(rows)]),
        hashes=lambda rows: cache.hashes(places[np.asarray(rows)]),
    )


def _table(cache: StatsCache, digests: Digests, unread: dict[int, str]) -> pa.Table:
    """All rows in order: those that were read from the cache, the others with their reason alone."""
    if not unread:
        return cache.rows(cache.find(digests))
    read = np.flatnonzero(digests != b"")
    table = cache.rows(cache.find(digests[read]))
    blank = {name: [getattr(ImageStats(), name)] * len(unread) for name in table.column_names}
    others = pa.table({**blank, "reason": list(unread.values())}, schema=table.schema)
    order = np.argsort(np.array([*read, *unread]), kind="stable")
    return pa.concat_tables([table, others]).take(pa.array(order))


def _reads(  # noqa: PLR0913  # who examines, which images, and how
    examine: Examine | None,
    source: ImageSource,
    names: Iterable[str],
    cache: StatsCache,
    *,
    count: int,
    measure: bool,
) -> Iterator[ExaminedImage | _Read]:
    """Every image, in order, by who examines in place of this machine, or by it."""
    if examine:
        return _kept(examine(source, names, measure), cache)
    return _examined(source, names, cache, count=count, measure=measure)


def _kept(examined: Iterable[ExaminedImage], cache: StatsCache) -> Iterator[ExaminedImage]:
    """Every image, once the cache has what is known of it; copies in several rows are there several times."""
    for image in examined:
        if image.digest:
            cache.add([image.digest], [image.stats])
        yield image


def _examined(
    source: ImageSource, names: Iterable[str], cache: StatsCache, *, count: int, measure: bool
) -> Iterator[_Read]:
    """Every image read, in order; what the cache does not know is decoded and added."""
    workers = system.processors()
    waiting: deque[tuple[list[_Read], Future[list[ImageStats]]]] = deque()
    asked: set[bytes] = set()  # what the cache does not know yet, so that copies of it are decoded once
    with _Pool(workers if count >= _WORTH_A_POOL else 0) as pool:
        for batch in _batches(_read(source, name) for name in names):
            fresh = [read for read in _fresh(batch, cache) if read.digest not in asked]
            if fresh:
                asked.update(read.digest for read in fresh)
                future = pool.submit([read.content for read in fresh], measure)
                waiting.append((fresh, future))
            yield from batch
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


def _batches(reads: Iterator[_Read]) -> Iterator[list[_Read]]:
    """Consecutive images: few enough, and of few enough bytes, for one task."""
    while batch := list(itertools.islice(reads, 1)):
        size = len(batch[0].content)
        while size < _BATCH_BYTES and len(batch) < _BATCH and (more := next(reads, None)):
            batch.append(more)
            size += len(more.content)
        yield batch


def _fresh(batch: list[_Read], cache: StatsCache) -> list[_Read]:
    """Images of a batch that the cache does not know, each content once."""
    read = list({image.digest: image for image in batch if image.digest}.values())
    if not read:
        return []
    known = cache.knows(np.array([image.digest for image in read], "S32"))
    return [image for image, cached in zip(read, known, strict=True) if not cached]


def _settle(fresh: list[_Read], future: Future[list[ImageStats]], cache: StatsCache, measure: bool) -> None:
    try:
        stats = future.result()
    except BrokenProcessPool:
        stats = [_isolated(read.content, measure) for read in fresh]
    cache.add([read.digest for read in fresh], stats)


def _isolated(content: bytes, measure: bool) -> ImageStats:
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
            return ImageStats(reason="damaged: the decoder crashed on it")


class _Pool:
    """Processes started afresh, never forked from one with threads; after a crash, new ones."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._executor: ProcessPoolExecutor | None = None

    def submit(self, contents: list[bytes], measure: bool) -> Future[list[ImageStats]]:
        """Statistics to come; without workers they are computed here and now."""
        if not self._workers:
            future: Future[list[ImageStats]] = Future()
            future.set_result(stats_of_all(contents, measure))
            return future
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self._workers, mp_context=multiprocessing.get_context("spawn"), initializer=end_with_parent
            )
        try:
            return self._executor.submit(stats_of_all, contents, measure)
        except BrokenProcessPool:
            self._executor = None
            return self.submit(contents, measure)

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        if self._executor:
            self._executor.shutdown(cancel_futures=True)
