"""Images through the actors of a real cluster: the same rows and bits as here, whatever becomes of an actor."""

import contextlib
import errno
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.config import Augmentation, parse
from frostline.errors import FrostlineError, InputError
from frostline.features import cut_model, extraction, local_stream, ray_cluster, ray_stream
from frostline.features.backends import Forward
from frostline.features.executor import Block, Item
from frostline.features.extraction import Images, View
from frostline.features.ray_actors import Actor
from frostline.features.ray_cluster import ActorPool, Cluster, Node
from frostline.files import sha256
from frostline.models import network
from helpers.images import archive, encoded
from helpers.networks import KERAS_COPIES
from helpers.params import PRETRAINED, WHOLE, changed

pytestmark = KERAS_COPIES
VIEW = Augmentation(
    rotation=20.0, width_shift=0.1, height_shift=0.1, shear=5.0, zoom=0.1, horizontal_flip=True, views=2
)


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Images:
    """600 photos in an archive: chunks for both actors."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    found = {f"{n:03}.png": encoded(n, height=20 + n % 17, width=60 - n % 13) for n in range(600)}
    archive(tmp_path / "photos.zip", found)
    entry = parse(changed(WHOLE, {"classifiers": {"net": PRETRAINED}})).classifiers["net"]
    return Images(
        root=tmp_path / "photos.zip",
        paths=list(found),
        ids=[sha256(content) for content in found.values()],
        rule=entry.image,
    )


def frozen(precision: str) -> Any:
    """The trunk of the small pretrained network, in a precision."""
    values = changed(WHOLE, {"classifiers": {"net": PRETRAINED}, "classifiers.net.precision": precision})
    entry = parse(values).classifiers["net"]
    built = network.build(entry, backbone="mobilenet", weights=None, classes=3)
    return cut_model.cut(built, "all").trunk


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_features_are_equal_to_the_bit(
    images: Images, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """float32 and bfloat16, plain and rendered, pixels too: two actors made them, neither was this process."""
    seen: dict[int, int] = {}

    def count(actor: Actor, rows: int) -> None:
        seen[actor.process] = seen.get(actor.process, 0) + rows

    nets = {precision: frozen(precision) for precision in ("float32", "bfloat16")}
    asked: dict[str, Callable[..., Any]] = {
        precision: partial(extraction.features, images, trunk=net, key={"precision": precision})
        for precision, net in nets.items()
    }
    asked["view"] = partial(
        extraction.features, images, trunk=nets["float32"], key={}, view=View(VIEW, number=1)
    )
    asked["pixels"] = partial(extraction.pixels, images)
    here = {name: make()[:] for name, make in asked.items()}
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "elsewhere"))
    with ray_cluster.join():
        there = partial(ray_stream.stream, pool=ActorPool(2, 1, 0), on_block=count)
        for name, make in asked.items():
            found = make(executor=there)[:]
            assert found.dtype == here[name].dtype
            assert np.array_equal(found, here[name]), name
    assert sum(seen.values()) == 4 * 600
    assert len(seen) >= 2


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_trunk_travels(precision: str) -> None:
    """Pickled and opened again it gives the same bits."""
    forward = Forward(frozen(precision))
    batch = np.random.default_rng(0).integers(0, 256, (4, 32, 40, 3), np.uint8)
    assert np.array_equal(pickle.loads(pickle.dumps(forward))(batch)["rows"], forward(batch)["rows"])


def test_an_address_without_the_engine() -> None:
    """One line, before anything begins."""
    with (
        pytest.raises(InputError, match="--ray-address head:1: only with --engine ray"),
        ray_stream.open_executor("local", "head:1"),
    ):
        pass


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


@pytest.mark.parametrize(("count", "gpus", "here"), [(32, 0.0, True), (33, 0.0, False), (3, 1.0, False)])
def test_a_few_images_stay_here(
    items: list[Item], monkeypatch: pytest.MonkeyPatch, count: int, gpus: float, here: bool
) -> None:
    """One actor would do a chunk of them alone, and has to be started first; a GPU is worth it."""
    cluster = Cluster("", (Node(1.0, gpus), Node(1.0, gpus)))
    monkeypatch.setattr(ray_cluster, "join", lambda _: contextlib.nullcontext(cluster))
    sent: list[str] = []

    def elsewhere(items: list[Item], **how: Any) -> Iterator[Block]:
        sent.extend(item.name for item in items)
        return local_stream.stream([], decode=how["decode"], network=how["network"], batch_size=1)

    monkeypatch.setattr(ray_stream, "stream", elsewhere)
    with ray_stream.open_executor("ray", None) as executor:
        found = rows(executor(items[:count], **work()))
    assert found == (rows(local_stream.stream(items[:count], **work())) if here else [])
    assert sent == ([] if here else [item.name for item in items[:count]])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_lost_machine_loses_nothing(items: list[Item]) -> None:
    """Of three, one ends at the first block, with all that runs there: the others do its chunks again."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    own: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80 * 2**20}
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args=own | {"include_dashboard": False})
    others = [cluster.add_node(**own) for _ in range(2)]
    ended: list[int] = []

    def end(_: Actor, number: int) -> None:
        if not ended:
            cluster.remove_node(others[0], allow_graceful=False)
        ended.append(number)

    try:
        with ray_cluster.join(cluster.address) as found:
            assert len(found.nodes) == 3
            blocks = ray_stream.stream(items, **work(0.05), pool=found.pool(), on_block=end)
            assert rows(blocks) == rows(local_stream.stream(items, **work()))
    finally:
        cluster.shutdown()


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("joined")
def test_the_same_rows_by_two_actors(items: list[Item]) -> None:
    """In the same order, unreadable ones too; both actors worked, neither was this process."""
    seen: dict[int, int] = {}

    def count(actor: Actor, number: int) -> None:
        seen[actor.process] = seen.get(actor.process, 0) + number

    pool = ActorPool(2, 1, 0)
    found = rows(ray_stream.stream(items, **work(0.02), pool=pool, on_block=count))
    assert found == rows(local_stream.stream(items, **work()))
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

    found = rows(ray_stream.stream(items, **work(0.05), pool=ActorPool(2, 1, 0), on_block=kill))
    assert found == rows(local_stream.stream(items, **work()))
    assert len(seen - killed) >= 1


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("joined")
def test_a_machine_without_an_image_is_refused(items: list[Item]) -> None:
    """Where an actor cannot find what is here the job ends; what is nowhere is a row, as it is here."""
    driver = os.getpid()

    def only_here() -> bytes:
        if os.getpid() != driver:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return b"\0"

    some = [*items[:5], Item("mine", only_here), *items[5:9]]
    with pytest.raises(
        FrostlineError, match=r"mine cannot be read: No such file.* same path on every machine"
    ):
        rows(ray_stream.stream(some, **work(), pool=ActorPool(2, 1, 0)))
    some = [*items[:5], Item("gone", Path("/nowhere/gone").read_bytes), *items[5:9]]
    found = rows(ray_stream.stream(some, **work(), pool=ActorPool(2, 1, 0)))
    assert found == rows(local_stream.stream(some, **work()))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("joined")
