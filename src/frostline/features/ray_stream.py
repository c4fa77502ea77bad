"""The executor on a Ray cluster: chunks of items stream to actors, and each runs the local executor on them.

Ray Data moves the chunks, holds the actors and keeps the order; what an actor does with a chunk is
`local_stream.stream`, so a row is the same wherever it was made. Where an actor or its machine dies, the pass over the
chunks that are not finished begins again on what is left: Ray itself would try the dead machine again, or wait for
room that there no longer is.
"""

import contextlib
import errno
import functools
import itertools
import os
import pickle
import platform
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from frostline.errors import FrostlineError, InputError, first_line
from frostline.features import local_stream, ray_actors, ray_cluster
from frostline.features.executor import Block, Decode, Executor, Item, Measure, Network
from frostline.features.ray_actors import Actor
from frostline.features.ray_cluster import ActorPool
from frostline.images import ImageError
from frostline.progress import note

CHUNK = 8  # batches that an actor takes at once
AHEAD = 4  # chunks for each actor that were listed but are not finished
ATTEMPTS = 3  # at a chunk whose actor dies: an image that kills every actor ends the job
# What a machine says of a file that it lacks, or may not read, in the error of an image.
_ABSENT = (os.strerror(errno.ENOENT).lower(), os.strerror(errno.EACCES).lower(), "no such file")

OnBlock = Callable[[Actor, int], None]


def stream(  # noqa: PLR0913  # as the local one, and where
    items: Iterable[Item],
    *,
    decode: Decode,
    network: Network,
    batch_size: int,
    pool: ActorPool,
    readers: int = 0,
    measure: Measure | None = None,
    on_block: OnBlock | None = None,
) -> Generator[Block, None, None]:
    """As `local_stream.stream`, on the actors of the cluster that was joined: the same blocks in the same order.

    `decode`, `network`, `measure` and items are pickled; each actor unpickles all but the items once. A network that
    opens at its first call opens once in each actor; its attribute `about`, a dict of texts, is handed on.
    `readers` threads more than processors decode. `on_block` is called with each block's actor and number of rows.
    At most (AHEAD * pool.size + 1) * CHUNK * batch_size items are listed ahead of what was emitted.

    Errors are those of the local executor; FrostlineError also where the cluster fails, and where an actor's machine
    lacks an image that this one has.
    """
    ray = ray_cluster.import_ray()
    here = _here(ray)
    feed = ray.remote(num_cpus=0, **here)(ray_actors.Feed).remote(AHEAD * pool.size)
    feeder = _Feeder(ray, feed, items, CHUNK * batch_size)
    work = {
        "work": ray.put((decode, network, measure)),
        "batch_size": batch_size,
        "workers": pool.cpus + readers,
    }
    feeder.start()
    try:
        start = 0
        for sent in _each_once(ray, feed, work, pool, here):
            if isinstance(sent.result, BaseException):
                raise _named(sent.result, sent.actor)
            _require_files(sent.result, feeder.listed(sent.number), sent.actor)
            block = replace(sent.result, start=start)
            start += len(block.names)
            if on_block:
                on_block(sent.actor, len(block.names))
            yield block
            feed.forget.remote(sent.number)
        feeder.finish()
    finally:
        feeder.stop()
        ray.kill(feed)


