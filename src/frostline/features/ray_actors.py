"""What runs in other processes of a cluster: the chunks' queue, the reader of it, and the actors that work on them."""

import asyncio
import os
import pickle
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import frostline
from frostline import files
from frostline.errors import FrostlineError
from frostline.features.executor import Block
from frostline.features.local_stream import stream
from frostline.images import DECODE_VERSION

# Of the one-row tables that Ray Data moves: a pickled chunk, or what became of a piece of it.
COLUMN = "content"


def installed() -> str:
    """What decides a row in this process: the code of this package, byte by byte, and the decoder.

    A version alone would not do: two machines may have other code under the same one.
    """
    package = Path(frostline.__file__).parent
    code = files.digest(
        {str(path.relative_to(package)): files.sha256_file(path) for path in package.rglob("*.py")}
    )
    return f"frostline {frostline.__version__} (code {code[:12]}, {DECODE_VERSION})"


@dataclass(frozen=True)
class Actor:
    """A process that worked: its id, its machine, and what its network says of itself."""

    process: int
    host: str
    about: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class ActorResult:
    """What an actor made of a piece of chunk `number`: a block, whose start counts within the chunk, or an error."""

    number: int
    actor: Actor
    result: Block | BaseException


class Feed:
    """Chunks by number, at most `ahead` of the first that is not finished: the driver puts, `pull` gets.

    A finished chunk may be asked for again, by a reader that was started anew; it then gets an empty one.
    """

    def __init__(self, ahead: int) -> None:
        self._ahead = ahead
        self._chunks: dict[int, bytes] = {}
        self._finished = 0
        self._end: int | None = None
        self._changed = asyncio.Condition()

    async def put(self, number: int, content: bytes) -> bool:
        """Take a chunk once there is room; False where the feed was closed meanwhile."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: self._end is not None or number < self._finished + self._ahead
            )
            if self._end is not None:
                return False
            self._chunks[number] = content
            self._changed.notify_all()
            return True

    async def get(self, number: int) -> bytes | None:
        """Chunk `number` once it is there, b"" where it is finished, None after the last."""
        async with self._changed:
            await self._changed.wait_for(
                lambda: number in self._chunks or number < self._finished or self._end is not None
            )
            return b"" if number < self._finished else self._chunks.get(number)

    async def forget(self, number: int) -> None:
        """The chunks before `number` are finished."""
        async with self._changed:
            for finished in range(self._finished, number):
                self._chunks.pop(finished, None)
            self._finished = max(self._finished, number)
            self._changed.notify_all()

    async def close(self, end: int) -> None:
        """There are `end` chunks, or nobody wants more."""
        async with self._changed:
            self._end = end
            self._changed.notify_all()


def pull(_: dict[str, Any], feed: Any) -> Iterator[dict[str, Any]]:
    """The feed's chunks as rows for Ray Data, as they come."""
    import ray

    number = 0
    while (content := ray.get(feed.get.remote(number))) is not None:
        yield _row(content)
        number += 1


class Worker:
    """The local executor on one chunk after another, with a network that stays open between them."""

    def __init__(self, *, work: Any, batch_size: int, workers: int, driver: str) -> None:
        """`work` is where decoder, network and measure lie in Ray's store; `driver` what the driver has
        installed."""
        # Nothing that can fail: Ray would start such an actor again and again.
        self._work, self._batch_size, self._workers, self._driver = work, batch_size, workers, driver
        self._opened: tuple[Any, Any, Any] | None = None

    def __call__(self, batch: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """What became of a chunk, block by block; an error is the last of it."""
        content = batch[COLUMN][0]
        if not content:
            return
        number = -1
        try:
            number, items = pickle.loads(content)
            decode, network, measure = self._network()  # first, as other code may not even read items
            for block in stream(
                pickle.loads(items),
                decode=decode,
                network=network,
                batch_size=self._batch_size,
                workers=self._workers,
                measure=measure,
            ):
                yield _row(pickle.dumps(ActorResult(number, self._actor(), block)))
        except Exception as error:
            yield _row(pickle.dumps(ActorResult(number, self._actor(), _portable(error))))

    def _network(self) -> tuple[Any, Any, Any]:
        import ray

        if self._opened is None and self._driver != (here := installed()):
            raise FrostlineError(
                f"{here} is installed, not {self._driver} as where the job began; install the same on every machine"
            )
        if self._opened is None:
            self._opened = ray.get(self._work)
        return self._opened

    def _actor(self) -> Actor:
        about = getattr(self._opened[1], "about", {}) if self._opened else {}
        return Actor(os.getpid(), platform.node(), tuple(about.items()))


def _row(content: bytes) -> dict[str, Any]:
    return {COLUMN: np.array([content], dtype=object)}


def _portable(error: Exception) -> Exception:
    """An error as it can travel: itself, or its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever a library's own exception does when it is copied
        return FrostlineError(f"{type(error).__name__}: {error}")
    return error
