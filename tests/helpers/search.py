"""Trunks and photos for a search that computes nothing: a photo's path is its class."""

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from frostline import config
from frostline.features.extraction import Images
from frostline.files import sha256
from frostline.training.search_rounds import SearchPhotos
from frostline.training.search_trunks import End, Trunk

ENTRY = config.OnnxWeights(
    backbone="onnx",
    source="net.onnx",
    input=config.OnnxInput(channels="RGB", scale=1.0, mean=[0.0] * 3, std=[1.0] * 3),
    taps={"vector": config.Tap(pooling="none", prefix_tokens=0)},
)


@dataclass(frozen=True, eq=False)
class Fake:
    """A trunk whose rows tell the classes so well, and that takes so long; like OpenTrunk."""

    trunk: Trunk
    apart: float
    milliseconds: float = 0.01
    megabytes: float = 1.0
    pause: float = 0.0
    ends: tuple[End, ...] = (End("", slice(0, 6), 1.0),)
    passed: list[int] = field(default_factory=list)  # how many new images each call computed
    stored: set[str] = field(default_factory=set)

    def missing(self, images: Images) -> list[str]:
        return [id_ for id_ in images.ids if id_ not in self.stored]

    def faster(self, milliseconds: float) -> "Fake":  # noqa: ARG002
        return self

    def rows(self, images: Images, executor: Any) -> np.ndarray:  # noqa: ARG002
        time.sleep(self.pause)
        if new := self.missing(images):
            self.passed.append(len(new))
            self.stored.update(new)
        noise = [np.random.default_rng(int(id_[:8], 16)).normal(size=6) for id_ in images.ids]
        labels = np.array([int(path) for path in images.paths])
        return (np.array(noise) + self.apart * np.eye(6)[labels]).astype(np.float32)


def trunk(name: str) -> Trunk:
    """By a name."""
    return Trunk(name, ENTRY.model_copy(update={"source": f"{name}.onnx"}), 224, 224)


def photos(count: int) -> SearchPhotos:
    """Two classes, no copies; a path is its label."""
    labels = np.arange(count) % 2
    ids = [sha256(str(number).encode()) for number in range(count)]
    rule = config.Image(size=config.Size(height=8, width=8), resize="squash", transform="backbone")
    return SearchPhotos(Images(Path(), list(map(str, labels)), ids, rule), labels, np.arange(count), seed=1)
