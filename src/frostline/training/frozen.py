"""The frozen layers of a network, opened for any images: those of a project's classifier, or of a backbone."""

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from frostline import checksums, config, files, paths
from frostline.config import ONNX, Classifier, Image
from frostline.config.backbones import NAMED_SOURCES, TABLE
from frostline.errors import InputError, weights_note
from frostline.features import cut_model, trunks
from frostline.models import backbones, network
from frostline.runtime import onnx_trunk
from frostline.runtime.contract import FEATURES
from frostline.training import assemble, recipe

SIDE = 224  # pixels, of images for a network that takes any size
LOCK = threading.Lock()  # Keras builds and computes for one caller at a time


@dataclass(frozen=True)
class LayerSelection:
    """Which frozen layers: the arguments of `extract_features`, None where one was not given; `selection` makes one."""

    classifier: str | None = None
    weights: str | None = None
    backbone: str | None = None
    size: int | tuple[int, int] | None = None
    resize: Literal["squash", "crop", "pad"] | None = None
    pooling: Literal["average", "max", "flatten"] | None = None
    end_at: str | tuple[str, ...] | None = None
    image_transform: Literal["backbone", "rescale"] | None = None
    precision: Literal["float32", "bfloat16", "float16"] | None = None
    project: str | None = None

    @cached_property
    def root(self) -> Path | None:
        """The project's folder; None outside of any. InputError where one was named and is none."""
        if self.project is not None:
            return paths.find_root(Path(self.project).absolute())
        try:
            return paths.find_root(Path.cwd())
        except InputError:
            return None

    @property
    def cache(self) -> Path:
        """Where their rows are kept: with the project, else with the user."""
        return paths.cache(self.root) if self.root else paths.scoring_cache()

    def open(self) -> "FrozenTrunk":
        """Build them, or take them as they were built before. InputError for what is missing or contradicts."""
        if self.classifier is not None:
            rest = (
                "weights",
                "backbone",
                "size",
                "resize",
                "pooling",
                "end_at",
                "image_transform",
                "precision",
            )
            if given := [name for name in rest if getattr(self, name) is not None]:
                raise InputError(f"{', '.join(given)}: the classifier's recipe says it; leave it out")
        elif self.weights is None and self.backbone is None:
            raise InputError("name a classifier, weights or a backbone: whose frozen layers?")
        elif str(self.precision) == "int8":
            raise InputError(
                "precision int8 is calibrated on the training images of a classifier; name one that has it, or use "
                "float32, bfloat16 or float16"
            )
        with LOCK:
            return _opened(self, self.root, self._changed())

    def _changed(self) -> tuple[str, ...]:
        """What tells that files are others than when they were last read."""
        root = self.root or Path()
        names = [paths.PARAMS, *([Path(self.weights)] if self.weights else [])]
        if self.classifier is not None:
            names.append(paths.classifier(self.classifier) / "record.json")
        inputs = [root / name for name in names]
        return tuple(f"{path} {path.stat().st_mtime_ns}" for path in inputs if path.is_file())


def selection(**given: Any) -> LayerSelection:
    """The layers that arguments select; a path may be of any kind, a size any pair of numbers."""
    for name in ("weights", "project"):
        if given[name] is not None:
            given[name] = os.fspath(given[name])
    if isinstance(size := given["size"], Sequence):
        given["size"] = (size[0], size[1])
    if isinstance(ends := given["end_at"], Sequence) and not isinstance(ends, str):
        given["end_at"] = tuple(ends)
    return LayerSelection(**given)


@dataclass(frozen=True)
class FrozenTrunk:
    """A trunk (a Keras model or an OnnxTrunk) with the key of its rows, and what it wants of an image.

    `note` is what must stand beside all that comes of it; "" for trained weights.
    """

    trunk: Any
    key: dict[str, Any]
    rule: Image
    note: str

    @property
    def width(self) -> int:
        """How many numbers it makes of an image."""
        return trunks.values(self.trunk)


@lru_cache(maxsize=2)
def _opened(layers: LayerSelection, root: Path | None, _: tuple[str, ...]) -> FrozenTrunk:
    if layers.classifier is not None:
        return _of_classifier(layers.classifier, _required(root, "classifier"))
    if layers.backbone is None:
        root = _required(root, "weights without a backbone")
        source = recipe.read_weights(str(layers.weights), root=root)
        file = recipe.weights_file(source, root=root) or root
        of = _of_onnx if source["backbone"] == ONNX else _of_backbone
        return of(layers, source, file)
    return _of_backbone(layers, *_own_weights(layers, layers.backbone))


def _required(root: Path | None, what: str) -> Path:
    if root is None:
        raise InputError(f"{what}: there is no project here; name its folder as project, or a backbone")
    return root


