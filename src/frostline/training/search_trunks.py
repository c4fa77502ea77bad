"""What a search may put below the frost line: trunks with several ends each, whose features one pass gives."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import checksums, config, files, paths
from frostline.config import ONNX, Classifier, KerasWeights, OnnxWeights, Weights
from frostline.config.backbones import NAMED_SOURCES
from frostline.features import backends, cut_model, extraction, trunks
from frostline.features.executor import Executor
from frostline.features.extraction import Images
from frostline.models import backbones, layers, network
from frostline.models.keras_backend import keras
from frostline.models.layers import Layer
from frostline.runtime.contract import FEATURES
from frostline.store import open_store
from frostline.training import assemble

ENDS = 6  # of a Keras network: its last blocks, whose features are what transfers
TIMED = 2  # batches, the first of which compiles: the passes soon tell better what an image costs
KEPT_EVERY = 20.0  # seconds of passes that a kill may cost
ENOUGH = 5e10  # operations of a batch that is timed: of a heavy network a few images tell what one takes
LONG = 5.0  # seconds of a batch that is not timed again
WHOLE = ""  # the end of a network that is taken whole


@dataclass(frozen=True)
class Trunk:
    """A network at one size of images: an entry of `weights` by name, and how a classifier would take it."""

    weights: str
    entry: Weights
    height: int
    width: int

    @property
    def name(self) -> str:
        """As tables show it."""
        size = str(self.height) if self.height == self.width else f"{self.height}x{self.width}"
        return f"{self.weights} {size}"

    @property
    def file(self) -> str:
        """The same for a file, however its input is described."""
        return repr(self.entry.model_dump(exclude={"input"}))

    @property
    def undescribed(self) -> str:
        """The same for a file at a size."""
        return repr((self.file, self.height, self.width))

    def classifier(self, end: str = WHOLE) -> Classifier:
        """The recipe of a frozen network that ends there, with a linear head."""
        onnx = isinstance(self.entry, OnnxWeights)
        phase = {"freeze": "all", "epochs": 1, "batch_size": 1, "optimizer": "sgd", "learning_rate": 0.1}
        head: dict[str, Any] = {
            "pooling": "flatten" if onnx else "average",
            "standardize": True,
            "dense": {},
            "dropout": 0.0,
        }
        values = {
            "dataset": "any",
            "weights": self.weights,
            "image": {
                "size": {"height": self.height, "width": self.width},
                "resize": "squash",
                "transform": "backbone",
            },
            "network": {"type": "pretrained", "end_at": end or None, "head": head},
            "augmentation": None,
            "precision": "float32",
            "training": None,
            "variants": None,
            "phases": {"head": phase},
        }
        return Classifier.model_validate(values)


@dataclass(frozen=True)
class End:
    """Where a trunk may end: a layer ("": the last one), its columns of a row, its share of the operations (0-1)."""

    layer: str
    columns: slice
    share: float


@dataclass(frozen=True, eq=False)
class OpenTrunk:
    """A trunk that is built: `model` makes rows of all ends beside each other, `key` names them in the cache."""

    trunk: Trunk
    model: Any
    key: dict[str, Any]
    ends: tuple[End, ...]
    megabytes: float
    milliseconds: float  # per image through all of it, in batches, on this machine as busy as it was
    framework: str  # that computes the rows

    def faster(self, milliseconds: float) -> "OpenTrunk":
        """The same, if an image was seen to take less than what was measured before."""
        return replace(self, milliseconds=min(self.milliseconds, milliseconds))

    def missing(self, images: Images) -> list[str]:
        """The ids of those whose rows are not cached."""
        some = replace(images, rule=self.trunk.classifier().image)
        key = {**some.decode_key, **self.key, "framework": self.framework}
        shape, dtype = trunks.shape(self.model), trunks.dtype(self.model)
        cache = some.cache or paths.cache()
        return open_store("features", key, shape=shape, dtype=dtype, cache=cache).missing(some.ids)

    def rows(self, images: Images, executor: Executor) -> npt.NDArray[np.float32]:
        """(N, D) features of images, of all ends; only what is not cached is computed, and kept as it comes."""
        some = replace(images, rule=self.trunk.classifier().image)
        missing = set(self.missing(images))
        todo = [place for place, id_ in enumerate(some.ids) if id_ in missing]
        piece = max(extraction.BATCH, int(1000 * KEPT_EVERY / self.milliseconds))
        for start in range(0, len(todo), piece):
            places = todo[start : start + piece]
            part = replace(some, paths=[some.paths[at] for at in places], ids=[some.ids[at] for at in places])
            extraction.features(part, trunk=self.model, key=self.key, executor=executor)
        found = extraction.features(some, trunk=self.model, key=self.key, executor=executor)
        return np.asarray(found[np.arange(len(found))], np.float32).reshape(len(found), -1)

    def share(self, end: str, images: Images) -> None:
        """Put the rows of one end, of images that passed, where a training with it looks for them.

        Nothing to do where the trunk has but one end: its rows are those already.
        """
        if len(self.ends) == 1:
            return
        found = next(one for one in self.ends if one.layer == end)
        recipe = self.trunk.classifier(end)
        some = replace(images, rule=recipe.image)
        weights = {"backbone": self.key["backbone"], "sha256": self.key["weights"]}
        key = assemble.trunk_key(recipe, weights=weights, cut="pool")
        full = {**some.decode_key, **key, "framework": self.framework}
        width = found.columns.stop - found.columns.start
        dtype = trunks.dtype(self.model)
        store = open_store("features", full, shape=(width,), dtype=dtype, cache=some.cache or paths.cache())
        if missing := set(store.missing(some.ids)):
            places = [at for at, id_ in enumerate(some.ids) if id_ in missing]
            part = replace(some, paths=[some.paths[at] for at in places], ids=[some.ids[at] for at in places])
            rows = extraction.features(part, trunk=self.model, key=self.key)
            with store.appending() as append:
                append(list(part.ids), rows[np.arange(len(rows))][:, found.columns])


def _timed(model: Any, trunk: Trunk, *, operations: float = 0.0) -> float:
    """Milliseconds per image in batches of noise: the quickest of a few; `operations` of one image, where known."""
    forward = backends.fastest(model)
    size = getattr(forward, "batch_size", extraction.BATCH)
    if operations:
        size = max(1, min(size, int(ENOUGH / operations)))
    side = (trunk.height, trunk.width, 3)
    batch = np.random.default_rng(0).integers(0, 256, (size, *side), dtype=np.uint8)
    seconds: list[float] = []
    # Compiling can be but little of what a long one took.
    while len(seconds) < TIMED and sum(seconds) < LONG:
        start = time.perf_counter()
        forward(batch)
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds) / size


def opened(
    trunk: Trunk, *, cache: Path, seed: int, root: Path = Path(), milliseconds: float | None = None
) -> OpenTrunk:
    """Build a trunk, and time it where nothing is known of the `milliseconds` that an image takes.

    InputError where its file is missing or does not fit, or where it takes another size.
    """
    if isinstance(trunk.entry, OnnxWeights):
        return _onnx(trunk, trunk.entry, root, milliseconds)
    file, sha256 = backbone_file(trunk.entry, cache=cache, seed=seed, root=root)
    return _keras(trunk, trunk.entry, file, sha256, milliseconds)


def _onnx(trunk: Trunk, entry: OnnxWeights, root: Path, milliseconds: float | None) -> OpenTrunk:
    made = trunks.make(trunk.weights, entry, root=root)
    recipe = trunk.classifier()
    model = trunks.opened(made, weights=trunk.weights, size=recipe.image.size)
    weights = {"backbone": ONNX, "sha256": files.sha256(made)}
    key = assemble.trunk_key(recipe, weights=weights, cut=FEATURES)
    ends = (End(WHOLE, slice(0, model.width), 1.0),)
    milliseconds = milliseconds or _timed(model, trunk)
    return OpenTrunk(
        trunk, model, key, ends, len(made) / 1e6, milliseconds, backends.name(model, parallel=True)
    )


def backbone_file(entry: KerasWeights, *, cache: Path, seed: int, root: Path) -> tuple[Path, str]:
    """The backbone's weights as the weights stage writes them, and their hash, so that their rows are shared."""
    config.require_backbone(str(entry.backbone))
    named = entry.source in NAMED_SOURCES
    source = entry.source if named else root / paths.PRETRAINED / entry.source
    content = [entry.source, seed] if named else files.sha256_file(Path(source))
    file = cache / "weights" / files.digest([entry.backbone, content])[:32] / paths.BACKBONE

    def make() -> None:
        with files.writing(file) as temporary:
            backbones.save_weights(str(entry.backbone), source, seed=seed, to=temporary)

    checksums.keep(file.parent, [file.name], make)
    return file, files.sha256_file(file)


