"""Features made elsewhere: the same bits as here, on a real cluster of two actors; what contradicts itself."""

import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.config import Augmentation, parse
from frostline.errors import InputError
from frostline.features import cut_model, executors, extraction, ray_actors, ray_cluster
from frostline.features.backends import Forward
from frostline.features.extraction import Images, View
from frostline.features.ray_cluster import Pool
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

    def count(actor: ray_actors.Actor, rows: int) -> None:
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
        there = partial(ray_cluster.stream, pool=Pool(2, 1, 0), on_block=count)
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
        executors.join("local", "head:1"),
    ):
        pass
