"""A plan's images through the engine into rows that are safe on disk."""

import contextlib
import functools
import os
import time

import pyarrow as pa

from frostline import images
from frostline.engine.local import stream
from frostline.progress import progress
from frostline.scores.journal import MARK, Journal
from frostline.scores.plan import Plan
from frostline.scores.rows import Scorer


class Watch:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, what: str) -> None:
        """The time since the last lap was spent on this."""
        now = time.monotonic()
        self.laps[what], self._since = now - self._since, now


def score(plan: Plan, shards: Journal, *, batch_size: int) -> None:
    """One row for each of the plan's items that are left, in order, into the shards."""
    contract, options, source = plan.session.contract, plan.options, plan.source
    scorer = Scorer(
        contract.classes, options.top_k, plan.session.sha256, options.min_confidence, options.features
    )
    decode = functools.partial(
        images.decode, height=contract.height, width=contract.width, resize=contract.resize
    )
    blocks = stream(
        plan.items,
        decode=decode,
        network=plan.session.run,
        batch_size=batch_size,
        workers=len(os.sched_getaffinity(0)) + source.readers,
        streams=plan.session.streams,
    )
    with contextlib.closing(blocks), progress(source.count, "score", summary=False) as advance:
        advance(shards.done)
        for block in blocks:
            shards.add(scorer.table(block).append_column(MARK, pa.array(block.marks, pa.string())))
            advance(len(block.names))
    shards.flush()
