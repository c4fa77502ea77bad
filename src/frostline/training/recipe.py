"""A classifier's inputs, gathered: its recipe, data, weights, and the network they make."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import config, files, paths
from frostline.config import ONNX, Classifier, OnnxWeights, Params
from frostline.datasets import calibration_photos, manifest
from frostline.datasets.layout import SPLITS
from frostline.datasets.manifest import Manifest
from frostline.errors import FrostlineError, InputError
from frostline.features import backends, int8_trunk, trunks
from frostline.features.cut_model import CutModel
from frostline.features.executor import Executor
from frostline.features.extraction import Images, View, features, pixels
from frostline.features.local_stream import stream
from frostline.models import heads, network
from frostline.models.dense_head import SolvedHead
from frostline.models.keras_backend import keras, strategy
from frostline.models.network import Network
from frostline.store import Rows
from frostline.training import assemble
from frostline.training.live_views import LiveViews
from frostline.training.steps import RowsLike

WEIGHTS_KEYS = ("name", "backbone", "source", "sha256")  # what is recorded of weights with a training


@dataclass(frozen=True)
class Recipe:
    """One entry of `classifiers` with all that it names, read and checked; `root` is the project's folder."""

    name: str
    seed: int
    entry: Classifier
    manifest: Manifest
    weights: dict[str, Any]
    weights_file: Path | None
    executor: Executor = stream  # of images through a decoder and a trunk
    root: Path = Path()

    @property
    def plain(self) -> dict[str, Any]:
        """The recipe as plain values, seed included: what `record.json` and MLflow show.

        Variants of the exported model are none of it: they change nothing that is trained.
        """
        return {"seed": self.seed, **self.entry.model_dump(exclude={"variants"})}

    def network(self) -> Network:
        """Its network with the pretrained weights in place and everything else freshly drawn.

        InputError where an image size does not fit the network of an ONNX file.
        """
        if self.weights["backbone"] == ONNX:
            return self._on_onnx()
        keras(seed=self.seed)
        with strategy().scope():
            return network.build(
                self.entry,
                backbone=self.weights["backbone"],
                weights=self.weights_file,
                classes=len(self.manifest.classes),
            )

    def _on_onnx(self) -> Network:
        try:
            body = trunks.read(
                Path(self.weights_file or ""),
                weights=self.entry.weights,
                size=self.entry.image.size,
                precision="float32" if self.entry.precision == "int8" else self.entry.precision,
            )
        except InputError as error:
            raise InputError(f"params.yaml: classifiers.{self.name}.{error}") from None
        classes = len(self.manifest.classes)
        if self.entry.solved:
            return Network(
                body, SolvedHead(body.width, classes, tuple(self.entry.network.head.dense.values()))
            )
        keras(seed=self.seed)
        with strategy().scope():
            return Network(
                body,
                heads.build(self.entry.network.head, features=body.width, classes=len(self.manifest.classes)),
            )

    def changed(self, **changes: Any) -> "Recipe":
        """The same inputs with other values of the classifier's entry."""
        return replace(self, entry=self.entry.model_copy(update=changes))

    def rows(self, parts: CutModel, split: str, *, view: View | None = None) -> RowsLike:
        """What the upper part of a split network takes, for one split's images in manifest order."""
        images = self.images(split)
        if view and view.augmentation.views == "live":
            through = backends.fastest(self.trunk(parts)[0]) if parts.trunk is not None else None
            return LiveViews(
                pixels(images, executor=self.executor), images.ids, view.augmentation, view.number, through
            )
        if parts.trunk is None:
            return pixels(images, view=view, executor=self.executor)
        which = (str(parts.cut), split, view)
        if which not in self._known_rows:
            self._known_rows[which] = self._features(parts, images, view)
        return self._known_rows[which]

    @cached_property
    def _known_rows(self) -> dict[tuple[str, str, View | None], Rows]:
        """Features that were asked for before: to look for all of their ids is most of what they cost then."""
        return {}

    def some_rows(
        self, parts: CutModel, split: str, places: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """(n, ...) what a trunk makes of some images of a split, by their places in manifest order."""
        every = self.images(split)
        some = replace(every, paths=[every.paths[at] for at in places], ids=[every.ids[at] for at in places])
        return self._features(parts, some, None)[:]

    def _features(self, parts: CutModel, images: Images, view: View | None) -> Rows:
        trunk, key = self.trunk(parts)
        return features(images, trunk=trunk, key=key, view=view, executor=self.executor)

    def trunk(self, parts: CutModel) -> tuple[Any, dict[str, Any]]:
        """What makes the rows below a cut, and the key that they are cached by; with int8 it is calibrated first."""
        key = assemble.trunk_key(self.entry, weights=self.weights, cut=str(parts.cut))
        if self.entry.precision != "int8":
            return parts.trunk, key
        made = int8_trunk.quantized(parts.trunk, {**key, "precision": "float32"}, self.calibration())
        return made, {**key, "calibrated": files.sha256(made.content)}

    @property
    def listed(self) -> Collection[str]:
        """The contents (SHA-256) that calibration.csv lists of its dataset. InputError where the file is damaged."""
        return calibration_photos.read(self.root / paths.CALIBRATION).get(self.entry.dataset, {})

    def calibration(self) -> Images:
        """The training images that int8 is calibrated on: those listed, or what would be listed now."""
        train = self.images("train")
        place = {id_: at for at, id_ in reversed(list(enumerate(train.ids)))}
        ids = calibration_photos.standing(self.listed, place) or calibration_photos.choice(place)
        return replace(train, paths=[train.paths[place[id_]] for id_ in ids], ids=ids)

    def images(self, split: str) -> Images:
        """One split's images in manifest order."""
        return self._images[split]

    @cached_property
    def _images(self) -> dict[str, Images]:
        splits = {split: self.manifest.split(split) for split in SPLITS}
        return {
            split: Images(
                root=self.root / self.manifest.root,
                paths=rows.paths,
                ids=rows.ids,
                rule=self.entry.image,
                cache=paths.cache(self.root),
            )
            for split, rows in splits.items()
        }


def read_weights(name: str, *, root: Path = Path()) -> dict[str, Any]:
    """What the weights stage of the project at `root` says of an entry: name, backbone, source and sha256; of an ONNX
    file also the digest of its entry in params.yaml.
    """
    path, made_by = root / paths.weights(name) / "source.json", f"dvc repro weights@{name}"
    source = files.read_json(path, made_by=made_by)
    if not isinstance(source, dict) or not set(WEIGHTS_KEYS) <= source.keys():
        raise FrostlineError(f"{path} is damaged; run `{made_by}` again")
    return source


def _require_current(name: str, weights: dict[str, Any], settings: Params) -> None:
    """What the weights stage made is what params.yaml asks for; else a head would learn of old features in silence."""
    entry = config.entry(settings.weights, name, what="weights")
    made, asked = [weights["backbone"], weights["source"]], [entry.backbone, entry.source]
    if isinstance(entry, OnnxWeights):
        made, asked = [*made, weights.get("entry")], [*asked, trunks.entry_digest(entry)]
    if made != asked:
        raise FrostlineError(
            f"params.yaml: weights.{name} is not what its stage ran with; run `dvc repro weights@{name}`"
        )


def weights_file(weights: dict[str, Any], *, root: Path = Path()) -> Path | None:
    """What the weights stage of the project at `root` wrote for an entry; None for a network from scratch."""
    if not weights["sha256"]:
        return None
    file = paths.TRUNK if weights["backbone"] == ONNX else paths.BACKBONE
    return root / paths.weights(weights["name"]) / file


def read(
    name: str, *, executor: Executor = stream, root: Path = Path(), settings: Params | None = None
) -> Recipe:
    """Gather a classifier's inputs from params.yaml and the stages before; errors name what to run.

    `root` is the project's folder; `settings` take the place of its params.yaml.
    """
    settings = settings or config.load(root / paths.PARAMS)
    entry = config.entry(settings.classifiers, name, what="classifier")
    weights = read_weights(entry.weights, root=root)
    _require_current(entry.weights, weights, settings)
    return Recipe(
        name=name,
        seed=settings.seed,
        entry=entry,
        manifest=manifest.read(root / paths.dataset(entry.dataset) / "manifest.parquet"),
        weights={key: weights[key] for key in WEIGHTS_KEYS},
        weights_file=weights_file(weights, root=root),
        executor=executor,
        root=root,
    )


def load_trained(inputs: Recipe) -> tuple[Network, CutModel]:
    """The whole network, and its cut at the last freeze point; both hold the trained weights.

    FrostlineError where they are missing or do not fit.
    """
    network = inputs.network()
    last = list(assemble.cut_phases(network, inputs.entry).values())[-1]
    assemble.load(last.upper, inputs.root / paths.classifier(inputs.name))
    return network, last
