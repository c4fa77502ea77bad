"""Where a network looks, without gradients: parts of an image are covered, and it is asked again.

Occlusion covers squares of the image with its mean colour, one after the other: any network, any head (M. Zeiler,
R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Probs = npt.NDArray[np.float32]
REACH = 1  # cells that are hidden around a cell, on each side
_LEAST = 1e-30  # of a probability that underflowed


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
