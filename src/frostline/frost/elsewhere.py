"""Images through a trunk elsewhere: the executor that a Ray cluster is, and a trunk that can travel there."""

import contextlib
import pickle
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.engine import cluster, local
from frostline.engine.work import Executor
from frostline.errors import InputError
from frostline.nets import transform


class Forward:
    """What a trunk (a Keras model from pixels) makes of a batch; pickled, it opens again where it arrives."""

    def __init__(self, trunk: Any) -> None:
        self._trunk = trunk

    def __call__(self, batch: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """(N, H, W, 3) uint8 to `rows` in the trunk's own precision."""
        return {"rows": np.asarray(self._trunk.predict_on_batch(batch))}

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        return _arrived, (pickle.dumps(self._trunk),)


def _arrived(content: bytes) -> Forward:
    """In another process: Keras comes up there as it does here, deterministic, before the trunk is read."""
    with transform.opening():
        return Forward(pickle.loads(content))


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
    with cluster.join(address) as joined:
        pool = joined.pool(gpu=True)
        print(f"images go through {pool.size} actors of Ray on {len(joined.nodes)} machines", flush=True)
        yield partial(cluster.stream, pool=pool)
