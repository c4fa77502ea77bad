"""The manifest: what it holds, its digest, its bytes, and reading it back."""

import dataclasses
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline.datasets import manifest as manifests
from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.datasets.manifest import SCHEMA, Manifest
from frostline.datasets.summary import report, summarize
from frostline.errors import FrostlineError
from frostline.files import sha256

PLACED = [
    LabelledImage("cats/a\nb.png", "cats", ""),
    LabelledImage("cats/caf\\xe9.png", "cats", ""),
    LabelledImage("dogs/1.png", "dogs", ""),
    LabelledImage("dogs/2.png", "dogs", ""),
]
FILES = {
    "sha256": [letter * 64 for letter in "abcd"],
    "bytes": [100, 120, 9, 90],
    "height": [31, 33, 0, 37],
    "width": [47, 41, 0, 53],
}
REASONS = ["", "", "truncated PNG", ""]
FLAGS = ["", "blurred tiny", "truncated", "tiny"]
SPLITS = ["train", "test", "train", "validation"]


def small() -> Manifest:
    columns = {**FILES, "split": SPLITS, "flags": FLAGS}
    return manifests.build(
        "data/x", LabelledImages.of(PLACED), classes=("cats", "dogs"), reasons=REASONS, columns=columns
    )


def changed(manifest: Manifest, column: str, row: int, value: object) -> Manifest:
    """The same but for one cell."""
    values = manifest.table[column].to_pylist()
    values[row] = value
    index = manifest.table.schema.get_field_index(column)
    table = manifest.table.set_column(
        index, SCHEMA.field(column), pa.array(values, SCHEMA.field(column).type)
    )
    return dataclasses.replace(manifest, table=table)


def test_rows_hold_every_image() -> None:
    """Quarantined images stay, without a split, with a reason."""
    table = small().table
    assert table.schema == SCHEMA
    assert small().classes == ("cats", "dogs")
    assert table["label"].to_pylist() == [0, 0, 1, 1]
    assert table["split"].to_pylist() == ["train", "test", "", "validation"]
    assert table["status"].to_pylist() == ["ok", "ok", "quarantined", "ok"]
    assert table["reason"].to_pylist() == ["", "", "truncated PNG", ""]
    assert table["height"].to_pylist() == [31, 33, 0, 37]
    assert table["width"].to_pylist() == [47, 41, 0, 53]


def test_a_split_is_its_usable_rows() -> None:
    """Paths, ids and labels side by side; an unknown split is a mistake in the program."""
    split = small().split("validation")
    assert (split.paths, split.ids) == (["dogs/2.png"], ["d" * 64])
    assert split.labels.dtype == np.int64
    assert split.labels.tolist() == [1]
    assert sum(len(small().split(name).paths) for name in ("train", "validation", "test")) == 3
    with pytest.raises(ValueError, match="train, validation, test"):
        small().split("")


def test_written_and_read_back(tmp_path: Path) -> None:
    """Nothing is lost, and the same manifest gives the same bytes."""
    for name in ("one", "two"):
        manifests.write(small(), tmp_path / name / "manifest.parquet")
    one, two = (tmp_path / name / "manifest.parquet" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    again = manifests.read(one)
    assert again == small()
    assert again.digest == small().digest


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (dataclasses.replace(small(), root="elsewhere/x"), True),
        (changed(small(), "height", 0, 32), True),
        (changed(small(), "path", 0, "cats/ab.png"), False),
        (changed(small(), "sha256", 0, "e" * 64), False),
        (changed(small(), "label", 0, 1), False),
        (changed(small(), "split", 0, "test"), False),
        (changed(small(), "status", 0, "quarantined"), False),
        (dataclasses.replace(small(), classes=("cats", "hogs")), False),
        (dataclasses.replace(small(), decode="frostline-3/pillow-13"), False),
        (dataclasses.replace(small(), table=small().table.slice(0, 3)), False),
        (dataclasses.replace(small(), table=small().table.take([1, 0, 2, 3])), False),
        (dataclasses.replace(small(), table=pa.concat_tables([small().table[:2], small().table[2:]])), True),
    ],
)
def test_digest_is_of_content(other: Manifest, same: bool) -> None:
    """What training could see changes it; where the data lie and how Arrow chunks them do not."""
    assert (other.digest == small().digest) is same


def absent(path: Path) -> None:
    """Nothing was ever written."""


def damaged(path: Path) -> None:
    manifests.write(small(), path)
    path.write_bytes(path.read_bytes()[:-20])


def foreign(path: Path) -> None:
    path.parent.mkdir(parents=True)
    pq.write_table(pa.table({"a": [1]}), path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (absent, "is missing"),
        (damaged, "no manifest or damaged"),
        (foreign, "no manifest or damaged"),
    ],
)
def test_unreadable_manifests_say_what_to_run(tmp_path: Path, make: object, message: str) -> None:
    """The stage that makes it is in the message."""
    path = tmp_path / "digits/manifest.parquet"
    make(path)  # type: ignore[operator]
    with pytest.raises(FrostlineError, match=message) as told:
        manifests.read(path)
    assert "run `dvc repro preprocess@digits`" in str(told.value)


def test_summary_counts_what_is_there() -> None:
    """Counts by split and class, reasons, sizes of usable images only; a report for people."""
    summary = summarize(small())
    assert summary["images"] == 3
    assert summary["splits"]["train"] == {"images": 1, "classes": {"cats": 1, "dogs": 0}}
    assert summary["sizes"] == {
        "height": {"min": 31, "median": 33, "max": 37},
        "width": {"min": 41, "median": 47, "max": 53},
        "bytes": {"min": 90, "median": 100, "max": 120},
    }
    assert summary["findings"] == {
        "blurred": {"images": 1, "quarantined": 0},
        "tiny": {"images": 2, "quarantined": 0},
        "truncated": {"images": 1, "quarantined": 1},
    }
    assert summary["quarantined"] == {
        "images": 1,
        "reasons": {"truncated PNG": 1},
        "first": [{"path": "dogs/1.png", "reason": "truncated PNG"}],
    }
    assert report("x", summary) == (
        "x: 3 images, 2 classes\n  train 1, validation 1, test 1\n  quarantined 1: truncated PNG 1\n"
        "  kept with a finding: blurred 1, tiny 2"
    )


def test_columns_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Built and read a few rows at once: rows, counts, digest and bytes of a file do not tell."""
    whole = small()
    monkeypatch.setattr(manifests, "_CHUNK", 2)
    parts = small()
    assert parts.table["path"].num_chunks > 1
    assert (parts.table, parts.digest) == (whole.table, whole.digest)
    joined = ("\0".join(map(str, whole.table[name].to_pylist())) + "\0\n" for name in manifests._CONTENT)
    about = json.dumps([whole.classes, whole.decode, whole.table.num_rows])
    assert parts.digest == sha256((about + "".join(joined)).encode())
    assert [parts.row(row) for row in range(parts.table.num_rows)] == whole.table.to_pylist()
    rows = Counter((row["split"], row["label"]) for row in whole.table.to_pylist())
    for split, counts in parts.counts().items():
        assert counts == [rows[split, label] for label in range(len(parts.classes))]
    assert parts.usable.tolist() == [row["status"] == "ok" for row in whole.table.to_pylist()]
    assert list(manifests.texts(parts.table["label"])) == [
        str(row["label"]) for row in whole.table.to_pylist()
    ]
