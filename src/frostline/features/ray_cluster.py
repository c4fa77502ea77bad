"""The engine on a Ray cluster: chunks of items stream to actors, and each runs the local engine on them.

Ray Data moves the chunks, holds the actors, keeps the order and starts an actor anew that died; what an
actor does with a chunk is `local.stream`, so a row is the same wherever it was made.
"""

import contextlib
import itertools
import logging
import os
import pickle
import shutil
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from frostline.errors import FrostlineError, InputError, first_line
from frostline.features import ray_actors
from frostline.features.executor import Block, Decode, Item, Measure, Network
from frostline.features.ray_actors import Actor

CHUNK = 8  # batches that an actor takes at once
AHEAD = 4  # chunks for each actor that were listed but are not finished
RETRIES = 3  # of a chunk whose actor died: an image that kills every actor ends the job
STORE_BYTES = 200 * 2**20  # of Ray's object store on this machine; rows and chunks are small
WAIT = 5.0  # seconds for an address to answer

OnBlock = Callable[[Actor, int], None]


@dataclass(frozen=True)
class Node:
    """One machine of a cluster: processors and GPUs that Ray may use there."""

    cpus: float
    gpus: float


@dataclass(frozen=True)
class Pool:
    """How many actors there are, and what each holds."""

    size: int
    cpus: int
    gpus: int


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process has joined; `address` is "" where it is this machine's own."""

    address: str
    nodes: tuple[Node, ...]

    def pool(self, *, threads: int = 1, gpu: bool = False) -> Pool:
        """An actor for each GPU where `gpu` is wanted and there are any, else one for each `threads` processors.

        FrostlineError where no machine has as many processors.
        """
        with_gpus = [node for node in self.nodes if gpu and node.gpus >= 1]
        if with_gpus:
            cpus = min(int(node.cpus // int(node.gpus)) for node in with_gpus)
            return Pool(sum(int(node.gpus) for node in with_gpus), max(1, cpus), 1)
        size = sum(int(node.cpus // threads) for node in self.nodes)
        if not size:
            raise FrostlineError(f"no machine of the Ray cluster has {threads} processors; use fewer threads")
        return Pool(size, threads, 0)


@contextlib.contextmanager
def join(address: str | None = None) -> Iterator[Cluster]:
    """Join the cluster at `address` (`HOST:PORT`, `ray://HOST:PORT`, `auto`), or start one on this machine.

    Without an address $RAY_ADDRESS counts, as in all that uses Ray. It is left, or ended, with the block; one
    that this process had joined before stays. FrostlineError where Ray is not installed or the address does
    not answer.
    """
    ray = _ray()
    if ray.is_initialized():
        yield Cluster(address or "", _nodes(ray))
        return
    address = address or os.environ.get("RAY_ADDRESS")
    folder = None if address else tempfile.mkdtemp(prefix="frostline-ray-")
    try:
        _init(ray, address, folder)
        yield Cluster(address or "", _nodes(ray))
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _ray() -> Any:
    """Ray, told to be quiet and to report nothing to its makers."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
        import ray.data
    except ImportError:
        raise FrostlineError(
            "--engine ray needs Ray, which is not installed; pip install 'frostline[ray]'"
        ) from None
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    return ray


def _init(ray: Any, address: str | None, folder: str | None) -> None:
    """ray.init, with what cannot be reached told in one line."""
    if address:
        _require_answer(address)
        own: dict[str, Any] = {}
    else:
        own = {"include_dashboard": False, "object_store_memory": STORE_BYTES, "_temp_dir": folder}
        own["num_cpus"] = len(os.sched_getaffinity(0))
    try:
        ray.init(address=address or "local", log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # ConnectionError, RuntimeError, ValueError, gRPC's own
        where = address or "on this machine"
        raise FrostlineError(
            f"no Ray cluster {where}: {first_line(error)}; start one, see `ray start`"
        ) from error


def _require_answer(address: str) -> None:
    """Whether anything listens at HOST:PORT: Ray itself would ask for a minute and log pages."""
    if address in {"auto", "local"}:
        return
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--ray-address {address}: use HOST:PORT, ray://HOST:PORT or auto")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=WAIT):
            pass
    except (OSError, OverflowError) as error:
        raise FrostlineError(
            f"no Ray cluster answers at {address}: {getattr(error, 'strerror', None) or error}; check the address "
            "and that its head is up (`ray status`)"
        ) from None


def _nodes(ray: Any) -> tuple[Node, ...]:
    found = [each["Resources"] for each in ray.nodes() if each["Alive"]]
    return tuple(Node(each.get("CPU", 0.0), each.get("GPU", 0.0)) for each in found)


def stream(  # noqa: PLR0913  # as the local one, and where
    items: Iterable[Item],
    *,
    decode: Decode,
    network: Network,
    batch_size: int,
    pool: Pool,
    readers: int = 0,
    measure: Measure | None = None,
    on_block: OnBlock | None = None,
) -> Generator[Block, None, None]:
    """As `local.stream`, on the actors of the cluster that was joined: the same blocks in the same order.

    `decode`, `network`, `measure` and items are pickled; each actor unpickles all but the items once. A network that
    opens at its first call opens once in each actor; its attribute `about`, a dict of texts, is handed on.
    `readers` threads more than processors decode. `on_block` is called with each block's actor and number of rows.
    At most (AHEAD * pool.size + 1) * CHUNK * batch_size items are listed ahead of what was emitted.

    Errors are those of the local engine; FrostlineError also where the cluster fails.
    """
    ray = _ray()
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


def _sent(ray: Any, feed: Any, work: dict[str, Any], pool: Pool) -> Iterator[ray_actors.Sent]:
    """What the actors send, in order."""
    data = ray.data
    with data.DataContext.current(_settings(data)), warnings.catch_warnings(action="ignore"):
        chunks = data.from_items([{"of": 0}], override_num_blocks=1).map_batches(
            ray_actors.pull, fn_kwargs={"feed": feed}, batch_size=None, num_cpus=0
        )
        results = chunks.map_batches(
            ray_actors.Worker,
            fn_constructor_kwargs=work | {"house": ray_actors.HOUSE},
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
            self._ray.get(self._feed.close.remote(0), timeout=WAIT)
        self.join(WAIT)
