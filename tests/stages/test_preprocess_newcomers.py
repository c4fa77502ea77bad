"""A dataset that grows by shards: newcomers follow what they resemble, or are left out; nobody else moves."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from frostline import paths
from frostline.datasets import manifest as manifests
from frostline.errors import InputError
from frostline.stages import preprocess
from helpers.images import archive, pixels
from helpers.params import LENIENT
from helpers.projects import pets as project

FILMS, HEIGHT, WIDTH, STEP = 12, 90, 130, 6  # two steps apart, frames no longer show the same picture


def frame(film: int, step: int) -> bytes:
    """A picture of a camera that turns: a window of a wider scene with detail of its own."""
    rng = np.random.default_rng(1000 + film)
    whole = WIDTH + 4 * STEP
    rough = Image.fromarray(rng.integers(0, 256, (18, 32, 3), dtype=np.uint8))
    detail = np.asarray(rough.resize((whole, HEIGHT), Image.Resampling.BICUBIC), np.int16) - 128
    scene = np.clip(pixels(film, height=HEIGHT, width=whole) + detail // 3, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(scene[:, step * STEP : step * STEP + WIDTH]).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def grown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    """Rows of the first shard alone: frames 0 and 2 of each film, in two classes."""
    monkeypatch.chdir(project(tmp_path, audit={**LENIENT, "near_duplicate": "keep"}))
    files = {
        f"{'cat' if film % 2 else 'dog'}/{film}-{step}.png": frame(film, step)
        for film in range(FILMS)
        for step in (0, 2)
    }
    archive(tmp_path / "data/pets/2026-01.zip", files)
    return rows()


def rows() -> dict[str, dict[str, Any]]:
    """Path → row of the manifest, after the stage has run."""
    preprocess.run("pets")
    table = manifests.read(paths.dataset("pets") / "manifest.parquet").table
    return {row["path"]: row for row in table.to_pylist()}


def apart(known: dict[str, dict[str, Any]], *splits: str) -> tuple[str, int]:
    """Class and number of a film whose frames 0 and 2 lie in these splits."""
    for film in range(FILMS):
        label = "cat" if film % 2 else "dog"
        if tuple(known[f"2026-01.zip/{label}/{film}-{step}.png"]["split"] for step in (0, 2)) == splits:
            return label, film
    raise AssertionError(f"no film in {splits}")


def test_a_bridge_is_left_out_and_nobody_moves(grown: dict[str, dict[str, Any]]) -> None:
    """What resembles images of train and of test is quarantined, with the reason; between two of train it trains."""
    bridging, following = apart(grown, "train", "test"), apart(grown, "train", "train")
    archive(
        Path("data/pets/2026-02.zip"),
        {f"{label}/{film}-1.png": frame(film, 1) for label, film in (bridging, following)},
    )
    now = rows()
    assert {path: now[path]["split"] for path in grown} == {path: row["split"] for path, row in grown.items()}
    bridge = now["2026-02.zip/{}/{}-1.png".format(*bridging)]
    assert (bridge["status"], bridge["split"], bridge["reason"]) == (
        "quarantined",
        "",
        "bridge between splits: resembles images in test and train",
    )
    assert bridge["flags"] == "leak near_duplicate"
    follower = now["2026-02.zip/{}/{}-1.png".format(*following)]
    assert (follower["status"], follower["split"]) == ("ok", "train")


def test_a_bridge_can_be_refused(grown: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    """With `leak: fail` it is told by name, and what to do."""
    label, film = apart(grown, "train", "test")
    archive(Path("data/pets/2026-02.zip"), {f"{label}/{film}-1.png": frame(film, 1)})
    project(tmp_path, audit={**LENIENT, "near_duplicate": "keep", "leak": "fail"})
    with pytest.raises(
        InputError, match=rf"would leak from one split into another, the first .2026-02.zip/{label}/{film}-1"
    ):
        preprocess.run("pets")
