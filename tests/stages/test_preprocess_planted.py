"""The audit on a dataset in which every defect is known: all of them are found, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from frostline import config
from frostline.datasets.source import open_source
from frostline.stages import preprocess
from helpers.images import folder, pixels
from helpers.params import LENIENT
from helpers.planted import EACH, jpeg, plant

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PHOTOS = {"train": 1000, "test": 200}


def photo(seed: int) -> bytes:
    """A picture with large areas and fine detail of its own, of a size of its own."""
    rng = np.random.default_rng(10_000 + seed)
    height, width = 150 + seed % 31, 200 + seed % 43
    rough = Image.fromarray(rng.integers(0, 256, (36, 52, 3), dtype=np.uint8))
    detail = np.asarray(rough.resize((width, height), Image.Resampling.BICUBIC), np.int16) - 128
    scene = pixels(seed, height=height, width=width).astype(np.int16) + detail // 2
    return jpeg(Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8)), 92)


def audited(path: str) -> set[tuple[str, str, tuple[str, ...]]]:
    """Name, kind and the names it is about too, of all that is found in a folder."""
    splits = {"train": 0.7, "validation": 0.15, "test": 0.15}
    settings = config.Dataset.model_validate(
        {"path": path, "splits": splits, "classes": None, "audit": LENIENT}
    )
    with open_source(Path(path)) as source:
        names = source.names()
        found = preprocess.examine(source, settings, key="datasets.planted", seed=7).findings
    return {(names[one.row], one.kind, tuple(names[other] for other in one.others)) for one in found}


def test_planted_defects_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty of each kind: defects of files and exact copies all and only; near copies nearly all."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    photos = {
        f"{split}/{'cat' if number % 2 else 'dog'}/{number:04}.jpg": photo(number + 5000 * (split == "test"))
        for split, count in PHOTOS.items()
        for number in range(count)
    }
    files, truth, pairs = plant(photos)
    folder(tmp_path / "data/planted", files)
    monkeypatch.chdir(tmp_path)
    found = audited("data/planted")
    for kind, names in truth.items():
        # Tiny and nearly black or white images have little detail too, which is told as well.
        also = truth["tiny"] | truth["dark"] | truth["bright"] if kind == "blurred" else set()
        assert {name for name, each, _ in found if each == kind} - also == names, kind
    near = {
        frozenset((name, other))
        for name, kind, others in found
        for other in others
        if kind == "near_duplicate"
    }
    right = set()
    for way, copies in pairs.items():
        planted = {frozenset(pair) for pair in copies.items()}
        assert len(near & planted) >= 0.95 * EACH, way
        right |= near & planted
    assert len(right) >= 0.99 * len(near)
    assert {kind for _, kind, _ in found} == {*truth, "near_duplicate"}
