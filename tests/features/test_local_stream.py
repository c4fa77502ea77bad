"""The engine: every item exactly once, in order, in bounded memory, whatever fails."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.errors import FrostlineError
from frostline.features.local_stream import Block, Item, stream
from frostline.images import ImageError

HEIGHT, WIDTH = 2, 3


def decode(content: bytes) -> np.ndarray:
    """An image filled with the content's number; b"bad…" is unreadable."""
    if content.startswith(b"bad"):
        raise ImageError(f"no image: {content.decode()}")
    return np.full((HEIGHT, WIDTH, 3), int(content) % 256, np.uint8)


def network(batch: np.ndarray) -> dict[str, np.ndarray]:
    """Two outputs, of one and two axes, that tell which image a row is from."""
    level = batch[:, 0, 0, 0].astype(np.float32)
    return {"level": level + 1, "pair": np.stack([level, -level], axis=1)}


def item(number: int, bad: bool = False) -> Item:
    """Item `number`, whose reader gives its number."""
    content = b"bad %d" % number if bad else b"%d" % number
    return Item(f"item-{number}", lambda: content)


def rows(blocks: Iterator[Block]) -> list[tuple[str, str, float]]:
    """Flatten blocks to (name, error, level), checking their positions and shapes on the way."""
    flat: list[tuple[str, str, float]] = []
    for block in blocks:
        assert block.start == len(flat)
        assert len(block.names) == len(block.errors) > 0
        assert all(len(value) == len(block.names) for value in block.outputs.values())
        assert bool(block.outputs) == ("" in block.errors)
        level = block.outputs.get("level", np.zeros(len(block.names)))
        flat += zip(block.names, block.errors, level.tolist(), strict=True)
    return flat


@given(
    count=st.integers(0, 23),
    batch_size=st.integers(1, 9),
    workers=st.integers(1, 4),
    bad=st.sets(st.integers(0, 22)),
)
def test_every_item_once_in_order(count: int, batch_size: int, workers: int, bad: set[int]) -> None:
    """Whatever the sizes and the failing places, the same rows come out."""
    made = [item(number, number in bad) for number in range(count)]
    found = rows(stream(made, decode=decode, network=network, batch_size=batch_size, workers=workers))
    expected = [
        (f"item-{number}", f"no image: bad {number}", 0.0)
        if number in bad
        else (f"item-{number}", "", number + 1.0)
        for number in range(count)
    ]
    assert found == expected