def _here(ray: Any) -> dict[str, Any]:
    """Where the chunks' queue and its reader run: on the machine without which the job ends anyway."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    node = ray.get_runtime_context().get_node_id()
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def _named(error: BaseException, actor: Actor) -> BaseException:
    """An error of another machine says which."""
    if type(error) in (FrostlineError, InputError) and actor.host != platform.node():
        return FrostlineError(f"on {actor.host}: {error}")
    return error


def _require_files(block: Block, chunk: Sequence[Item], actor: Actor) -> None:
    """FrostlineError where an image of a chunk is absent for its actor, and not here: rows would be lost."""
    for place, error in enumerate(block.errors):
        if error and any(reason in error.lower() for reason in _ABSENT):
            with contextlib.suppress(OSError, ImageError):
                chunk[block.start + place].read()
                raise FrostlineError(
                    f"on {actor.host}: {block.names[place]} {error}, though it can here; the images must lie at the "
                    "same path on every machine"
                )


def _each_once(
    ray: Any, feed: Any, work: dict[str, Any], pool: ActorPool, here: dict[str, Any]
) -> Iterator[ray_actors.ActorResult]:
    """What the actors send, in order, by as many passes as it takes; FrostlineError where one chunk takes too many."""
    last, failures = (0, -1), 0
    while True:
        first = last
        try:
            for sent in _sent(ray, feed, work, _left(ray, pool), here):
                if isinstance(sent.result, Block):
                    if (sent.number, sent.result.start) <= last:
                        continue
                    last = (sent.number, sent.result.start)
                yield sent
            return
        except ray.exceptions.RayError as error:
            failures = 1 if last > first else failures + 1
            if failures == ATTEMPTS:
                raise FrostlineError(
                    f"the Ray cluster failed: {first_line(error)}; see `ray status` and its logs"
                ) from error
            note(
                "note: an actor or a machine of the Ray cluster died; what it had not finished is done again"
            )


def _left(ray: Any, pool: ActorPool) -> ActorPool:
    """The pool as far as there is room for it on the machines that are alive."""
    there = ray.cluster_resources()
    room = int(there.get("GPU", 0) / pool.gpus if pool.gpus else there.get("CPU", 0) / pool.cpus)
    return replace(pool, size=max(1, min(pool.size, room)))


def _sent(
    ray: Any, feed: Any, work: dict[str, Any], pool: ActorPool, here: dict[str, Any]
) -> Iterator[ray_actors.ActorResult]:
    """What the actors send, in order, as long as none of them dies."""
    data = ray.data
    with data.DataContext.current(_settings(data)), warnings.catch_warnings(action="ignore"):
        chunks = data.from_items([{"of": 0}], override_num_blocks=1).map_batches(
            ray_actors.pull, fn_kwargs={"feed": feed}, batch_size=None, num_cpus=0, **here
        )
        results = chunks.map_batches(
            ray_actors.Worker,
            fn_constructor_kwargs=work | {"driver": ray_actors.installed()},
            batch_size=1,
            compute=data.ActorPoolStrategy(min_size=1, max_size=pool.size, initial_size=pool.size),
            num_cpus=pool.cpus,
            num_gpus=pool.gpus,
            max_restarts=0,
            max_task_retries=0,  # what Ray warns of: it goes with 2.64
        )
    for batch in results.iter_batches(batch_size=1, prefetch_batches=0):
        yield pickle.loads(batch[ray_actors.COLUMN][0])


def _settings(data: Any) -> Any:
    """Results in the order of the chunks, one at a time, in silence."""
    with warnings.catch_warnings(action="ignore"):  # Ray's own, of every setting of old that it copies
        settings = data.DataContext.get_current().copy()
    settings.execution_options.preserve_order = True
    settings.target_max_block_size = 1  # else a chunk waits until 128 MiB of them are together
    settings.enable_progress_bars = False
    return settings


class _Feeder(threading.Thread):
    """Lists items and hands them on in chunks, as far ahead as the feed lets it."""

    def __init__(self, ray: Any, feed: Any, items: Iterable[Item], chunk: int) -> None:
        super().__init__(name="frostline-feed", daemon=True)
        self._ray, self._feed, self._items, self._chunk = ray, feed, iter(items), chunk
        self._chunks: dict[int, list[Item]] = {}  # as far ahead as the feed lets it
        self._error: BaseException | None = None

    def listed(self, number: int) -> Sequence[Item]:
        """The items of a chunk; those of the chunks before are forgotten."""
        for finished in [known for known in list(self._chunks) if known < number]:
            del self._chunks[finished]
        return self._chunks[number]

    def run(self) -> None:
        """Until there are no more, or nobody wants them; an error of the listing is raised by `finish`."""
        number = 0
        try:
            while some := list(itertools.islice(self._items, self._chunk)):
                self._chunks[number] = some
                content = pickle.dumps((number, self._ray.cloudpickle.dumps(some)))
                if not self._ray.get(self._feed.put.remote(number, content)):
                    return
                number += 1
        except BaseException as error:  # to be raised where it is waited for
            self._error = error
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.get(self._feed.close.remote(number))

    def finish(self) -> None:
        """Wait for the end of the listing; raises what it raised."""
        self.join()
        if self._error:
            raise self._error

    def stop(self) -> None:
        """End the listing wherever it is."""
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.get(self._feed.close.remote(0), timeout=ray_cluster.WAIT)
        self.join(ray_cluster.WAIT)


def require_engine(engine: str, address: str | None) -> None:
    """InputError for an address that nobody joins."""
    if engine == "local" and address:
        raise InputError(f"--ray-address {address}: only with --engine ray")


@contextlib.contextmanager
def open_executor(engine: str, address: str | None, *, gpu: bool = True) -> Iterator[Executor]:
    """Who decodes and forwards images for as long as the block lasts: this process, or a Ray cluster's actors.

    There is an actor for each GPU of the cluster where `gpu` is wanted, else for each processor. InputError for
    options that contradict each other, else the errors of `ray_cluster.join`.
    """
    require_engine(engine, address)
    if engine == "local":
        yield local_stream.stream
        return
    with ray_cluster.join(address) as cluster:
        pool = cluster.pool(gpu=gpu)
        note(f"images go through {pool.size} Ray actors on {len(cluster.nodes)} machines")
        yield functools.partial(_where_it_pays, pool=pool)


def _where_it_pays(
    items: Iterable[Item], *, pool: ActorPool, batch_size: int, **how: Any
) -> Generator[Block, None, None]:
    """On the actors, or here what one of them would do alone: no more than a chunk, and no GPU of theirs."""
    listed = iter(items)
    first = list(itertools.islice(listed, CHUNK * batch_size + 1))
    if len(first) <= CHUNK * batch_size and not pool.gpus:
        return (yield from local_stream.stream(first, batch_size=batch_size, **how))
    return (yield from stream(itertools.chain(first, listed), pool=pool, batch_size=batch_size, **how))
