"""The engine's blocks as rows of the score table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from frostline.engine.local import Block

SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # ok | error
        ("error", pa.string()),
        ("label", pa.string()),
        ("prob", pa.float32()),
        ("topk_labels", pa.list_(pa.string())),
        ("topk_probs", pa.list_(pa.float32())),
        ("probs", pa.list_(pa.float32())),  # in the order of the contract's classes
        pa.field("model", pa.string(), nullable=False),  # sha256 of the model's bytes
    ]
)
NOT_FINITE = "the model gave no finite probabilities"


@dataclass(frozen=True)
class Scorer:
    """What turns a block into rows: class names in order, how many to rank, the model's hash."""

    classes: tuple[str, ...]
    top_k: int
    model: str

    def table(self, block: Block) -> pa.Table:
        """One row per item, in order; rows with an error hold null in place of scores."""
        probs = self._probs(block)
        finite = np.isfinite(probs).all(axis=1)
        errors = [
            error or ("" if good else NOT_FINITE) for error, good in zip(block.errors, finite, strict=True)
        ]
        ok = np.array([not error for error in errors], dtype=bool)
        columns = [
            pa.array(block.names, pa.string()),
            pa.array(np.where(ok, "ok", "error"), pa.string()),
            pa.array([error or None for error in errors], pa.string()),
            *self._scores(probs[ok], ok),
            pa.array([self.model] * len(ok), pa.string()),
        ]
        return pa.table(columns, schema=SCHEMA)

    def _probs(self, block: Block) -> np.ndarray:
        """(rows, C) float32; a block that never met the network has zeros."""
        nothing = np.zeros((len(block.names), len(self.classes)), np.float32)
        return block.outputs.get("probs", nothing).astype(np.float32, copy=False)

    def _scores(self, probs: np.ndarray, ok: np.ndarray) -> list[pa.Array]:
        """Columns label to probs for all rows, from the (n, C) probabilities of the good ones."""
        # Stable: among equal probabilities the class that comes first in the contract wins.
        order = np.argsort(-probs, axis=1, kind="stable")[:, : self.top_k]
        ranked = np.take_along_axis(probs, order, axis=1)
        names = pa.array(self.classes, pa.string())
        labels = _lists(names.take(pa.array(order.ravel())), width=order.shape[1], ok=ok)
        first = pa.array(np.where(ok, np.cumsum(ok) - 1, 0), mask=~ok)  # each row's place in `probs`
        return [
            names.take(pa.array(order[:, 0])).take(first),
            pa.array(ranked[:, 0], pa.float32()).take(first),
            labels,
            _lists(pa.array(ranked.ravel(), pa.float32()), width=ranked.shape[1], ok=ok),
            _lists(pa.array(probs.ravel(), pa.float32()), width=probs.shape[1], ok=ok),
        ]


def _lists(values: pa.Array, *, width: int, ok: np.ndarray) -> pa.ListArray:
    """Rows of `width` values where `ok`, null elsewhere."""
    offsets = np.concatenate([[0], np.cumsum(ok) * width]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~ok))
