"""A Ray cluster: joined or started, and how many actors it has room for."""

import contextlib
import logging
import os
import secrets
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from frostline import system
from frostline.errors import FrostlineError, InputError, first_line

STORE_BYTES = 200 * 2**20  # of Ray's object store on this machine; rows and chunks are small
WAIT = 5.0  # seconds for an address to answer


@dataclass(frozen=True)
class Node:
    """One machine of a cluster: processors and GPUs that Ray may use there."""

    cpus: float
    gpus: float


@dataclass(frozen=True)
class ActorPool:
    """How many actors there are, and what each holds."""

    size: int
    cpus: int
    gpus: int


@dataclass(frozen=True)
class Cluster:
    """A cluster that this process has joined; `address` is "" where it is this machine's own."""

    address: str
    nodes: tuple[Node, ...]

    def pool(self, *, threads: int = 1, gpu: bool = False) -> ActorPool:
        """An actor for each GPU where `gpu` is wanted and there are any, else one for each `threads` processors.

        FrostlineError where no machine has as many processors.
        """
        with_gpus = [node for node in self.nodes if gpu and node.gpus >= 1]
        if with_gpus:
            cpus = min(int(node.cpus // int(node.gpus)) for node in with_gpus)
            return ActorPool(sum(int(node.gpus) for node in with_gpus), max(1, cpus), 1)
        size = sum(int(node.cpus // threads) for node in self.nodes)
        if not size:
            raise FrostlineError(f"no machine of the Ray cluster has {threads} processors; use fewer threads")
        return ActorPool(size, threads, 0)


@contextlib.contextmanager
def join(address: str | None = None) -> Iterator[Cluster]:
    """Join the cluster at `address` (`HOST:PORT`, `ray://HOST:PORT`, `auto`), or start one on this machine.

    Without an address $RAY_ADDRESS counts, as in all that uses Ray. It is left, or ended, with the block; one
    that this process had joined before stays. FrostlineError where Ray is not installed or the address does
    not answer.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    if not address:
        _make_login()
    ray = import_ray()
    if ray.is_initialized():
        yield Cluster(address or "", _nodes(ray))
        return
    folder = None if address else tempfile.mkdtemp(prefix="frostline-ray-")
    try:
        _init(ray, address, folder)
        yield Cluster(address or "", _nodes(ray))
    finally:
        ray.shutdown()
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def _make_login() -> None:
    """Let a cluster of our own ask for a token: it listens in the whole network and runs what it is given.

    Ray's own token is a file that others may read. What somebody has chosen stays; Ray reads the mode when it
    is imported, and later only by itself.
    """
    if "ray" not in sys.modules:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def import_ray() -> Any:
    """Ray, set to be quiet and to report nothing to its makers; FrostlineError where it is not installed."""
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
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # it also raises what it tells in pages
    return ray


def _init(ray: Any, address: str | None, folder: str | None) -> None:
    """ray.init; one line says what cannot be reached."""
    if address:
        _require_answer(address)
        own: dict[str, Any] = {}
    else:
        own = {"include_dashboard": False, "object_store_memory": STORE_BYTES, "_temp_dir": folder}
        own["num_cpus"] = system.processors()
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
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return tuple(Node(resources.get("CPU", 0.0), resources.get("GPU", 0.0)) for resources in alive)
