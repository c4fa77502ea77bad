"""The executor of one machine: decoding in threads overlaps the network, memory stays bounded.

Feature extraction and scoring are both this: every item exactly once, in order, whatever the batch
size and the number of threads.
"""

import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from frostline import system
from frostline.errors import StuckError
from frostline.features.executor import Block, Decode, Item, Measure, Network
from frostline.images import ImageError
from frostline.runtime.trial import Patience

__all__ = ["Block", "Item", "stream"]


@dataclass(frozen=True)
class _Decoded:
    name: str
    fingerprint: str
    pixels: np.ndarray | None
    error: str
    measures: dict[str, float] = field(default_factory=dict)


def stream(  # noqa: PLR0913  # the sizes and functions that a pass over images has
    items: Iterable[Item],
    *,
    decode: Decode,
    network: Network,
    batch_size: int,
    workers: int | None = None,
    streams: int | None = None,
    measure: Measure | None = None,
    patience: Patience | None = None,
) -> Generator[Block, None, None]:
    """Items to blocks of at most `batch_size` rows, in order, each item exactly once.

    `decode` turns a file's bytes into (H, W, 3) uint8, always the same H and W. `measure` gives figures of the
    bytes and of those pixels, always under the same names; they join the network's outputs. `network` is called
    from `streams` threads of its own (default: its attribute of that name, else 1), always with a new
    (batch_size, H, W, 3) uint8 array; rows that no image fills are zero and are never emitted. `workers`
    threads (default: the processors this process may use) read and decode. At most (streams + 2) *
    batch_size + workers images are under way ahead of what was emitted.

    An ImageError or OSError of one item becomes its error; any other exception ends the stream. `patience` bounds
    the time of a batch: StuckError, and its thread is left behind.
    Closing the generator stops the threads. ValueError for a size below 1.
    """
    threads = workers if workers is not None else system.processors()
    streams = streams if streams is not None else getattr(network, "streams", 1)
    if min(batch_size, threads, streams) < 1:
        raise ValueError(
            f"batch_size, workers and streams must be at least 1; are {batch_size}, {threads} and {streams}"
        )
    return _stream(items, decode, measure, network, patience, batch_size, threads=threads, streams=streams)


def _stream(  # noqa: PLR0913  # as above
    items: Iterable[Item],
    decode: Decode,
    measure: Measure | None,
    network: Network,
    patience: Patience | None,
    batch_size: int,
    *,
    threads: int,
    streams: int,
) -> Generator[Block, None, None]:
    decoders = ThreadPoolExecutor(threads, thread_name_prefix="frostline-decode")
    networks = ThreadPoolExecutor(streams, thread_name_prefix="frostline-network")
    result = patience.result if patience else Future.result
    stuck = False
    try:
        # A whole batch waits decoded while the network works on the ones before.
        decoded = _decoded(items, decode, measure, pool=decoders, ahead=batch_size + threads)
        waiting: deque[Future[Block]] = deque()
        start = 0
        while batch := list(itertools.islice(decoded, batch_size)):
            waiting.append(networks.submit(_block, batch, network, start=start, batch_size=batch_size))
            start += len(batch)
            if len(waiting) > streams:
                yield result(waiting.popleft())
        while waiting:
            yield result(waiting.popleft())
    except StuckError:
        stuck = True
        raise
    finally:
        networks.shutdown(wait=not stuck, cancel_futures=True)
        decoders.shutdown(wait=True, cancel_futures=True)


def _decoded(
    items: Iterable[Item], decode: Decode, measure: Measure | None, *, pool: ThreadPoolExecutor, ahead: int
) -> Iterator[_Decoded]:
    """Decode in the pool, yield in order; at most `ahead` items are under way or wait."""
    waiting: deque[Future[_Decoded]] = deque()
    for item in items:
        waiting.append(pool.submit(_attempt, item, decode, measure))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _attempt(item: Item, decode: Decode, measure: Measure | None) -> _Decoded:
    fingerprint = item.fingerprint()  # before reading: a file that changes in between shows the next time
    try:
        content = item.read()
        pixels = decode(content)
        return _Decoded(item.name, fingerprint, pixels, "", measure(content, pixels) if measure else {})
    except OSError as error:
        # Without the path: it is the row's name already, and differs between machines.
        return _Decoded(item.name, fingerprint, None, f"cannot be read: {error.strerror or error}")
    except ImageError as error:
        return _Decoded(item.name, fingerprint, None, str(error) or "not readable as an image")


def _block(batch: list[_Decoded], network: Network, *, start: int, batch_size: int) -> Block:
    outputs: dict[str, np.ndarray] = {}
    filled = {row: one.pixels for row, one in enumerate(batch) if one.pixels is not None}
    if filled:
        results = network(_padded(filled, batch_size))
        results = {**results, **_measures(batch, filled)}
        outputs = {name: _rows(name, value, filled, batch) for name, value in results.items()}
    return Block(
        start=start,
        names=tuple(one.name for one in batch),
        errors=tuple(one.error for one in batch),
        outputs=outputs,
        fingerprints=tuple(one.fingerprint for one in batch),
    )


def _measures(batch: list[_Decoded], filled: Iterable[int]) -> dict[str, np.ndarray]:
    """The figures of each image beside its pixels, zero where there is none."""
    names = batch[next(iter(filled))].measures
    return {name: np.array([one.measures.get(name, 0) for one in batch], np.float32) for name in names}


def _padded(filled: dict[int, np.ndarray], batch_size: int) -> np.ndarray:
    """The full batch: a new array every time, since a network may keep a view of the last one."""
    shape = next(iter(filled.values())).shape
    pixels = np.zeros((batch_size, *shape), np.uint8)
    for row, image in filled.items():
        if image.shape != shape or image.dtype != np.uint8:
            raise ValueError(f"decode gave {image.shape} {image.dtype} after {shape} uint8")
        pixels[row] = image
    return pixels


def _rows(name: str, value: np.ndarray, filled: dict[int, np.ndarray], batch: list[_Decoded]) -> np.ndarray:
    """The network's rows for this block's items, padding cut off, rows of errors zero."""
    if len(value) < len(batch):
        raise ValueError(f"the network gave {len(value)} rows of {name} for {len(batch)} images")
    rows = np.zeros((len(batch), *value.shape[1:]), value.dtype)
    readable = list(filled)
    rows[readable] = value[readable]
    return rows
