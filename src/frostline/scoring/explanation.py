"""Where a network looks when it decides: by gradients where its project is at hand, else by hiding parts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import files, paths
from frostline.errors import FrostlineError, InputError
from frostline.models.occlusion import occlusion
from frostline.runtime.contract import Contract

Pixels = npt.NDArray[np.uint8]
Probs = npt.NDArray[np.float32]
CELLS = 12  # per side of occlusion's grid


@dataclass(frozen=True, eq=False)
class Explanation:
    """What speaks for `label` in one image.

    `prob` is its probability (0-1), `heat` (h, w) float32 in 0..1 over the whole image: 1 where most speaks for
    the label, 0 where nothing does; all 0 where nothing does anywhere. `method` is `gradcam`, at `layer` of the
    network, or `occlusion`, where `layer` is None and `drop` says what hiding the hottest part takes from
    `prob`: where that is little, the heat says little. `pixels` (H, W, 3) uint8 are what the network saw.
    """

    label: str
    prob: float
    heat: npt.NDArray[np.float32]
    pixels: Pixels
    method: str
    layer: str | None = None
    drop: float | None = None

    def overlay(self) -> Pixels:
        """(H, W, 3) uint8: the image in grey, under colour the brighter the hotter it is; needs matplotlib."""
        if find_spec("matplotlib") is None:
            raise FrostlineError("overlay needs matplotlib, not installed here; pip install matplotlib")
        from frostline.evaluation import gallery

        return gallery.overlay(self.pixels, self.heat)


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier in its project: the project's folder, its name, and what its model was exported from."""

    root: Path
    name: str
    recipe: str
    dataset: str


def class_number(label: str | None, classes: Sequence[str]) -> int | None:
    """A class's place; None for none. InputError for a name that the model has not."""
    if label is None:
        return None
    if label not in classes:
        raise InputError(f"no class {label!r}; the model has {', '.join(classes)}")
    return list(classes).index(label)


def project_of(model: Path, contract: Contract) -> TrainedClassifier | None:
    """The classifier that a model file lies beside in its project; None for a file alone, or where training needs
    TensorFlow and there is none."""
    place = model.absolute()
    if len(place.parents) < 4:
        return None
    root, name = place.parents[3], place.parent.name
    solved, trained = (root / paths.classifier(name) / file for file in ("trained.npz", "trained.weights.h5"))
    recipe = root / paths.PARAMS
    at_hand = solved.is_file() or (trained.is_file() and find_spec("tensorflow") is not None)
    if place != root / paths.model(name) / "model.onnx" or not (at_hand and recipe.is_file()):
        return None
    return TrainedClassifier(root, name, contract.recipe, contract.dataset)


def by_gradients(
    of: TrainedClassifier, classes: Sequence[str], probs: Probs, pixels: Pixels, number: int
) -> Explanation | None:
    """Grad-CAM by the trained classifier; `probs` (C,) are the exported model's.

    The network of an ONNX file has no gradients: None where its last map does not tell either. InputError where the
    project has moved on since the export, and for a network without convolutions.
    """
    from frostline.features.trunks import OnnxTrunk
    from frostline.models import activation_maps, heads
    from frostline.training import class_maps

    network = _network(of)
    if isinstance(network.body, OnnxTrunk):
        found = class_maps.heat(network.body, heads.arrays(network.head), pixels[None], np.array([number]))
        if found is None:
            return None
        return Explanation(
            classes[number], float(probs[number]), found[1][0], pixels, "gradcam", layer=found[0]
        )
    layer = activation_maps.deepest(network.body)
    [heat] = activation_maps.gradcam(network, pixels[None], classes=np.array([number]), name=layer)
    return Explanation(classes[number], float(probs[number]), heat, pixels, "gradcam", layer=layer)


@lru_cache(maxsize=2)
def _network(of: TrainedClassifier) -> Any:
    from frostline.training import recipe

    inputs = recipe.read(of.name, root=of.root)
    if (files.digest(inputs.plain), inputs.manifest.digest) != (of.recipe, of.dataset):
        raise InputError(
            f"{of.name} was exported from another recipe or dataset than {of.root} has now; run `dvc repro`, or use "
            "method='occlusion'"
        )
    return recipe.load_trained(inputs)[0]


def by_occlusion(
    network: Callable[[Pixels], Probs], classes: Sequence[str], pixels: Pixels, number: int, *, cells: int
) -> Explanation:
    """Occlusion on a grid of `cells` x `cells`; `network`: (N, H, W, 3) uint8 → (N, C) probabilities."""
    height, width, _ = pixels.shape
    if not 2 <= cells <= min(height, width, 64):
        raise InputError(f"cells={cells}: use 2 to {min(height, width, 64)}")
    hidden = occlusion(network, pixels, number=number, cells=cells)
    return Explanation(classes[number], hidden.prob, hidden.heat, pixels, "occlusion", drop=hidden.drop)
