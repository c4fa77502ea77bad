"""Blocks of images and outputs as rows of the score table."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from frostline.features.executor import Block
from frostline.runtime import answers
from frostline.scoring.drift_stats import IMAGE_STATS, project

SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # ok | abstained | unknown | error
        ("error", pa.string()),
        ("label", pa.string()),
        ("prob", pa.float32()),
        ("topk_labels", pa.list_(pa.string())),
        ("topk_probs", pa.list_(pa.float32())),
        ("probs", pa.list_(pa.float32())),  # in the order of the contract's classes
        pa.field("model", pa.string(), nullable=False),  # sha256 of the model's bytes
    ]
)
UNKNOWN = pa.field("unknown", pa.float32())  # 0..1, of models that tell it
PREDICTION_SET = pa.field(
    "prediction_set", pa.list_(pa.string())
)  # most probable first, only where asked for
FEATURES = pa.field("features", pa.list_(pa.float32()))  # flat, only where asked for
DRIFT = [  # where a job is compared with its model's test images
    ("height", pa.int32()),  # as a viewer shows it, as width
    ("width", pa.int32()),
    ("brightness", pa.float32()),
    ("sharpness", pa.float32()),
    ("embedding", pa.list_(pa.float32())),  # features on a few fixed directions; null where there are none
]
FINGERPRINT = "fingerprint"  # a column beside these while a job runs: the file as it was
NOT_FINITE = "the model gave no finite probabilities"


def schema(
    *, features: bool, drift: bool = False, unknown: bool = False, prediction_set: bool = False
) -> pa.Schema:
    """The columns of an output."""
    answers = [*([UNKNOWN] if unknown else []), *([PREDICTION_SET] if prediction_set else [])]
    return pa.schema([*SCHEMA, *answers, *([FEATURES] if features else []), *(DRIFT if drift else [])])


@dataclass(frozen=True)
class Scorer:
    """What turns a block into rows: class names in order, how many to rank, the model's hash.

    A best probability below `min_confidence` gives no label (status `abstained`), and neither does an image that is
    as far from the training images as the share `reject` of images like them (status `unknown`); their ranks stay.
    `tells_unknown`: the model gives `unknown`. The classes from the probability `set_from` on are the prediction set.
    """

    classes: tuple[str, ...]
    top_k: int
    model: str
    min_confidence: float = 0.0
    features: bool = False
    drift: bool = False
    tells_unknown: bool = False
    reject: float | None = None
    set_from: float | None = None

    @property
    def schema(self) -> pa.Schema:
        """The columns of its tables."""
        return schema(
            features=self.features,
            drift=self.drift,
            unknown=self.tells_unknown,
            prediction_set=self.set_from is not None,
        )

    def table(self, block: Block) -> pa.Table:
        """One row per item, in order; rows with an error hold null in place of scores."""
        probs = self._probs(block)
        finite = np.isfinite(probs).all(axis=1)
        errors = [
            error or ("" if good else NOT_FINITE) for error, good in zip(block.errors, finite, strict=True)
        ]
        ok = np.array([not error for error in errors], dtype=bool)
        known = ok & ~self._rejected(block)
        sure = known & (probs.max(axis=1) >= np.float32(self.min_confidence))
        status = np.select([sure, known, ok], ["ok", "abstained", "unknown"], "error")
        columns = [
            pa.array(block.names, pa.string()),
            pa.array(status, pa.string()),
            pa.array([error or None for error in errors], pa.string()),
            *self._scores(probs[ok], ok, sure),
            pa.array([self.model] * len(ok), pa.string()),
        ]
        if self.tells_unknown:
            columns.append(pa.array(self._unknown(block), pa.float32(), mask=~ok))
        if self.set_from is not None:
            columns.append(self._sets(probs[ok], ok, self.set_from))
        if self.features:
            columns.append(self._features(block, ok))
        if self.drift:
            columns += self._drift(block, ok)
        return pa.table(columns, schema=self.schema)

    def _unknown(self, block: Block) -> np.ndarray:
        """(rows,) float32: the share of images like the training ones that are nearer to them."""
        nothing = np.zeros(len(block.names), np.float32)
        return block.outputs.get("unknown", nothing).astype(np.float32, copy=False)

    def _rejected(self, block: Block) -> np.ndarray:
        """(rows,) bool: unlike the training images."""
        if self.reject is None:
            return np.zeros(len(block.names), bool)
        return np.asarray(answers.rejects(self._unknown(block), self.reject))

    def _sets(self, probs: np.ndarray, ok: np.ndarray, threshold: float) -> pa.Array:
        """The classes of each image's set, most probable first."""
        order = np.argsort(-probs, axis=1, kind="stable")
        members = np.take_along_axis(answers.members(probs, threshold), order, axis=1)
        names = pa.array(self.classes, pa.string()).take(pa.array(order[members]))
        counts = np.zeros(len(ok), np.int64)
        counts[ok] = members.sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        return pa.ListArray.from_arrays(pa.array(offsets), names, mask=pa.array(~ok))

    def _features(self, block: Block, ok: np.ndarray) -> pa.Array:
        """What the network saw at the frost line, one flat list per row."""
        values = block.outputs.get("features", np.zeros((len(ok), 0), np.float32))
        flat = values.reshape(len(ok), -1)[ok].astype(np.float32, copy=False)
        return _lists(pa.array(flat.ravel()), width=flat.shape[1], ok=ok)

    def _drift(self, block: Block, ok: np.ndarray) -> list[pa.Array]:
        """Columns height to embedding."""
        nothing = np.zeros(len(ok), np.float32)
        stats = [
            pa.array(block.outputs.get(name, nothing), mask=~ok).cast(kind)
            for name, (_, kind) in zip(IMAGE_STATS, DRIFT, strict=False)
        ]
        features = block.outputs.get("features")
        if features is None:
            return [*stats, pa.nulls(len(ok), DRIFT[-1][1])]
        embedding = project(features[ok])
        return [*stats, _lists(pa.array(embedding.ravel()), width=embedding.shape[1], ok=ok)]

    def _probs(self, block: Block) -> np.ndarray:
        """(rows, C) float32; a block that never met the network has zeros."""
        nothing = np.zeros((len(block.names), len(self.classes)), np.float32)
        return block.outputs.get("probs", nothing).astype(np.float32, copy=False)

    def _scores(self, probs: np.ndarray, ok: np.ndarray, sure: np.ndarray) -> list[pa.Array]:
        """Columns label to probs for all rows, from the (n, C) probabilities of the good ones."""
        # Stable: among equal probabilities the class that comes first in the contract wins.
        order = np.argsort(-probs, axis=1, kind="stable")[:, : self.top_k]
        ranked = np.take_along_axis(probs, order, axis=1)
        names = pa.array(self.classes, pa.string())
        labels = _lists(names.take(pa.array(order.ravel())), width=order.shape[1], ok=ok)
        place = np.where(ok, np.cumsum(ok) - 1, 0)  # each row's in `probs`
        first = pa.array(place, mask=~ok)
        return [
            names.take(pa.array(order[:, 0])).take(pa.array(place, mask=~sure)),
            pa.array(ranked[:, 0], pa.float32()).take(first),
            labels,
            _lists(pa.array(ranked.ravel(), pa.float32()), width=ranked.shape[1], ok=ok),
            _lists(pa.array(probs.ravel(), pa.float32()), width=probs.shape[1], ok=ok),
        ]


def _lists(values: pa.Array, *, width: int, ok: np.ndarray) -> pa.ListArray:
    """Rows of `width` values where `ok`, null elsewhere."""
    offsets = np.concatenate([[0], np.cumsum(ok) * width]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~ok))
