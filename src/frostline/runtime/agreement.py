"""The proof that an exported model gives the trained network's probabilities, made before it gets its name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from frostline.errors import FrostlineError
from frostline.models.neighbours import Neighbours
from frostline.runtime import conversion, pool, sessions
from frostline.runtime.contract import FEATURES, PROBS, UNKNOWN
from frostline.runtime.sessions import Session

# Largest difference of any probability. Seen: 1e-7 to 8e-6 in float32; a change of one weight that
# could change an answer is far above.
TOLERANCE = 5e-5
ODD_BATCH, SINGLES, CHUNK = 7, 8, 256
WHOLE = 2  # images that the whole graph is run on where what its trunk gives of them all is known

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


def prove(  # noqa: PLR0913  # a model, and what a network says of two kinds of rows
    model: bytes,
    *,
    pixels: npt.NDArray[np.uint8],
    pixel_probs: Floats,
    features: SlicedRows | None,
    probs: Floats,
    head: bytes | None = None,
    kept: Mapping[str, Floats] | None = None,
) -> Agreement:
    """Compare a model's bytes with the network's own probabilities; FrostlineError where they disagree.

    The whole graph runs on `pixels` (n, H, W, 3) in batches of 7 and of 1; its part above the frost
    line, `head` (cut out of the model where it is not given), runs on every row of `features` (None where nothing was
    frozen), against `probs`. What the trunk gives of `pixels` is put into the rows of `kept`, one for each image; where
    it is there already (no NaN), from the same trunk below another head, the head runs on it, and the whole graph
    on the first images alone.
    """
    session = sessions.open_session(model, device="cpu", features=kept is not None)
    upper = _above(head or conversion.upper(model)) if features is not None else None
    known = kept is not None and not unknown(kept["alone"][:WHOLE]).all()
    batched = _probs(session, upper, pixels, ODD_BATCH, kept, "batched")
    alone = _probs(session, upper, pixels[:SINGLES], 1, kept, "alone")
    if known:
        alone[:WHOLE] = _batches(lambda some: session.run(some)[PROBS], pixels[:WHOLE], 1)
    whole = max(_difference(batched, pixel_probs), _difference(alone, pixel_probs[: len(alone)]))
    above = _difference(_batches(upper, features, CHUNK), probs) if upper and features is not None else 0.0
    result = Agreement(TOLERANCE, len(pixels), whole, len(features) if features is not None else 0, above)
    _require(result)
    return result


def _above(head: bytes) -> Callable[[npt.NDArray[np.float32]], Floats]:
    """Probabilities of features by the part above the frost line."""
    run = pool.on_cpu(head)
    return lambda rows: np.asarray(run(rows)[PROBS])


def _probs(  # noqa: PLR0913  # who computes what of which images, and where it is kept
    session: Session,
    upper: Callable[[npt.NDArray[np.float32]], Floats] | None,
    pixels: npt.NDArray[np.uint8],
    size: int,
    kept: Mapping[str, Floats] | None,
    name: str,
) -> Floats:
    """Probabilities of images in batches of a size: by the head where the trunk's rows are kept, else by the whole."""
    if upper is None or kept is None:
        return _batches(lambda some: session.run(some)[PROBS], pixels, size)
    rows = kept[name][: len(pixels)]
    new = np.flatnonzero(unknown(rows))
    given = [session.run(pixels[new[start : start + size]]) for start in range(0, len(new), size)]
    if given:
        rows[new] = np.concatenate([outputs[FEATURES] for outputs in given])
    probs = _batches(upper, rows, size)
    if given:
        probs[new] = np.concatenate([outputs[PROBS] for outputs in given])
    return probs


def unknown(rows: Floats) -> npt.NDArray[np.bool_]:
    """(n,) which rows hold a NaN: nothing is known of these images."""
    return np.asarray(np.isnan(rows).any(axis=1))


def prove_unknown(head: bytes, neighbours: Neighbours, features: SlicedRows) -> Floats:
    """(N,) `unknown` of a model's head for rows of features; FrostlineError where it is not what was fitted.

    A similarity that equals a held-out one but for its last bits may count or not: two steps are allowed.
    """
    upper = pool.on_cpu(head)
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
