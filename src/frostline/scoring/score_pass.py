"""One pass over images: what the network makes of each, wherever it runs, becomes a row of the journal."""

import contextlib
import functools
from collections.abc import Generator, Iterator

import pyarrow as pa

from frostline import images, system
from frostline.features.executor import Block, Decode, Item, Measure
from frostline.features.local_stream import stream
from frostline.progress import progress
from frostline.scoring import drift_stats, plan, rows
from frostline.scoring.feature_cache import FeatureCache
from frostline.scoring.journal import Journal
from frostline.scoring.plan import Plan
from frostline.scoring.ray_workers import RayWorkers


def scorer_of(planned: Plan) -> rows.Scorer:
    """What makes rows of a plan's blocks."""
    options, session = planned.options, planned.session
    return rows.Scorer(
        session.contract.classes,
        options.top_k,
        session.sha256,
        options.min_confidence,
        features=options.features,
        drift=options.drift,
        **plan.answer_rule(session, options),
    )


def score(  # noqa: PLR0913  # what a pass over images has
    planned: Plan,
    items: Iterator[Item],
    shards: Journal,
    *,
    cache: FeatureCache | None = None,
    batch_size: int,
    workers: RayWorkers | None = None,
) -> None:
    """One row for each of the items, in order, into the shards.

    Images go in batches through the whole network, here or on a cluster's `workers`, or, with a `cache` of
    features, through the head.
    """
    scorer = scorer_of(planned)
    blocks = _blocks(planned, items, cache, batch_size, workers)
    with contextlib.closing(blocks), progress(planned.source.count, "score", summary=False) as advance:
        advance(shards.done)
        for block in blocks:
            shards.add(
                scorer.table(block).append_column(rows.FINGERPRINT, pa.array(block.fingerprints, pa.string()))
            )
            advance(len(block.names))
    shards.flush()


def _blocks(
    planned: Plan,
    items: Iterator[Item],
    cache: FeatureCache | None,
    batch_size: int,
    workers: RayWorkers | None,
) -> Generator[Block, None, None]:
    """What the network makes of the items, wherever it runs."""
    decode, measure = _decoder(planned), _measure(planned)
    threads = system.processors() + planned.source.readers  # that read and decode
    if workers:
        return workers.blocks(planned, items, decode=decode, measure=measure, batch_size=batch_size)
    if cache:
        return cache.blocks(items, decode=decode, workers=threads)
    return stream(
        items,
        decode=decode,
        network=planned.session.run,
        batch_size=batch_size,
        workers=threads,
        streams=planned.session.streams,
        measure=measure,
        patience=planned.session.patience(batch_size),
    )


def _decoder(planned: Plan) -> Decode:
    """A file's bytes to the pixels that the model wants."""
    wanted = planned.session.contract
    return functools.partial(images.decode, height=wanted.height, width=wanted.width, resize=wanted.resize)


def _measure(planned: Plan) -> Measure | None:
    """What is measured of each image for drift."""
    return drift_stats.image_stats if planned.options.drift else None