def test_errors_travel(items: list[Item]) -> None:
    """What the network raises ends the job here as it would have there; what listing raises, too."""

    def broken(_: np.ndarray) -> dict[str, np.ndarray]:
        raise FrostlineError("the model failed on this machine; try another")

    with pytest.raises(FrostlineError, match="the model failed on this machine; try another"):
        rows(ray_stream.stream(items, **{**work(), "network": broken}, pool=ActorPool(2, 1, 0)))

    def listing() -> Iterator[Item]:
        yield items[0]
        raise FrostlineError("the folder vanished")

    with pytest.raises(FrostlineError, match="the folder vanished"):
        rows(ray_stream.stream(listing(), **work(), pool=ActorPool(2, 1, 0)))
    assert rows(ray_stream.stream([], **work(), pool=ActorPool(2, 1, 0))) == []


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("joined")
def test_an_image_that_kills_every_actor_ends_the_job(items: list[Item]) -> None:
    """The chunk is tried a few times, not for ever; one line says that the cluster failed."""
    import os as system

    def network(_: np.ndarray) -> dict[str, np.ndarray]:
        system.kill(system.getpid(), 9)
        return {}

    with pytest.raises(FrostlineError, match=r"the Ray cluster failed: .*; see `ray status` and its logs"):
        rows(ray_stream.stream(items[:3], **{**work(), "network": network}, pool=ActorPool(1, 1, 0)))


@pytest.mark.slow
def test_a_cluster_of_ones_own_asks_for_a_token(joined: Cluster) -> None:  # noqa: ARG001  # it is up
    """It listens in the whole network and runs what it gets: a process without its token does not get in."""
    import ray

    address = ray.get_runtime_context().gcs_address
    code = f"import ray; ray.init(address={address!r}, log_to_driver=False); print('in')"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH_")}
    strangers = ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64})
    asked = [
        subprocess.Popen(
            [sys.executable, "-c", code], env={**kept, **how},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for how in strangers
    ]  # fmt: skip
    for stranger in asked:  # each waits long for an answer
        out, err = stranger.communicate()
        assert (stranger.returncode, out) == (1, "")
        assert "Failed to connect to Ray cluster" in err
    told = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert os.environ["RAY_AUTH_TOKEN"] not in told
