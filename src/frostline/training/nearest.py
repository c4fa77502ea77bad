"""The training images that a network finds most like an image, by the angle between features at the frost line."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from frostline.models.neighbours import Floats, unit, vectors
from frostline.training.steps import RowsLike

PLACES = 5
_PIECE = 512


@dataclass(frozen=True)
class NearImage:
    """A training image: its path, its class, and the cosine (-1 to 1) of the angle between its features and others."""

    path: str
    label: str
    similarity: float


def nearest(
    rows: npt.NDArray[np.float32],
    train: RowsLike,
    *,
    paths: Sequence[str],
    labels: Sequence[str],
    places: int = PLACES,
) -> list[list[NearImage]]:
    """For each of N rows (N, …) the `places` nearest of the training images, nearest first; of equals the first.

    `paths` and `labels` are those of the training images. They are read piece by piece.
    """
    wanted = unit(vectors(rows, None, 0))
    similarity = np.concatenate(
        [np.zeros((len(wanted), 0), np.float32), *_similarities(wanted, train)], axis=1
    )
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :places]
    return [
        [NearImage(paths[place], labels[place], round(float(similarity[row, place]), 4)) for place in of]
        for row, of in enumerate(order.tolist())
    ]


def _similarities(wanted: Floats, train: RowsLike) -> list[Floats]:
    """(N, n) for each piece of the training images."""
    return [
        wanted @ unit(vectors(np.asarray(train[at : at + _PIECE], np.float32), None, 0)).T
        for at in range(0, len(train), _PIECE)
    ]
