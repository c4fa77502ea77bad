"""Work on a cluster as a score job sees it: what travels, who did what. Real actors: tests/verbs/test_score_ray.py."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest

from frostline.datasets.source import open_source
from frostline.errors import FrostlineError
from frostline.features.ray_actors import Actor
from frostline.features.ray_cluster import ActorPool, Cluster, Node
from frostline.runtime.sessions import open_session
from frostline.scoring import ray_workers
from frostline.scoring.local_sources import Folder
from frostline.scoring.plan import Options
from frostline.scoring.ray_workers import LazySession, RayWorkers
from helpers.images import archive, encoded, folder
from helpers.models import model

OPTIONS = Options(
    device="cpu", precision="auto", batch_size=None, threads=None, top_k=1, min_confidence=0.0, features=False
)
PHOTOS = {"a/1.png": encoded(1), "a/2.png": encoded(2)}


def test_a_network_travels_closed() -> None:
    """Its copy opens at the first call, gives what a session gives, and says where it runs only then."""
    content = model()
    sent = LazySession(content, "cpu", "float32", 1, features=False, foreign=None, batch_size=2)
    there = pickle.loads(pickle.dumps(sent))
    assert there.about == {}
    session = open_session(content, device="cpu")
    height, width = session.contract.height, session.contract.width
    batch = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    assert np.array_equal(there(batch)["probs"], session.run(batch)["probs"])
    assert (there.about["used"], there.about["precision"]) == ("CPUExecutionProvider", "float32")
    assert there.content == b""


def test_who_did_how_much(capsys: pytest.CaptureFixture[str]) -> None:
    """Each actor is named once, when it opened its network; the summary names the busiest eight."""
    work = RayWorkers(Cluster("head:6379", (Node(10, 0),)), ActorPool(10, 1, 0))
    about = (("used", "CPUExecutionProvider"), ("precision", "float32"))
    for process in range(10):
        for _ in range(2):
            work._count(Actor(process, "there", about), process + 1)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0] == "process 0 on there runs on CPUExecutionProvider in float32"
    assert work.text().startswith("10 Ray actors (process 9 on there: 20 images; ")
    assert work.text().endswith("process 2 on there: 6 images and 2 more)")
    assert (work.values()["address"], work.values()["actors"]) == ("head:6379", 10)
    assert sum(each["images"] for each in work.values()["workers"]) == 2 * sum(range(1, 11))


def test_this_process_alone() -> None:
    """The local engine joins nothing."""
    with ray_workers.join(OPTIONS) as others:
        assert others is None


def test_copies_of_a_folder_read_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By absolute path, from whatever current folder; a machine that lacks it is named in one line."""
    folder(tmp_path / "photos", PHOTOS)
    monkeypatch.chdir(tmp_path)
    sent = [pickle.dumps(item) for item in Folder(Path("photos")).items()]
    monkeypatch.chdir("/")
    found = [pickle.loads(each) for each in sent]
    assert {item.name: item.read() for item in found} == PHOTOS
    shutil.rmtree(tmp_path / "photos")
    with pytest.raises(
        FrostlineError, match=r"the folder .*photos is not there on .*; mount it at the same path"
    ):
        pickle.loads(sent[0])


def test_copies_of_an_archive_open_it_there(tmp_path: Path) -> None:
    """Once in each process, whoever asks."""
    archive(tmp_path / "photos.zip", PHOTOS)
    with open_source(tmp_path / "photos.zip") as source:
        sent = pickle.dumps(source)
    first, second = pickle.loads(sent), pickle.loads(sent)
    assert first is second
    assert {name: first.read(name) for name in first.names()} == PHOTOS
