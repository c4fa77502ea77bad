"""Where a network looks when it decides: by gradients where its project is at hand, else by hiding parts.

Occlusion covers squares of the image with its mean colour, one after the other, and asks again: any network, no
gradients (M. Zeiler, R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014).
"""

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
from frostline.runtime.contract import Contract

Pixels = npt.NDArray[np.uint8]
Probs = npt.NDArray[np.float32]
CELLS = 12  # per side of occlusion's grid
REACH = 1  # cells that are hidden around a cell, on each side
_LEAST = 1e-30  # of a probability that underflowed


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


@dataclass(frozen=True, eq=False)
class Occlusion:
    """`heat` (cells, cells) float32 in 0..1, the class's probability, and its `drop` where the heat is 1."""

    prob: float
    heat: npt.NDArray[np.float32]
    drop: float


def occlusion(network: Callable[[Pixels], Probs], pixels: Pixels, *, number: int, cells: int) -> Occlusion:
    """What hiding each cell and its neighbours takes from class `number`; 0 where it takes nothing, or adds.

    `network`: (N, H, W, 3) uint8 → (N, C) probabilities; it is asked cells² + 1 times. `pixels`: (H, W, 3).
    The heat is the loss of log odds, which tells of a class that is all but certain too; the largest is 1.
    """
    probs = network(np.concatenate([pixels[None], occluded(pixels, cells)])).astype(np.float64)
    odds = _log_odds(probs, number)
    lost = np.maximum(odds[0] - odds[1:], 0).reshape(cells, cells)
    most = float(lost.max())
    heat = lost / most if most > 0 else lost
    drop = float(probs[0, number] - probs[1 + int(lost.argmax()), number]) if most > 0 else 0.0
    return Occlusion(float(probs[0, number]), heat.astype(np.float32), drop)


def occluded(pixels: Pixels, cells: int) -> Pixels:
    """(cells², H, W, 3): the image with one cell of a grid and those around it covered, for each, row by row."""
    height, width, _ = pixels.shape
    rows, columns = (np.linspace(0, side, cells + 1).round().astype(int) for side in (height, width))
    mean = pixels.mean((0, 1)).round().astype(np.uint8)
    covered = np.repeat(pixels[None], cells * cells, axis=0)
    for place, image in enumerate(covered):
        row, column = divmod(place, cells)
        top, left = rows[max(0, row - REACH)], columns[max(0, column - REACH)]
        bottom, right = rows[min(cells, row + REACH + 1)], columns[min(cells, column + REACH + 1)]
        image[top:bottom, left:right] = mean
    return covered


def _log_odds(probs: npt.NDArray[np.float64], number: int) -> npt.NDArray[np.float64]:
    """(N,) logarithms of a class's odds; the others' sum is exact where 1 - p would be rounded to nothing."""
    others = np.delete(probs, number, axis=1).sum(axis=1)
    return np.asarray(np.log(np.maximum(probs[:, number], _LEAST)) - np.log(np.maximum(others, _LEAST)))
