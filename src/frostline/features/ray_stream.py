"""The executor on a Ray cluster: chunks of items stream to actors, and each runs the local executor on them.

Ray Data moves the chunks, holds the actors, keeps the order and starts an actor anew that died; what an
actor does with a chunk is `local_stream.stream`, so a row is the same wherever it was made.
"""

import contextlib
import functools
import itertools
import pickle
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from frostline.errors import FrostlineError, InputError, first_line
from frostline.features import local_stream, ray_actors, ray_cluster
from frostline.features.executor import Block, Decode, Executor, Item, Measure, Network
from frostline.features.ray_actors import Actor
from frostline.features.ray_cluster import ActorPool
from frostline.progress import note

CHUNK = 8  # batches that an actor takes at once
AHEAD = 4  # chunks for each actor that were listed but are not finished
RETRIES = 3  # of a chunk whose actor died: an image that kills every actor ends the job

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

    Errors are those of the local executor; FrostlineError also where the cluster fails.
    """
    ray = ray_cluster.import_ray()
    feed = ray.remote(num_cpus=0)(ray_actors.Feed).remote(AHEAD * pool.size)
    feeder = _Feeder(ray, feed, items, CHUNK * batch_size)
    work = {
        "work": ray.put((decode, network, measure)),
        "batch_size": batch_size,
        "workers": pool.cpus + readers,
    }
    feeder.start()
    try:
        start = 0
        for sent in _sent(ray, feed, work, pool):
            if isinstance(sent.result, BaseException):
                raise sent.result
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


def _sent(ray: Any, feed: Any, work: dict[str, Any], pool: ActorPool) -> Iterator[ray_actors.ActorResult]:
    """What the actors send, in order."""
    data = ray.data
    with data.DataContext.current(_settings(data)), warnings.catch_warnings(action="ignore"):
        chunks = data.from_items([{"of": 0}], override_num_blocks=1).map_batches(
            ray_actors.pull, fn_kwargs={"feed": feed}, batch_size=None, num_cpus=0
        )
        results = chunks.map_batches(
            ray_actors.Worker,
            fn_constructor_kwargs=work | {"driver": ray_actors.installed()},
            batch_size=1,
            compute=data.ActorPoolStrategy(min_size=1, max_size=pool.size, initial_size=pool.size),
            num_cpus=pool.cpus,
            num_gpus=pool.gpus,
            max_task_retries=RETRIES,  # what Ray warns of: it goes with 2.64
        )
    try:
        for batch in results.iter_batches(batch_size=1, prefetch_batches=0):
            yield pickle.loads(batch[ray_actors.COLUMN][0])
    except ray.exceptions.RayError as error:
        raise FrostlineError(
            f"the Ray cluster failed: {first_line(error)}; see `ray status` and its logs"
        ) from error


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
        self._error: BaseException | None = None

    def run(self) -> None:
        """Until there are no more, or nobody wants them; an error of the listing is raised by `finish`."""
        number = 0
        try:
            while some := list(itertools.islice(self._items, self._chunk)):
                content = self._ray.cloudpickle.dumps((number, some))
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


@contextlib.contextmanager
def open_executor(engine: str, address: str | None) -> Iterator[Executor]:
    """Who decodes and forwards images for as long as the block lasts: this process, or a Ray cluster's actors.

    There is an actor for each GPU of the cluster, else for each processor. InputError for options that
    contradict each other, else the errors of `ray_cluster.join`.
    """
    if engine == "local":
        if address:
            raise InputError(f"--ray-address {address}: only with --engine ray")
        yield local_stream.stream
        return
    with ray_cluster.join(address) as cluster:
        pool = cluster.pool(gpu=True)
        note(f"images go through {pool.size} Ray actors on {len(cluster.nodes)} machines")
        yield functools.partial(stream, pool=pool)
