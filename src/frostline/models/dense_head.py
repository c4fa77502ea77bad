"""A head as plain arrays: standardisation, hidden layers and logits, computed by NumPy."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Dense:
    """A layer: rows (N, D) → rows @ `kernel` (D, U) + `bias` (U,)."""

    kernel: Floats
    bias: Floats


@dataclass(frozen=True, eq=False)
class DenseHead:
    """Features (N, D) → probabilities (N, C): (x - `mean`) * `scale`, hidden layers with a ReLU each, logits.

    `logits` has C columns, or one for two classes: the logit of the second. `mean` and `scale` (D,) are None without
    standardisation.
    """

    logits: Dense
    hidden: Sequence[Dense] = ()
    mean: Floats | None = None
    scale: Floats | None = None

    def __call__(self, rows: npt.NDArray[np.float32]) -> Floats:
        """Probabilities (N, C) float32 of features (N, D)."""
        if self.mean is not None and self.scale is not None:
            rows = (rows - self.mean) * self.scale
        for layer in self.hidden:
            rows = np.maximum(rows @ layer.kernel + layer.bias, 0)
        logits = rows @ self.logits.kernel + self.logits.bias
        if logits.shape[1] == 1:
            logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


@dataclass(eq=False)
class SolvedHead:
    """A head without Keras, for `features` numbers and so many classes, into which a solver puts its `arrays`.

    `hidden`: units of its hidden layers.
    """

    features: int
    classes: int
    hidden: Sequence[int] = ()
    arrays: DenseHead = field(init=False)

    def __post_init__(self) -> None:
        widths = [self.features, *self.hidden, 1 if self.classes == 2 else self.classes]
        *hidden, logits = (
            Dense(np.zeros((below, above), np.float32), np.zeros(above, np.float32))
            for below, above in itertools.pairwise(widths)
        )
        ones = np.ones(self.features, np.float32)
        self.arrays = DenseHead(logits, tuple(hidden), mean=0 * ones, scale=ones)

    @property
    def trainable(self) -> int:
        """Numbers that the solver finds."""
        return sum(layer.kernel.size + layer.bias.size for layer in (*self.arrays.hidden, self.arrays.logits))
