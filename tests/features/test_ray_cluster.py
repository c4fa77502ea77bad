"""A Ray cluster: how many actors there is room for, and what keeps one from being joined."""

import builtins
import os
import sys
from typing import Any

import pytest

from frostline.errors import FrostlineError, InputError
from frostline.features import ray_cluster
from frostline.features.ray_cluster import ActorPool, Cluster, Node


@pytest.mark.parametrize(
    ("nodes", "threads", "gpu", "pool"),
    [
        ([(2, 0)], 1, False, ActorPool(2, 1, 0)),
        ([(4, 0), (3, 0)], 2, False, ActorPool(3, 2, 0)),
        ([(16, 2), (8, 0)], 1, True, ActorPool(2, 8, 1)),
        ([(16, 2)], 1, False, ActorPool(16, 1, 0)),
        ([(2, 0)], 1, True, ActorPool(2, 1, 0)),
    ],
)
def test_how_many_actors(nodes: list[tuple[int, int]], threads: int, pool: ActorPool, *, gpu: bool) -> None:
    """One for each GPU where they are wanted, else one for so many threads."""
    joined = Cluster("", tuple(Node(*each) for each in nodes))
    assert joined.pool(threads=threads, gpu=gpu) == pool


def test_more_threads_than_a_machine_has() -> None:
    """It could never start."""
    with pytest.raises(
        FrostlineError, match="no machine of the Ray cluster has 8 processors; use fewer threads"
    ):
        Cluster("", (Node(4, 0), Node(4, 0))).pool(threads=8)


@pytest.mark.parametrize("address", ["somewhere", "host:", ":10001", "host:port"])
def test_what_is_no_address(address: str) -> None:
    """It is told before Ray looks for it."""
    with pytest.raises(InputError, match="use HOST:PORT, ray://HOST:PORT or auto"), ray_cluster.join(address):
        pass


def test_nobody_answers() -> None:
    """One line within seconds, not Ray's minute."""
    with (
        pytest.raises(FrostlineError, match=r"no Ray cluster answers at 127\.0\.0\.1:1: .*ray status"),
        ray_cluster.join("127.0.0.1:1"),
    ):
        pass


def test_a_cluster_of_ones_own_gets_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before Ray is imported, one that nobody knows; what somebody has chosen stays."""
    monkeypatch.delitem(sys.modules, "ray", raising=False)
    chosen = ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    made = []
    for _ in range(2):
        for name in chosen:
            monkeypatch.setenv(name, "mine")  # so that all is put back
            monkeypatch.delenv(name)
        ray_cluster._make_login()
        assert os.environ["RAY_AUTH_MODE"] == "token"
        made.append(os.environ["RAY_AUTH_TOKEN"])
    assert len({*made}) == 2
    assert {len(token) for token in made} == {64}
    ray_cluster._make_login()
    assert os.environ["RAY_AUTH_TOKEN"] == made[1]
    for name in chosen:
        monkeypatch.setenv(name, "mine")
    ray_cluster._make_login()
    assert {os.environ[name] for name in chosen} == {"mine"}


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "ray" or name.startswith("ray."):
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with (
        pytest.raises(FrostlineError, match=r"not installed; pip install 'frostline\[ray\]'"),
        ray_cluster.join(),
    ):
        pass