def _of_classifier(name: str, root: Path) -> FrozenTrunk:
    inputs = recipe.read(name, root=root)
    last = list(assemble.cut_phases(inputs.network(), inputs.entry).values())[-1]
    if last.trunk is None:
        raise InputError(f"{name}: nothing of its network is frozen; name another classifier, or a backbone")
    trunk, key = inputs.trunk(last)
    return FrozenTrunk(trunk, key, inputs.entry.image, weights_note(inputs.weights["source"]))


def _own_weights(layers: LayerSelection, backbone: str) -> tuple[dict[str, Any], Path]:
    """Weights that no project names, written once as the weights stage writes them, so that their rows are shared."""
    _refuse_onnx(layers, backbone)
    config.require_backbone(backbone)
    source = layers.weights or "imagenet"
    content = source if source in NAMED_SOURCES else _hash(Path(source))
    file = layers.cache / "weights" / files.digest([backbone, content])[:32] / paths.BACKBONE

    def make() -> None:
        with files.writing(file) as temporary:
            backbones.save_weights(
                backbone, source if source in NAMED_SOURCES else Path(source), seed=0, to=temporary
            )

    checksums.keep(file.parent, [file.name], make)
    return {"backbone": backbone, "source": source, "sha256": files.sha256_file(file)}, file


def _refuse_onnx(layers: LayerSelection, backbone: str) -> None:
    """An ONNX file does not say what its input is; a project's entry does."""
    if backbone == ONNX or str(layers.weights).endswith(".onnx"):
        raise InputError(
            "a network of an ONNX file is an entry of weights in a project's params.yaml, which says what its input "
            "is (`frostline init --weights FILE.onnx` writes one); give its name as weights, and no backbone"
        )


def _hash(path: Path) -> str:
    try:
        return files.sha256_file(path)
    except OSError as error:
        raise InputError(
            f"{files.printable(path)}: cannot be read: {error.strerror}; name a weights file, imagenet or random"
        ) from None


def _of_backbone(layers: LayerSelection, weights: dict[str, Any], file: Path) -> FrozenTrunk:
    if weights["sha256"] is None:
        raise InputError(f"{weights['name']}: no pretrained weights, nothing to freeze; name others")
    entry = _entry(layers, TABLE[weights["backbone"]].side)
    whole = network.build(entry, backbone=weights["backbone"], weights=file, classes=2)
    parts = cut_model.cut(whole, "all")
    key = assemble.trunk_key(entry, weights=weights, cut=str(parts.cut))
    return FrozenTrunk(parts.trunk, key, entry.image, weights_note(weights["source"]))


def _of_onnx(layers: LayerSelection, weights: dict[str, Any], file: Path) -> FrozenTrunk:
    """The network of an ONNX file says itself where it ends and what its pixels become."""
    said = ("pooling", "end_at", "image_transform", "precision")
    if given := [name for name in said if getattr(layers, name) is not None]:
        raise InputError(f"{', '.join(given)}: the entry '{weights['name']}' says it; leave it out")
    content = trunks.content(file, weights=weights["name"])
    height, width = onnx_trunk.side(content)
    entry = _entry(layers, (height or SIDE, width or SIDE))
    trunk = trunks.opened(content, weights=weights["name"], size=entry.image.size)
    key = assemble.trunk_key(entry, weights=weights, cut=FEATURES)
    return FrozenTrunk(trunk, key, entry.image, weights_note(weights["source"]))


def _entry(layers: LayerSelection, side: int | tuple[int, int]) -> Classifier:
    """The classifier that would have these frozen layers, so that its rows are theirs."""
    size = layers.size or side
    height, width = (size, size) if isinstance(size, int) else size
    head: dict[str, Any] = {
        "pooling": layers.pooling or "average",
        "standardize": False,
        "dense": {},
        "dropout": 0.0,
    }
    phase = {"freeze": "all", "epochs": 1, "batch_size": 1, "optimizer": "sgd", "learning_rate": 0.1}
    values = {
        "dataset": "any",
        "weights": "any",
        "image": {
            "size": {"height": height, "width": width},
            "resize": layers.resize or "squash",
            "transform": layers.image_transform or "backbone",
        },
        "network": {"type": "pretrained", "end_at": layers.end_at, "head": head},
        "augmentation": None,
        "precision": layers.precision or "float32",
        "training": None,
        "variants": None,
        "phases": {"only": phase},
    }
    try:
        return config.Classifier.model_validate(values)
    except ValidationError as error:
        wrong = error.errors()[0]
        name = next((step for step in reversed(wrong["loc"]) if isinstance(step, str)), "")
        raise InputError(f"{name}: {wrong['msg'].lower()}; is {wrong['input']!r}") from None
