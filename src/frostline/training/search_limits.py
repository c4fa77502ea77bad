"""What ends a search, and what a trunk may cost in it."""

import contextlib
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass

import numpy as np

from frostline.features.executor import Block, Decode, Executor, Item, Network
from frostline.features.local_stream import stream
from frostline.training.search_heads import TimeUpError
from frostline.training.search_trunks import OpenTrunk


class LeftOutError(Exception):
    """Why a trunk has no result in a round: the second half of a sentence."""


@dataclass(frozen=True)
class Clock:
    """When the search must end, in seconds of `time.monotonic`."""

    end: float

    @property
    def left(self) -> float:
        """Seconds."""
        return self.end - time.monotonic()


@dataclass(frozen=True)
class Limits:
    """What a trunk may cost at most: milliseconds per image on this machine, megabytes of weights."""

    milliseconds: float = np.inf
    megabytes: float = np.inf

    def broken(self, one: OpenTrunk) -> str:
        """Why a trunk is left out; "" where it keeps them."""
        if one.megabytes > self.megabytes:
            return f"{one.megabytes:.0f} MB of weights, more than {self.megabytes:g}"
        if one.milliseconds > self.milliseconds:
            return f"{one.milliseconds:.1f} ms per image, more than {self.milliseconds:g}"
        return ""


def until_then(end: float) -> Executor:
    """The local executor, which ends with a TimeUpError when the time is over; what it gave by then is kept."""

    def work(
        items: Iterable[Item], *, decode: Decode, network: Network, batch_size: int
    ) -> Generator[Block, None, None]:
        with contextlib.closing(
            stream(items, decode=decode, network=network, batch_size=batch_size)
        ) as blocks:
            for block in blocks:
                yield block
                if time.monotonic() > end:
                    raise TimeUpError

    return work
