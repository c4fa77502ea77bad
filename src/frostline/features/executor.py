"""What every executor takes and gives: items to read, a decoder and a network, blocks of rows.

`local_stream.stream` is the executor of one machine. Another one (a cluster) takes the same arguments and gives
the same blocks in the same order; only speed may differ.
"""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Decode = Callable[[bytes], np.ndarray]
Network = Callable[[np.ndarray], dict[str, np.ndarray]]
Measure = Callable[[bytes, np.ndarray], dict[str, float]]


def _no_fingerprint() -> str:
    return ""


@dataclass(frozen=True)
class Item:
    """One image to come: its name, how to read its bytes (called once, in a thread), and its fingerprint.

    The fingerprint is a short text that differs once the file has changed (size and time, a checksum); ""
    where nobody needs it. The location is where the bytes lie, the same from wherever it is asked (an
    absolute path, an address); "" where they have none.
    """

    name: str
    read: Callable[[], bytes]
    fingerprint: Callable[[], str] = _no_fingerprint
    location: str = ""


@dataclass(frozen=True)
class Block:
    """Consecutive items: `start` is the position of the first among all items.

    `errors` and `fingerprints` align with `names`; an error is "" where the image was read. `outputs` holds,
    by name, arrays whose first axis aligns with `names` too; rows of errors are zero. A block without
    one readable image never reaches the network, so its `outputs` is empty. What `measure` gave of each image is
    among them, as (rows,) float32.
    """

    start: int
    names: tuple[str, ...]
    errors: tuple[str, ...]
    outputs: dict[str, np.ndarray]
    fingerprints: tuple[str, ...] = ()


class Executor(Protocol):
    """Items to blocks of at most `batch_size` rows, in order, each item exactly once.

    Full batches of one shape reach the network, the last one padded with zeros. An executor that
    sends work to other processes pickles `decode` and `network`.
    """

    def __call__(
        self, items: Iterable[Item], *, decode: Decode, network: Network, batch_size: int
    ) -> Generator[Block, None, None]: ...
