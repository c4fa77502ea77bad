"""The proof that an exported model gives the trained network's probabilities, made before it gets its name."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from frostline.errors import FrostlineError
from frostline.models.neighbours import Neighbours
from frostline.runtime import conversion, pool, sessions
from frostline.runtime.contract import PROBS, UNKNOWN

# Largest difference of any probability. Seen: 1e-7 to 8e-6 in float32; a change of one weight that
# could change an answer is far above.
TOLERANCE = 5e-5
ODD_BATCH, SINGLES, CHUNK = 7, 8, 256

Floats = npt.NDArray[np.float32]


class SlicedRows(Protocol):
    """Rows read by slices."""

    def __len__(self) -> int: ...
    def __getitem__(self, chosen: Any) -> npt.NDArray[Any]: ...


@dataclass(frozen=True)
class Agreement:
    """Largest absolute difference of a probability, and over how many rows it was taken."""

    tolerance: float
    images: int
    image_difference: float
    features: int
    feature_difference: float


def prove(
    model: bytes,
    *,
    pixels: npt.NDArray[np.uint8],
    pixel_probs: Floats,
    features: SlicedRows | None,
    probs: Floats,
) -> Agreement:
    """Compare a model's bytes with the network's own probabilities; FrostlineError where they disagree.

    The whole graph runs on `pixels` (n, H, W, 3) in batches of 7 and of 1; its part above the frost
    line runs on every row of `features` (None where nothing was frozen), against `probs`.
    """
    session = sessions.open_session(model, device="cpu")
    batched = _batches(lambda rows: session.run(rows)["probs"], pixels, ODD_BATCH)
    alone = _batches(lambda rows: session.run(rows)["probs"], pixels[:SINGLES], 1)
    whole = max(_difference(batched, pixel_probs), _difference(alone, pixel_probs[: len(alone)]))
    above = 0.0
    if features is not None:
        upper = pool.on_cpu(conversion.upper(model))
        above = _difference(_batches(lambda rows: upper(rows)[PROBS], features, CHUNK), probs)
    result = Agreement(TOLERANCE, len(pixels), whole, len(features) if features is not None else 0, above)
    _require(result)
    return result


def prove_unknown(model: bytes, neighbours: Neighbours, features: SlicedRows) -> Floats:
    """(N,) `unknown` of a model's bytes for rows of features; FrostlineError where it is not what was fitted.

    A similarity that equals a held-out one but for its last bits may count or not: two steps are allowed.
    """
    upper = pool.on_cpu(conversion.upper(model))
    given = _batches(lambda rows: upper(rows)[UNKNOWN], features, CHUNK)
    fitted = _batches(neighbours, features, CHUNK)
    difference, step = _difference(given, fitted), 1 / (len(neighbours.held_out) + 1)
    if not difference <= 2.01 * step:
        raise FrostlineError(
            f"the exported model's `unknown` differs from what was fitted by {difference:.2g}; no model was written, "
            "please report this"
        )
    return given


def _require(result: Agreement) -> None:
    for what, difference in (
        ("on whole images", result.image_difference),
        ("above the frost line", result.feature_difference),
    ):
        if not difference <= TOLERANCE:  # NaN does not pass
            raise FrostlineError(
                f"the exported model disagrees with the trained network {what}: a probability differs by "
                f"{difference:.2g}, allowed is {TOLERANCE:g}; no model was written, please report this"
            )


def _batches(run: Any, rows: SlicedRows, size: int) -> Floats:
    return np.concatenate([run(rows[start : start + size]) for start in range(0, len(rows), size)])


def _difference(one: Floats, other: Floats) -> float:
    """Largest absolute difference, float64; infinite where the shapes differ."""
    return float(np.abs(one.astype(np.float64) - other).max()) if one.shape == other.shape else float("inf")