@pytest.mark.parametrize("count", [1, 4, 5, 8, 11])
def test_network_always_gets_full_batches(count: int) -> None:
    """Each batch has the one shape; what no image fills is zero; no batch is an earlier one's memory."""
    seen: list[np.ndarray] = []

    def watching(batch: np.ndarray) -> dict[str, np.ndarray]:
        seen.append(batch)
        return network(batch)

    made = [item(number) for number in range(1, count + 1)]
    list(stream(made, decode=decode, network=watching, batch_size=4, workers=2))
    assert [batch.shape for batch in seen] == [(4, HEIGHT, WIDTH, 3)] * -(-count // 4)
    assert all(batch.dtype == np.uint8 for batch in seen)
    levels = np.concatenate(seen)[:, 0, 0, 0].tolist()
    assert levels == list(range(1, count + 1)) + [0] * (-count % 4)


def test_rows_of_errors_are_zero_and_skip_the_network() -> None:
    """The network's answer for a missing image never reaches a row, in any output."""
    made = [item(5), item(6, bad=True), item(7)]
    [block] = stream(made, decode=decode, network=network, batch_size=3, workers=1)
    np.testing.assert_array_equal(block.outputs["level"], [6, 0, 8])
    np.testing.assert_array_equal(block.outputs["pair"], [[5, -5], [0, 0], [7, -7]])


def test_a_block_without_an_image_never_meets_the_network() -> None:
    """Where nothing could be decoded there is no shape to make a batch of."""

    def unreachable(_: np.ndarray) -> dict[str, np.ndarray]:
        raise AssertionError

    made = [item(number, bad=True) for number in range(3)]
    blocks = list(stream(made, decode=decode, network=unreachable, batch_size=2, workers=2))
    assert [(block.start, block.outputs) for block in blocks] == [(0, {}), (2, {})]


@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("workers", [1, 3])
def test_read_ahead_is_bounded(batch_size: int, workers: int) -> None:
    """However slow the consumer, no more than 3 batches + workers are read ahead of what it has."""
    lock = threading.Lock()
    read = 0

    def reading() -> bytes:
        nonlocal read
        with lock:
            read += 1
        return b"1"

    made = (Item(str(number), reading) for number in range(60))
    emitted = 0
    for block in stream(made, decode=decode, network=network, batch_size=batch_size, workers=workers):
        time.sleep(0.005)
        emitted += len(block.names)
        assert read - emitted <= 2 * batch_size + workers
    assert read == emitted == 60


def test_decoding_overlaps_the_network() -> None:
    """The next batch is decoded while the network works: it sees readers run meanwhile."""
    progressed = []
    done = threading.Semaphore(0)

    def reading() -> bytes:
        done.release()
        return b"1"

    def slow(batch: np.ndarray) -> dict[str, np.ndarray]:
        # 4 of this batch and then at least 4 of the next, which only another thread can read.
        progressed.append(all(done.acquire(timeout=5) for _ in range(4)))
        return network(batch)

    made = [Item(str(number), reading) for number in range(12)]
    blocks = stream(made, decode=decode, network=slow, batch_size=4, workers=2)
    next(blocks)
    assert all(done.acquire(timeout=5) for _ in range(4))
    assert [len(block.names) for block in blocks] == [4, 4]
    assert progressed[0]


@pytest.mark.parametrize(
    ("raised", "error"),
    [
        (ImageError("truncated JPEG"), "truncated JPEG"),
        (ImageError(""), "not readable as an image"),
        (PermissionError(13, "Permission denied", "/secret/place"), "cannot be read: Permission denied"),
        (
            FileNotFoundError(2, "No such file or directory", "/gone"),
            "cannot be read: No such file or directory",
        ),
        (OSError("broken disk"), "cannot be read: broken disk"),
    ],
)
@pytest.mark.parametrize("place", ["read", "decode"])
def test_one_items_failure_is_its_row(raised: Exception, error: str, place: str) -> None:
    """An unreadable file costs its own row, wherever it shows; no path of this machine is in it."""
    made = [item(1), Item("odd", _raising(raised) if place == "read" else lambda: b"odd"), item(3)]

    def decoding(content: bytes) -> np.ndarray:
        if content == b"odd":
            raise raised
        return decode(content)

    found = rows(stream(made, decode=decoding, network=network, batch_size=2, workers=2))
    assert found == [("item-1", "", 2.0), ("odd", error, 0.0), ("item-3", "", 4.0)]


def _raising(error: Exception) -> Callable[[], bytes]:
    def read() -> bytes:
        raise error

    return read


@pytest.mark.parametrize("raised", [FrostlineError("cuda ran out of memory"), KeyError("x"), MemoryError()])
@pytest.mark.parametrize("place", ["read", "decode", "network", "items"])
def test_other_failures_end_the_stream(raised: Exception, place: str) -> None:
    """A fault that is not one image's own reaches the caller as it is, and no thread stays."""

    def failing(*_: object) -> dict[str, np.ndarray]:
        raise raised

    def listing() -> Iterator[Item]:
        yield from (item(number) for number in range(4))
        if place == "items":
            raise raised
        yield Item("last", _raising(raised) if place == "read" else lambda: b"5")

    blocks = stream(
        listing(),
        decode=failing if place == "decode" else decode,  # type: ignore[arg-type]
        network=failing if place == "network" else network,
        batch_size=2,
        workers=2,
    )
    with pytest.raises(type(raised)):
        list(blocks)
    assert _decoders() == []


def test_closing_the_generator_stops_the_threads() -> None:
    """A consumer that leaves early leaves nothing running and nothing more read."""
    read = []

    def reading() -> bytes:
        read.append(1)
        return b"1"

    made = (Item(str(number), reading) for number in range(10_000))
    blocks = stream(made, decode=decode, network=network, batch_size=3, workers=2)
    next(blocks)
    assert _decoders() != []
    blocks.close()
    assert _decoders() == []
    assert len(read) <= 3 * 3 + 2


def test_a_network_says_how_many_calls_it_takes_at_once() -> None:
    """Two wait for each other here; their rows come out in order all the same."""

    class Paired:
        streams = 2

        def __init__(self) -> None:
            self.together = threading.Barrier(2, timeout=10)

        def __call__(self, batch: np.ndarray) -> dict[str, np.ndarray]:
            if self.together.wait() == 0:
                time.sleep(0.005)  # now one, now the other is late
            return network(batch)

    blocks = stream([item(number) for number in range(16)], decode=decode, network=Paired(), batch_size=2)
    assert [level for _, _, level in rows(blocks)] == list(range(1, 17))


def test_nothing_starts_before_the_first_block_is_asked_for() -> None:
    """Making the stream starts no thread and reads nothing."""
    stream([Item("x", _raising(KeyError()))], decode=decode, network=network, batch_size=1)
    assert _decoders() == []


def _decoders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("frostline-decode")]


@pytest.mark.parametrize(("batch_size", "workers"), [(0, 1), (-1, 1), (1, 0)])
def test_sizes_below_one_are_refused_at_once(batch_size: int, workers: int) -> None:
    """The mistake is reported where it is made, not at the first block."""
    with pytest.raises(ValueError, match="at least 1"):
        stream([], decode=decode, network=network, batch_size=batch_size, workers=workers)


def test_a_decoder_that_changes_its_mind_is_a_fault() -> None:
    """Two sizes in one batch would otherwise be stretched silently by NumPy."""
    sizes = iter([(HEIGHT, WIDTH, 3), (1, 1, 3)])
    blocks = stream(
        [item(1), item(2)],
        decode=lambda _: np.zeros(next(sizes), np.uint8),
        network=network,
        batch_size=2,
        workers=1,
    )
    with pytest.raises(ValueError, match=r"decode gave \(1, 1, 3\)"):
        next(blocks)


def test_a_network_that_loses_rows_is_a_fault() -> None:
    """Fewer rows than images must never become a table that looks whole."""
    blocks = stream(
        [item(1), item(2)], decode=decode, network=lambda batch: {"probs": batch[:1]}, batch_size=2, workers=1
    )
    with pytest.raises(ValueError, match="gave 1 rows of probs for 2 images"):
        next(blocks)
