"""A trunk's ONNX graph on a device, as an executor calls it; and what a backend of features is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.errors import FrostlineError
from frostline.features.executor import Network
from frostline.runtime import pool
from frostline.runtime.contract import FEATURES


@dataclass(frozen=True)
class Backend:
    """Who computes features: a name, versions included, that stands in their key, and how to open it.

    `open` takes the folder of these features, or None, and raises UnfitError where it does not run this trunk.
    """

    name: str
    open: Callable[[Path | None], Network]


class UnfitError(FrostlineError):
    """A trunk that a backend does not run; another one does."""


class Exported:
    """What an exported trunk makes of a batch, by another runtime; pickled, it opens again where it arrives."""

    batch_size = 8  # what a VGG19 makes of 32 no longer fits a processor's cache: four fifths of the speed

    def __init__(
        self, content: bytes, device: str, precision: str, dtype: str, *, parallel: bool = False
    ) -> None:
        self._arguments = (content, device, precision, dtype)
        self._pool = pool.load(content, device, precision, parallel=parallel, batch=self.batch_size)
        self._pool.names = (FEATURES,)
        self.shape = tuple(side for side in self._pool.inputs[0].shape[1:] if isinstance(side, int))
        self._pool.bind((self.batch_size, *self.shape))

    @property
    def streams(self) -> int:
        """How many calls at once it is fastest with."""
        return self._pool.streams

    @property
    def proof(self) -> str:
        """What was shown of where its nodes run, in brackets; "" on ONNX Runtime's CPU provider."""
        return f" ({self._pool.proof})" if self._pool.proof else ""

    def __call__(self, batch: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """(N, H, W, 3) uint8 to `rows` in the trunk's own precision."""
        import ml_dtypes  # noqa: F401  # NumPy knows bfloat16 by it

        return {"rows": self._pool.run(batch)[FEATURES].astype(self._arguments[-1])}

    def __reduce__(self) -> tuple[Any, tuple[bytes, str, str, str]]:
        return Exported, self._arguments
