"""Rows that are made when they are asked for: renderings that are shown once and never kept."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline import system
from frostline.config import Augmentation
from frostline.features.executor import Network
from frostline.models import augmentation
from frostline.store import Rows


@dataclass(frozen=True)
class LiveViews:
    """View `number` of every image, rendered from its cached pixels, and through the trunk if there is one.

    The same pictures as `features.pixels` would cache for that view.
    """

    pixels: Rows
    ids: Sequence[str]
    augmentation: Augmentation
    number: int
    network: Network | None
    batch: int = 32

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]:
        """Rows by index array or slice: rendered by all processors, then forwarded in full batches."""
        places = np.arange(len(self))[chosen]
        plain = self.pixels[places]
        with ThreadPoolExecutor(system.processors()) as pool:
            rendered = np.stack(list(pool.map(self._render, plain, places)))
        return rendered if self.network is None else self._forward(rendered)

    def _render(self, pixels: npt.NDArray[np.uint8], place: int) -> npt.NDArray[np.uint8]:
        return augmentation.render(pixels, self.augmentation, content=self.ids[place], view=self.number)

    def _forward(self, rendered: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """One shape for all batches, so that company changes no bit; float32 holds the 16-bit types."""
        rows = []
        for start in range(0, len(rendered), self.batch):
            some = rendered[start : start + self.batch]
            padded = np.zeros((self.batch, *some.shape[1:]), np.uint8)
            padded[: len(some)] = some
            rows.append(self.network(padded)["rows"][: len(some)].astype(np.float32))  # type: ignore[misc]
        return np.concatenate(rows)
