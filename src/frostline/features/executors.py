"""Images through a trunk elsewhere: the executor that a Ray cluster is."""

import contextlib
from collections.abc import Iterator
from functools import partial

from frostline.errors import InputError
from frostline.features import local, ray_cluster
from frostline.features.executor import Executor
from frostline.progress import note


@contextlib.contextmanager
def join(engine: str, address: str | None) -> Iterator[Executor]:
    """Who decodes and forwards images for as long as the block lasts: this process, or a Ray cluster's actors.

    There is an actor for each GPU of the cluster, else for each processor. InputError for options that
    contradict each other, else the errors of `cluster.join`.
    """
    if engine == "local":
        if address:
            raise InputError(f"--ray-address {address}: only with --engine ray")
        yield local.stream
        return
    with ray_cluster.join(address) as joined:
        pool = joined.pool(gpu=True)
        note(f"images go through {pool.size} Ray actors on {len(joined.nodes)} machines")
        yield partial(ray_cluster.stream, pool=pool)
