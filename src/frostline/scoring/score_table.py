"""What a model says of images, as Python code gets it: the rows of `frostline score`."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from frostline.table import Table


class Scores(Table):
    """One row per image, in order, with the columns of `frostline score`.

    `path` (str), `status` (ok, abstained, unknown or error), `error` (why an image could not be read, else null),
    `label`, `prob` (float32), `topk_labels` and `topk_probs` (lists), `probs` (a list of float32 in the order
    of `classes`), `model` (SHA-256 of the model); `unknown` (float32, 0-1) where the model
    tells it, `prediction_set` (a list) where coverage was asked for. `classes` are the model's, `note` is what must
    stand beside every number of it, "" for trained weights.
    """

    def __init__(self, arrow: pa.Table, *, classes: Sequence[str], note: str = "") -> None:
        super().__init__(arrow)
        self.classes = tuple(classes)
        self.note = note

    @property
    def paths(self) -> list[str]:
        """Each image's path as it was given, or inside the folder or archive; arrays have their number."""
        return list(self["path"].to_pylist())

    @property
    def labels(self) -> list[str | None]:
        """The most probable class of each image; None where there is none (see `status`)."""
        return list(self["label"].to_pylist())

    @property
    def probs(self) -> npt.NDArray[np.float32]:
        """(N, C) float32 probabilities in the order of `classes`; a row of NaN for an image without."""
        wide = np.full((len(self), len(self.classes)), np.nan, np.float32)
        column = self["probs"].combine_chunks()
        there = column.is_valid().to_numpy(zero_copy_only=False)
        wide[there] = column.drop_null().flatten().to_numpy().reshape(-1, len(self.classes))
        return wide

    @property
    def errors(self) -> dict[str, str]:
        """Path → why it could not be scored, of those images alone."""
        bad = self.arrow.filter(self["error"].is_valid())
        return dict(zip(bad["path"].to_pylist(), bad["error"].to_pylist(), strict=True))

    def __repr__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return f"Scores({len(self)} images, {len(self.errors)} unreadable; classes {', '.join(self.classes)}{note})"
