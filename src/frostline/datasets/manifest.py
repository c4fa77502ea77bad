"""The manifest: one row for every image found, with its content hash, label, split and state."""

import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from frostline import arrow
from frostline.datasets.layout import SPLITS, LabelledImages
from frostline.errors import FrostlineError
from frostline.files import printable, writing
from frostline.images import DECODE_VERSION

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("sha256", pa.string()),
        ("label", pa.int32()),
        ("split", pa.string()),
        ("height", pa.int32()),
        ("width", pa.int32()),
        ("bytes", pa.int64()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("flags", pa.string()),
    ]
)
_CHUNK = 4096  # values turned into Python's at once
_CONTENT = ("path", "sha256", "label", "split", "status")
# Columns of few values, written as a dictionary: of the others it would be as large as the column.
_REPEATED = ["split", "status", "reason", "flags"]
_GROUP = 16_384  # rows that are encoded at once


@dataclass(frozen=True)
class Split:
    """The usable images of one split in manifest order; `labels` is (N,) int64, indices into classes."""

    paths: list[str]
    ids: list[str]
    labels: np.ndarray


@dataclass(frozen=True)
class Manifest:
    """A checked dataset. `root` is the source's path as params.yaml gives it; `table` has SCHEMA.

    `split` is "" and `status` "quarantined" for rows that may not be used; `reason` says why. `flags`
    are the kinds of all findings about the image, those that it may keep too.
    """

    root: str
    classes: tuple[str, ...]
    table: pa.Table
    decode: str = DECODE_VERSION

    def split(self, name: str) -> Split:
        """One of train, validation and test; ValueError for another name."""
        if name not in SPLITS:
            raise ValueError(f"split must be one of {', '.join(SPLITS)}; is {name!r}")
        rows = self.table.filter(pc.equal(self.table["split"], name))
        return Split(
            paths=rows["path"].to_pylist(),
            ids=rows["sha256"].to_pylist(),
            labels=rows["label"].to_numpy().astype(np.int64),
        )

    def sizes(self, name: str) -> np.ndarray:
        """(N, 2) height and width in pixels, as they were found, of a split's images in manifest order."""
        rows = self.table.filter(pc.equal(self.table["split"], name))
        return np.stack([rows[side].to_numpy() for side in ("height", "width")], axis=1)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of rows, classes and decoder, whatever the root and Parquet's encoding."""
        state = hashlib.sha256(json.dumps([self.classes, self.decode, self.table.num_rows]).encode())
        for column in _CONTENT:
            # Paths hold no NUL and the other columns are ours, so that joining is unambiguous.
            for some in _chunks(self.table[column]):
                state.update("".join(f"{text}\0" for text in some).encode())
            state.update(b"\0" * (not self.table.num_rows) + b"\n")
        return state.hexdigest()

    def row(self, number: int) -> dict[str, Any]:
        """One row by column names."""
        row: dict[str, Any] = self.table.slice(number, 1).to_pylist()[0]
        return row

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """(N,) whether each row may be used."""
        usable: npt.NDArray[np.bool_] = pc.equal(self.table["status"], "ok").to_numpy(zero_copy_only=False)
        return usable

    def counts(self) -> dict[str, list[int]]:
        """Split, and "" for rows in none → how many rows of each class, in the order of classes."""
        labels, splits = self.table["label"].to_numpy(), self.table["split"]
        return {
            split: np.bincount(
                labels[pc.equal(splits, split).to_numpy(zero_copy_only=False)], minlength=len(self.classes)
            ).tolist()
            for split in (*SPLITS, "")
        }


def build(
    root: str,
    labelled: LabelledImages,
    *,
    classes: Sequence[str],
    reasons: Sequence[str],
    columns: Mapping[str, Any],
) -> Manifest:
    """The manifest of images in their order; rows with a reason are quarantined and have no split.

    columns: sha256, height, width, bytes, split, and flags (kinds of findings, joined by blanks).
    """
    numbers = {name: index for index, name in enumerate(classes)}
    labels = [numbers[label] for label in labelled.column("label")]

    def rows(start: int) -> pa.Table:
        some = slice(start, start + _CHUNK)
        whole = {name: column[some] for name, column in columns.items()}
        whole |= {"path": labelled.names[some], "label": labels[some], "reason": reasons[some]}
        whole["split"] = [
            "" if why else split for split, why in zip(whole["split"], whole["reason"], strict=True)
        ]
        whole["status"] = ["quarantined" if why else "ok" for why in whole["reason"]]
        return pa.table({name: _column(whole[name], name) for name in SCHEMA.names}, schema=SCHEMA)

    chunks = [rows(start) for start in range(0, len(labelled), _CHUNK)]
    return Manifest(root, tuple(classes), pa.concat_tables(chunks or [SCHEMA.empty_table()]))


def _column(values: Any, name: str) -> Any:
    """Part of a column as Arrow takes it."""
    as_they_are = isinstance(values, pa.ChunkedArray | np.ndarray)
    return values if as_they_are else pa.array(list(values), SCHEMA.field(name).type)


def texts(column: pa.ChunkedArray) -> Iterator[str]:
    """The values of a column as text, one by one: all of them at once would be many times the column."""
    return itertools.chain.from_iterable(_chunks(column))


def _chunks(column: pa.ChunkedArray) -> Iterator[list[str]]:
    for start in range(0, len(column), _CHUNK):
        yield list(map(str, column.slice(start, _CHUNK).to_pylist()))


def write(manifest: Manifest, path: Path) -> None:
    """Write as Parquet: the same manifest, the same bytes."""
    about = {"root": manifest.root, "classes": list(manifest.classes), "decode": manifest.decode}
    table = manifest.table.replace_schema_metadata({"frostline": json.dumps(about, sort_keys=True)})
    with writing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", use_dictionary=_REPEATED, row_group_size=_GROUP)


def read(path: Path, *, content: bytes | None = None) -> Manifest:
    """Read what `write` wrote; FrostlineError where it is missing or damaged.

    content: the file's bytes at another revision; else they are read from `path`.
    """
    again = f"run `dvc repro preprocess@{path.parent.name}`"
    try:
        table = arrow.read_parquet(path if content is None else content)
        about = json.loads(table.schema.metadata[b"frostline"])
        table = table.replace_schema_metadata(None).cast(SCHEMA)
        return Manifest(about["root"], tuple(about["classes"]), table, about["decode"])
    except FileNotFoundError:
        raise FrostlineError(f"{printable(path)} is missing; {again}") from None
    except (pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise FrostlineError(f"{printable(path)} is no manifest or damaged; {again}") from error
