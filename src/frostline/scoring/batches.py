"""A plan's images through the engine into rows that are safe on disk."""

import contextlib
import functools
import os
import time
from collections.abc import Generator

import pyarrow as pa

from frostline import images
from frostline.features.executor import Block, Decode, Measure
from frostline.features.local import stream
from frostline.progress import progress
from frostline.scoring import drift_stats
from frostline.scoring.feature_cache import Kept
from frostline.scoring.journal import MARK, Journal
from frostline.scoring.plan import Plan
from frostline.scoring.ray import Elsewhere
from frostline.scoring.rows import Scorer


class Watch:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._since = time.monotonic()

    def lap(self, what: str) -> None:
        """The time since the last lap was spent on this."""
        now = time.monotonic()
        self.laps[what], self._since = now - self._since, now


def score(  # noqa: PLR0913  # what a pass over images has
    plan: Plan,
    shards: Journal,
    *,
    kept: Kept | None,
    batch_size: int,
    elsewhere: Elsewhere | None = None,
    bar: bool = True,
) -> None:
    """One row for each of the plan's items that are left, in order, into the shards.

    Images go `batch_size` at once through the whole network, here or `elsewhere`, or where features are `kept`
    through the head. `bar` shows progress on a terminal.
    """
    options, session = plan.options, plan.session
    scorer = Scorer(
        session.contract.classes,
        options.top_k,
        session.sha256,
        options.min_confidence,
        features=options.features,
        drift=options.drift,
    )
    if elsewhere:
        blocks = elsewhere.blocks(plan, decode=_decoder(plan), measure=_measure(plan), batch_size=batch_size)
    else:
        blocks = _above(plan, kept) if kept else _whole(plan, batch_size)
    with (
        contextlib.closing(blocks),
        progress(plan.source.count if bar else 0, "score", summary=False) as advance,
    ):
        advance(shards.done)
        for block in blocks:
            shards.add(scorer.table(block).append_column(MARK, pa.array(block.fingerprints, pa.string())))
            advance(len(block.names))
    shards.flush()


def _whole(plan: Plan, batch_size: int) -> Generator[Block, None, None]:
    return stream(
        plan.items,
        decode=_decoder(plan),
        network=plan.session.run,
        batch_size=batch_size,
        workers=_workers(plan),
        streams=plan.session.streams,
        measure=_measure(plan),
    )


def _above(plan: Plan, kept: Kept) -> Generator[Block, None, None]:
    return kept.blocks(plan.items, decode=_decoder(plan), workers=_workers(plan))


def _decoder(plan: Plan) -> Decode:
    """A file's bytes to the pixels that the model wants."""
    wanted = plan.session.contract
    return functools.partial(images.decode, height=wanted.height, width=wanted.width, resize=wanted.resize)


def _measure(plan: Plan) -> Measure | None:
    """What is looked at for drift."""
    return drift_stats.look if plan.options.drift else None


def _workers(plan: Plan) -> int:
    """Threads that read and decode."""
    return len(os.sched_getaffinity(0)) + plan.source.readers
