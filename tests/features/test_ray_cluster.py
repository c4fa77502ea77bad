"""The engine on a Ray cluster: the feed and the pool alone, then real actors, one of them killed."""

import asyncio
import builtins
import os
import signal
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from frostline.errors import FrostlineError, InputError
from frostline.features import local, ray_actors, ray_cluster
from frostline.features.executor import Block, Item
from frostline.features.ray_actors import Actor
from frostline.features.ray_cluster import Cluster, Node, Pool


def test_the_feed_waits_for_what_is_ahead() -> None:
    """At most `ahead` chunks lie there; a finished one is empty when asked again; after the last comes None."""

    async def story() -> None:
        feed = ray_actors.Feed(2)
        assert await feed.put(0, b"a")
        assert await feed.put(1, b"b")
        third = asyncio.create_task(feed.put(2, b"c"))
        await asyncio.sleep(0.01)
        assert not third.done()
        assert await feed.get(0) == b"a"
        await feed.forget(1)
        assert await third
        assert await feed.get(0) == b""
        assert await feed.get(2) == b"c"
        await feed.close(3)
        assert await feed.get(3) is None
        assert not await feed.put(3, b"d")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("nodes", "threads", "gpu", "pool"),
    [
        ([(2, 0)], 1, False, Pool(2, 1, 0)),
        ([(4, 0), (3, 0)], 2, False, Pool(3, 2, 0)),
        ([(16, 2), (8, 0)], 1, True, Pool(2, 8, 1)),
        ([(16, 2)], 1, False, Pool(16, 1, 0)),
        ([(2, 0)], 1, True, Pool(2, 1, 0)),
    ],
)
def test_how_many_actors(nodes: list[tuple[int, int]], threads: int, pool: Pool, *, gpu: bool) -> None:
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


# --- on a real cluster -----------------------------------------------------------------------------------

COUNT, BATCH = 300, 4


@pytest.fixture(scope="module")
def joined() -> Iterator[Cluster]:
    """A cluster of this machine's own, with room for two actors."""
    with ray_cluster.join() as found:
        yield found


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    """Files whose first byte says which one it is; every fiftieth is empty."""
    folder = tmp_path_factory.mktemp("files")
    for number in range(COUNT):
        content = b"" if number % 50 == 7 else number.to_bytes(2, "big")
        (folder / f"{number:03}").write_bytes(content)
    return [Item(path.name, path.read_bytes, lambda: "mark") for path in sorted(folder.iterdir())]


def work(seconds: float = 0.0) -> dict[str, Any]:
    """A decoder and a network that other processes need no module for."""
    import time

    def decode(content: bytes) -> np.ndarray:
        if not content:
            raise OSError(5, "an empty file")
        return np.full((2, 2, 3), int.from_bytes(content, "big") % 251, np.uint8)

    def network(batch: np.ndarray) -> dict[str, np.ndarray]:
        time.sleep(seconds)
        return {"sum": batch.sum(axis=(1, 2, 3), dtype=np.int64)}

    return {"decode": decode, "network": network, "batch_size": BATCH}


def rows(blocks: Iterator[Block]) -> list[tuple[str, str, str, int]]:
    """Name, error, mark and result of every item, in the order in which they came; starts must follow on."""
    found: list[tuple[str, str, str, int]] = []
    for block in blocks:
        assert block.start == len(found)
        sums = block.outputs.get("sum", np.zeros(len(block.names), np.int64))
        found += zip(block.names, block.errors, block.fingerprints, sums.tolist(), strict=True)
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("joined")
def test_the_same_rows_by_two_actors(items: list[Item]) -> None:
    """In the same order, unreadable ones too; both actors worked, neither was this process."""
    seen: dict[int, int] = {}

    def count(actor: Actor, number: int) -> None:
        seen[actor.process] = seen.get(actor.process, 0) + number

    pool = Pool(2, 1, 0)
    found = rows(ray_cluster.stream(items, **work(0.02), pool=pool, on_block=count))
    assert found == rows(local.stream(items, **work()))
    assert len(seen) == 2
    assert os.getpid() not in seen
    assert sum(seen.values()) == COUNT


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("joined")
def test_a_killed_actor_loses_nothing(items: list[Item]) -> None:
    """SIGKILL to the first that is seen, in the middle of its chunk: another does the chunk again."""
    killed: set[int] = set()
    seen: set[int] = set()

    def kill(actor: Actor, _: int) -> None:
        seen.add(actor.process)
        if not killed:
            killed.add(actor.process)
            os.kill(actor.process, signal.SIGKILL)

    found = rows(ray_cluster.stream(items, **work(0.05), pool=Pool(2, 1, 0), on_block=kill))
    assert found == rows(local.stream(items, **work()))
    assert len(seen - killed) >= 1


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("joined")
def test_errors_travel(items: list[Item]) -> None:
    """What the network raises ends the job here as it would have there; what listing raises, too."""

    def broken(_: np.ndarray) -> dict[str, np.ndarray]:
        raise FrostlineError("the model failed on this machine; try another")

    with pytest.raises(FrostlineError, match="the model failed on this machine; try another"):
        rows(ray_cluster.stream(items, **{**work(), "network": broken}, pool=Pool(2, 1, 0)))

    def listing() -> Iterator[Item]:
        yield items[0]
        raise FrostlineError("the folder vanished")

    with pytest.raises(FrostlineError, match="the folder vanished"):
        rows(ray_cluster.stream(listing(), **work(), pool=Pool(2, 1, 0)))
    assert rows(ray_cluster.stream([], **work(), pool=Pool(2, 1, 0))) == []


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.usefixtures("joined")
def test_an_image_that_kills_every_actor_ends_the_job(items: list[Item]) -> None:
    """The chunk is tried a few times, not for ever; one line says that the cluster failed."""
    import os as system

    def network(_: np.ndarray) -> dict[str, np.ndarray]:
        system.kill(system.getpid(), 9)
        return {}

    with pytest.raises(FrostlineError, match=r"the Ray cluster failed: .*; see `ray status` and its logs"):
        rows(ray_cluster.stream(items[:3], **{**work(), "network": network}, pool=Pool(1, 1, 0)))
