"""preprocess killed with SIGKILL while it decodes: what was looked at stays, the result is that of one go."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pytest
from PIL import Image

from frostline import paths
from helpers.images import folder
from helpers.projects import pets as project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

IMAGES = 400  # more than are looked at without a pool
# Measured images reach the disk at once, so that a kill can be aimed; in earnest they wait for two seconds.
CODE = (
    "from frostline.datasets import stats_cache; stats_cache.SECONDS = 0.0; "
    "from frostline.stages import preprocess; preprocess.run('pets')"
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of two classes that take some milliseconds each, one of them broken, two of them equal."""
    root = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(5)
    for number in range(IMAGES):
        path = root / ("cat" if number % 2 else "dog") / f"{number:03}.jpg"
        path.parent.mkdir(exist_ok=True)
        rough = Image.fromarray(rng.integers(0, 256, (45, 61, 3), dtype=np.uint8))
        rough.resize((640 + number, 480)).save(path, quality=80)
    (root / "cat/copy.jpg").write_bytes((root / "cat/001.jpg").read_bytes())
    return folder(root, {"dog/broken.jpg": b"\xff\xd8\xff nothing"})


def started(place: Path, photos: Path) -> "subprocess.Popen[bytes]":
    """The stage on its way, in a project whose photos are links to those."""
    if not (place / "params.yaml").exists():
        project(place)
        (place / "data").mkdir()
        (place / "data/pets").symlink_to(photos)
    return subprocess.Popen(
        [sys.executable, "-c", CODE], cwd=place, env={**os.environ}, stdout=subprocess.DEVNULL
    )


def cached(place: Path) -> dict[str, list[bytes]]:
    """File → contents that were looked at, of all whole files of the cache."""
    files = (place / ".frostline/cache/image_stats").rglob("[!.]*.arrow")
    return {path.name: pa.ipc.open_file(path).read_all()["id"].to_pylist() for path in files}


def count(place: Path) -> int:
    """How many images are in the cache."""
    return sum(map(len, cached(place).values()))


def outputs(place: Path) -> dict[str, bytes]:
    """Bytes of all that the stage writes."""
    names = [paths.dataset("pets") / "manifest.parquet", paths.dataset("pets") / "summary.json"]
    return {str(name): (place / name).read_bytes() for name in [*names, paths.data_report("pets")]}


def killed(place: Path, photos: Path, *, after: int) -> None:
    """Start the stage and kill it once that many images are in the cache; its helpers end too."""
    process = started(place, photos)
    try:
        while count(place) < after and process.poll() is None:
            time.sleep(0.005)
        helpers = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    _, alive = psutil.wait_procs(helpers, timeout=20)
    for each in alive:
        each.kill()
    assert not alive


def test_killed_again_and_again(photos: Path, tmp_path: Path) -> None:
    """Early, midway and late: every image is decoded once in all, and the outputs are those of one go."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert started(whole, photos).wait() == 0
    total = count(whole)
    assert total == IMAGES + 1  # the copy is looked at once
    before: dict[str, list[bytes]] = {}
    for after in (0, 1, IMAGES // 3, IMAGES - 50):
        killed(broken, photos, after=after)
        now = cached(broken)
        assert before.items() <= now.items()
        before = now
        assert not (broken / paths.dataset("pets") / "manifest.parquet").exists()
    kept = count(broken)
    assert IMAGES - 50 <= kept < total
    assert started(broken, photos).wait() == 0
    ids = [each for file in cached(broken).values() for each in file]
    assert len(ids) == len(set(ids)) == total
    assert outputs(broken) == outputs(whole)
