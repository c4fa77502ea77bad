"""Scoring below the frost line once: a trunk's features by image content, and the head alone for the next model.

A row of features goes by the image's bytes, in a store of one trunk and precision; the trunk's bytes hold the
rule of decoding and resizing. An unchanged file is not even read (see `contents`).
"""

import itertools
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import paths, store
from frostline.features.executor import Block, Decode, Item
from frostline.features.local import stream
from frostline.files import printable
from frostline.runtime.contract import FEATURES, PROBS
from frostline.runtime.parts import Head
from frostline.runtime.sessions import Session
from frostline.scoring import fingerprints
from frostline.scoring.fingerprints import Looked
from frostline.store import Store

CHUNK = 512  # images looked up at once, and given to the head


@dataclass
class Kept:
    """The features of one trunk in one precision, and what a job took from them and gave to them.

    `opened` brings the trunk up, with its batch size, once an image has to go through it.
    """

    head: Head
    features: Store
    contents: Store
    opened: Callable[[], tuple[Session, int]]
    reused: int = 0
    forwarded: int = 0
    trunk: Session | None = None
    batch_size: int = 0

    @property
    def told(self) -> str:
        """Which features these are, and whether there are any yet."""
        name = self.head.session.contract.backbone or "a network from scratch"
        which = f"trunk {self.head.trunk[:12]} ({name}, {self.head.session.precision})"
        where = printable(self.features.folder)
        if next(self.features.folder.glob("[!.]*.arrow"), None):
            return f"features of {which} are kept in {where}: the head alone for images that have theirs"
        return f"no features of {which} are kept yet: every image goes through it once, into {where}"

    def blocks(self, items: Iterator[Item], *, decode: Decode, workers: int) -> Generator[Block, None, None]:
        """Blocks of at most CHUNK items in order, with `features` and the head's `probs`."""
        start = 0
        with (
            self.features.appending() as keep,
            self.contents.appending() as remember,
            ThreadPoolExecutor(workers) as readers,
        ):
            while chunk := list(itertools.islice(items, CHUNK)):
                looked = Looked(chunk, self.contents)
                looked.read(readers, remember)
                rows, todo = self._there(looked)
                errors = [""] * len(chunk)
                for some, features, wrong in self._forwarded(looked, todo, decode, workers):
                    good = [place for place in some if place not in wrong]
                    rows[some] = features
                    keep([looked.ids[place] for place in good], rows[good])
                    self.forwarded += len(good)
                    for place, error in wrong.items():
                        errors[place] = error
                yield self._block(looked, rows, errors, start=start)
                start += len(chunk)

    def _there(self, looked: Looked) -> tuple[npt.NDArray[np.float32], list[int]]:
        """The rows of a chunk, (n, *shape), as far as they are kept; which are not."""
        rows = np.zeros((len(looked.items), *self.head.shape), np.float32)
        missing = {"", *self.features.missing([each for each in looked.ids if each])}
        there = [place for place, each in enumerate(looked.ids) if each not in missing]
        if there:
            rows[there] = self.features.rows([looked.ids[place] for place in there])[:]
        self.reused += len(there)
        return rows, [place for place, each in enumerate(looked.ids) if each in missing]

    def _forwarded(
        self, looked: Looked, todo: list[int], decode: Decode, workers: int
    ) -> Iterator[tuple[list[int], Any, dict[int, str]]]:
        """Some places of a chunk, what the trunk makes of them, and which of them are wrong."""
        if not todo:
            return
        if self.trunk is None:
            self.trunk, self.batch_size = self.opened()
        blocks = stream(
            map(looked.again, todo),
            decode=decode,
            network=self.trunk.run,
            batch_size=self.batch_size,
            workers=workers,
            streams=self.trunk.streams,
        )
        for block in blocks:
            some = todo[block.start : block.start + len(block.names)]
            wrong = {place: error for place, error in zip(some, block.errors, strict=True) if error}
            yield some, block.outputs.get(FEATURES, np.float32(0)), wrong

    def _block(
        self, looked: Looked, rows: npt.NDArray[np.float32], errors: list[str], *, start: int
    ) -> Block:
        probs = self.head.session.run(rows)[PROBS]
        probs[[bool(error) for error in errors]] = 0  # as the engine leaves rows of errors
        names = tuple(item.name for item in looked.items)
        return Block(start, names, tuple(errors), {FEATURES: rows, PROBS: probs}, tuple(looked.marks))


def open_kept(head: Head, opened: Callable[[], tuple[Session, int]]) -> Kept:
    """The stores of a head's trunk and precision, made where there are none."""
    key = {
        "trunk": head.trunk,
        "precision": head.session.precision,
        "backbone": head.session.contract.backbone,
    }
    cache = paths.scoring_cache()
    features = store.open_store("features", key, shape=head.shape, dtype="float32", cache=cache)
    return Kept(head, features, fingerprints.opened(cache), opened)
