"""Projects beside each other that share one cache: trained at once, the same results, no image computed twice."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from frostline.commands import init
from helpers.images import classes, folder
from helpers.params import PRETRAINED, WHOLE, changed
from helpers.projects import call, write_params

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

VALUES = changed(
    WHOLE,
    {
        "datasets.shapes.path": "data/shapes",
        "datasets.shapes.splits": {"train": 0.5, "validation": 0.25, "test": 0.25},
        "classifiers": {"frozen": PRETRAINED},
    },
)


def project(top: Path) -> Path:
    """A new project on new photos, ready to train."""
    folder(top / "photos", classes({"round": 20, "square": 20}))
    write_params(top, VALUES)
    init.run(top / "first", data=top / "photos", template=str(top / "params.yaml"))
    call("dvc", "repro", "preprocess@shapes", "weights@mobilenet-random", cwd=top / "first")
    return top / "first"


def outputs(root: Path) -> dict[str, bytes]:
    """What training left, by path."""
    found = (root / "artifacts/classifiers/frozen").rglob("*")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found if path.is_file()}


def kept(cache: Path) -> dict[Path, tuple[int, int]]:
    """The files of a cache; one that was written again is another file. Their times say when they were read last."""
    return {path: (path.stat().st_size, path.stat().st_ino) for path in cache.rglob("*.arrow")}


def test_at_once(tmp_path: Path) -> None:
    """Two runs at the same time leave what one alone leaves; a third finds every feature and writes none."""
    first = project(tmp_path)
    second, third, alone = (tmp_path / name for name in ("a second", "third", "alone"))
    for root in (second, third, alone):
        shutil.copytree(first, root)
    call("frostline", "train", "frozen", cwd=alone)
    cache = tmp_path / "shared cache"
    environment = {**os.environ, "FROSTLINE_CACHE": str(cache)}
    running = [
        subprocess.Popen(["dvc", "repro", "--quiet"], cwd=root, env=environment) for root in (first, second)
    ]
    assert [each.wait() for each in running] == [0, 0]
    assert (first / "dvc.lock").read_bytes() == (second / "dvc.lock").read_bytes()
    assert outputs(first) == outputs(second) == outputs(alone)
    before = kept(cache)
    assert {path.relative_to(cache).parts[0] for path in before} >= {"features"}
    assert not (first / ".frostline/cache/features").exists()
    said = call("frostline", "train", "frozen", cwd=third, FROSTLINE_CACHE=str(cache)).stderr
    assert "images/s" not in said
    assert outputs(third) == outputs(alone)
    assert kept(cache) == before
