"""Images through an open session in batches of one size, from any thread."""

import contextlib
import threading
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from frostline import images, system
from frostline.features.executor import Block
from frostline.features.local import stream
from frostline.runtime.sessions import Session
from frostline.scoring import given, plan, tuning
from frostline.scoring.sources import Source


class Batches:
    """A session with its batch size: the one given, else the one that `frostline score` measures."""

    def __init__(self, session: Session, batch_size: int | None) -> None:
        self.session = session
        self._given = batch_size
        self._settled: int | None = None
        self._lock = threading.Lock()

    def decode(self, content: bytes) -> npt.NDArray[np.uint8]:
        """A file's bytes as the network sees the image: (height, width, 3) uint8; ImageError for no image."""
        wanted = self.session.contract
        return images.decode(content, height=wanted.height, width=wanted.width, resize=wanted.resize)

    def blocks(self, source: Source) -> Iterator[Block]:
        """What the network makes of a source's images, in order; the source is closed then.

        InputError for a source without images, unless they were listed one by one.
        """
        with contextlib.closing(source):
            listed = isinstance(source, given.SeveralInputs)
            blocks = stream(
                source.items() if listed else plan.images_of(source),
                decode=self.decode,
                network=self.session.run,
                batch_size=self._size(),
                workers=system.processors() + source.readers,
                streams=self.session.streams,
            )
            with contextlib.closing(blocks):
                yield from blocks

    def _size(self) -> int:
        """Settled once, when the first images come: measuring takes seconds."""
        with self._lock:
            if self._settled is None:
                self._settled = tuning.batch(self.session, self._given).size
            return self._settled
