"""A classifier's predictions of every image of its dataset: one row per image, checked when written and read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from frostline import arrow
from frostline.errors import FrostlineError, first_line
from frostline.files import writing

SPLITS = ("train", "validation", "test")
SUM_TOLERANCE = 1e-4  # float32 softmax over 1000 classes strays by about 1e-6


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of N images over C classes; every path stands once.

    `labels` (N,) int64 in 0..C-1; `probs` (N, C) float32, each row sums to 1; `ids` are the hex
    SHA-256 of the images' bytes. FrostlineError says which row breaks this, and how.
    """

    classes: tuple[str, ...]
    paths: tuple[str, ...]
    ids: tuple[str, ...]
    splits: tuple[str, ...]
    labels: np.ndarray
    probs: np.ndarray

    def __post_init__(self) -> None:
        for problems in (_shape_problems, _name_problems, _value_problems):
            if problem := next(problems(self), ""):
                raise FrostlineError(f"predictions: {problem}")

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def predicted(self) -> np.ndarray:
        """(N,) int64: the most probable class, the first of equals."""
        return np.asarray(self.probs.argmax(axis=1))

    @cached_property
    def right(self) -> np.ndarray:
        """(N,) bool: predicted the actual class."""
        return np.asarray(self.predicted == self.labels)

    @cached_property
    def confidence(self) -> np.ndarray:
        """(N,) float32: the probability of the predicted class."""
        return np.asarray(self.probs.max(axis=1))

    def most_confident_errors(self, count: int) -> np.ndarray:
        """Positions ((M,) int, M ≤ count) of the errors, most confident first; path breaks ties."""
        wrong = np.flatnonzero(~self.right)
        ordered = sorted(wrong, key=lambda row: (-self.probs[row].max(), self.paths[row]))
        return np.array(ordered[:count], dtype=np.int64)

    def least_confident(self, count: int) -> np.ndarray:
        """Positions ((M,) int) where the two most probable classes are nearest to each other, nearest first."""
        two = np.sort(self.probs, axis=1)[:, -2:]
        margin = two[:, 1] - two[:, 0]
        return np.array(
            sorted(range(len(self)), key=lambda row: (margin[row], self.paths[row]))[:count], dtype=np.int64
        )

    def split(self, name: str) -> "Predictions":
        """The rows of one split, in the same order."""
        rows = np.flatnonzero(np.array(self.splits, dtype=object) == name)
        return self.take(rows)

    def take(self, rows: np.ndarray) -> "Predictions":
        """The rows at these positions ((M,) int), in this order."""
        paths, ids, splits = (
            tuple(column[row] for row in rows) for column in (self.paths, self.ids, self.splits)
        )
        return Predictions(
            classes=self.classes,
            paths=paths,
            ids=ids,
            splits=splits,
            labels=self.labels[rows],
            probs=self.probs[rows],
        )


def write(predictions: Predictions, path: Path) -> None:
    """Write as Parquet; the same predictions give the same bytes."""
    table = pa.table(
        {
            "path": pa.array(predictions.paths, pa.string()),
            "sha256": pa.array(predictions.ids, pa.string()),
            "split": pa.array(predictions.splits, pa.string()),
            "label": pa.array(predictions.labels, pa.int32()),
            "probs": pa.FixedSizeListArray.from_arrays(
                pa.array(predictions.probs.reshape(-1), pa.float32()), len(predictions.classes)
            ),
        }
    )
    metadata = {b"classes": json.dumps(predictions.classes, ensure_ascii=False).encode()}
    with writing(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, compression="zstd")


def read(path: Path, *, made_by: str, content: bytes | None = None) -> Predictions:
    """Read and check a predictions file; any trouble is an error naming the stage to run again.

    With `content`, of those bytes, which stood at `path` elsewhere.
    """
    try:
        return _from_table(arrow.read_parquet(path if content is None else content))
    except FileNotFoundError:
        raise FrostlineError(f"{path} is missing; run `{made_by}`") from None
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise FrostlineError(
            f"{path} is not a predictions file ({first_line(error)}); run `{made_by}` again"
        ) from None
    except FrostlineError as error:
        raise FrostlineError(f"{path}: {error}; run `{made_by}` again") from None


def _from_table(table: pa.Table) -> Predictions:
    classes = tuple(json.loads((table.schema.metadata or {})[b"classes"]))
    probs = table["probs"].combine_chunks()
    if probs.type != pa.list_(pa.float32(), len(classes)) or probs.null_count:
        raise ValueError(f"probs are {probs.type}, not {len(classes)} float32 for each row")
    return Predictions(
        classes=classes,
        paths=tuple(table["path"].to_pylist()),
        ids=tuple(table["sha256"].to_pylist()),
        splits=tuple(table["split"].to_pylist()),
        labels=table["label"].to_numpy().astype(np.int64),
        probs=probs.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(classes)),
    )


def _shape_problems(table: Predictions) -> Iterator[str]:
    rows, classes = len(table.paths), len(table.classes)
    if classes < 2:
        yield f"{classes} class is nothing to choose between; at least 2 are needed"
    if len(set(table.classes)) != classes:
        yield "class names repeat"
    if {len(table.ids), len(table.splits)} != {rows} or table.labels.shape != (rows,):
        yield f"columns differ in length ({rows} paths, {len(table.labels)} labels)"
    if table.probs.shape != (rows, classes):
        yield f"probabilities have shape {table.probs.shape}, expected ({rows}, {classes})"
    if table.labels.dtype != np.int64 or table.probs.dtype != np.float32:
        yield f"labels are {table.labels.dtype} and probs {table.probs.dtype}, not int64 and float32"


def _name_problems(table: Predictions) -> Iterator[str]:
    if len(set(table.paths)) != len(table.paths):
        seen: set[str] = set()
        repeated = next(path for path in table.paths if path in seen or seen.add(path))  # type: ignore[func-returns-value]
        yield f"'{repeated}' stands more than once"
    if unknown := set(table.splits) - set(SPLITS):
        yield f"unknown split {min(map(repr, unknown))}; known: {', '.join(SPLITS)}"


def _value_problems(table: Predictions) -> Iterator[str]:
    def first(wrong: Any) -> str:
        return f"row {wrong.argmax()} ('{table.paths[wrong.argmax()]}')"

    outside = (table.labels < 0) | (table.labels >= len(table.classes))
    if outside.any():
        label = table.labels[outside.argmax()]
        yield f"{first(outside)} has label {label}, outside 0..{len(table.classes) - 1}"
    infinite = ~np.isfinite(table.probs).all(axis=1)
    if infinite.any():
        what = "has probabilities that are not finite (training diverged; lower the learning rate)"
        yield f"{first(infinite)} {what}"
    negative = (table.probs < 0).any(axis=1)
    if negative.any():
        yield f"{first(negative)} has a negative probability"
    sums = table.probs.sum(axis=1, dtype=np.float64)
    astray = np.abs(sums - 1) > SUM_TOLERANCE
    if astray.any():
        yield f"{first(astray)} has probabilities that sum to {sums[astray.argmax()]:.6g}, not 1"
