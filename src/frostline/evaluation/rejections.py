"""Which share of the test images would be rejected as unlike the training images, though they are like them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frostline.evaluation.predictions import Predictions
from frostline.evaluation.statistics import Estimate, proportion
from frostline.runtime import answers

SHARES = (0.01, 0.05, 0.1)
SHOWN = 0.05  # drawn class by class
CURVE = tuple(step / 200 for step in range(1, 41))  # 0.5% to 20%

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Rejection:
    """What `--unknown` with the share `promised` rejects of N images, though they are like the training images.

    `name` is the class that the images are of, "" for all of them.
    """

    promised: float
    name: str
    images: int
    rejected: Estimate


def measured(test: Predictions, unknown: Floats | None) -> Iterator[Rejection]:
    """What each of SHARES rejects on test: all images, then those of each class."""
    if unknown is None:
        return
    for share in SHARES:
        yield _rejection(share, "", unknown)
        for label, name in enumerate(test.classes):
            if (here := test.labels == label).any():
                yield _rejection(share, name, unknown[here])


def curve(unknown: Floats) -> list[Rejection]:
    """What each of CURVE rejects of N > 0 images."""
    return [_rejection(share, "", unknown) for share in CURVE]


def _rejection(share: float, name: str, unknown: Floats) -> Rejection:
    found = proportion(int(answers.rejects(unknown, share).sum()), len(unknown))
    assert found is not None
    return Rejection(share, name, len(unknown), found)
