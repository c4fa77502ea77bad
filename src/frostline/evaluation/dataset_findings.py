"""What an evaluation found: everything that pictures, tables and the page are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from frostline.evaluation import gallery
from frostline.evaluation.history import History
from frostline.evaluation.label_issues import Doubt
from frostline.evaluation.metrics import Metrics
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.slices import Slice

SHOWN = 12  # photos of one kind on the page


@dataclass(frozen=True, eq=False)
class Findings:
    """Rows of each split, their figures, and photos ((H, W, 3) uint8) by path.

    `doubts` is None where labels were not checked, `checked` counts the images that were. `warm` holds photos
    as the network takes them, covered by heat where they speak for the class predicted; `views` one training
    image as epochs show it.
    """

    record: Mapping[str, Any]
    note: str
    course: History
    rows: Mapping[str, Predictions]
    measured: Mapping[str, Metrics]
    slices: Sequence[Slice]
    doubts: Sequence[Doubt] | None
    checked: int
    photos: Mapping[str, np.ndarray]
    warm: Mapping[str, np.ndarray]
    layer: str
    views: Sequence[np.ndarray]
    hashes: Mapping[str, str]

    @property
    def test(self) -> Predictions:
        return self.rows["test"]


def wanted(test: Predictions, doubts: Sequence[Doubt]) -> list[str]:
    """Paths of the photos that pictures and page show, each once."""
    shown = [test.paths[row] for row in (*test.surest_mistakes(gallery.TILES), *test.least_sure(SHOWN))]
    return list(dict.fromkeys([*shown, *(doubt.path for doubt in doubts[:SHOWN])]))