def _keras(
    trunk: Trunk, entry: KerasWeights, file: Path, sha256: str, milliseconds: float | None
) -> OpenTrunk:
    """The pooled ends of the last blocks beside each other."""
    k = keras()
    body = network.build(trunk.classifier(), backbone=entry.backbone, weights=file, classes=2).body
    last = body.layers[-2].name
    below = (name for name in cut_model.last_blocks(body) if name != last)
    names = list(islice(below, ENDS - 1))[::-1]
    mean = k.layers.GlobalAveragePooling2D
    outputs = [*(mean(name=f"{name}_mean")(body.get_layer(name).output) for name in names), body.output]
    rows = layers.read(body)
    ends = tuple(_ends(names, [int(output.shape[-1]) for output in outputs], rows))
    model = k.Model(body.inputs[0], k.layers.Concatenate(name="ends")(outputs), name="trunk")
    weights = {"backbone": entry.backbone, "sha256": sha256}
    key = assemble.trunk_key(trunk.classifier(), weights=weights, cut="pool")
    key["ends"] = [*names, WHOLE]
    milliseconds = milliseconds or _timed(model, trunk, operations=sum(row.operations for row in rows))
    megabytes = 4e-6 * body.count_params()
    return OpenTrunk(trunk, model, key, ends, megabytes, milliseconds, backends.name(model, parallel=True))


def _ends(names: Sequence[str], widths: Sequence[int], rows: Sequence[Layer]) -> Iterator[End]:
    """Where a network can be cut, all layers before lead there: the share of their operations is the end's."""
    upto = dict(zip((row.name for row in rows), accumulate(row.operations for row in rows), strict=True))
    whole, start = sum(row.operations for row in rows), 0
    for name, width in zip([*names, WHOLE], widths, strict=True):
        yield End(name, slice(start, start + width), upto.get(name, whole) / whole)
        start += width
