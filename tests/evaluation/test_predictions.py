"""Predictions: what passes, what is refused in which words, and stable bytes."""

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.errors import FrostlineError
from frostline.evaluation import predictions
from helpers.results import rows

GOOD = rows([0, 1, 2, 1], [0, 1, 1, 1])


def probs(*changes: tuple[int, list[float]]) -> np.ndarray:
    """GOOD's probabilities with some rows replaced."""
    changed = GOOD.probs.copy()
    for row, values in changes:
        changed[row] = values
    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"paths": ("a", "b", "a", "c")}, "'a' stands more than once"),
        ({"splits": ("test", "test", "dev", "test")}, "unknown split 'dev'; known: train, validation, test"),
        ({"labels": np.array([0, 1, 3, 1])}, "row 2 ('élan/test-2.png') has label 3, outside 0..2"),
        ({"labels": np.array([0, -1, 2, 1])}, "row 1 ('dog/test-1.png') has label -1, outside 0..2"),
        ({"labels": np.array([0, 1, 2])}, "columns differ in length (4 paths, 3 labels)"),
        ({"ids": ("x",)}, "columns differ in length"),
        ({"labels": np.array([0, 1, 2, 1], np.int32)}, "labels are int32"),
        ({"probs": GOOD.probs.astype(np.float64)}, "probs float64, not int64 and float32"),
        ({"probs": GOOD.probs[:, :2]}, "shape (4, 2), expected (4, 3)"),
        (
            {"probs": probs((1, [0.5, 0.5, 0.01]))},
            "row 1 ('dog/test-1.png') has probabilities that sum to 1.01",
        ),
        ({"probs": probs((3, [0.5, 0.4998, 0.0]))}, "sum to 0.9998, not 1"),
        ({"probs": probs((3, [1.5, -0.5, 0.0]))}, "row 3 ('dog/test-3.png') has a negative probability"),
        (
            {"probs": probs((0, [np.nan, 0.5, 0.5]))},
            "row 0 ('cat/test-0.png') has probabilities that are not finite",
        ),
        ({"probs": probs((0, [np.inf, 0, 0]))}, "training diverged"),
        ({"classes": ("a", "b", "a")}, "class names repeat"),
        ({"classes": ("a",), "probs": np.ones((4, 1), np.float32)}, "1 class is nothing to choose between"),
    ],
)
def test_refused(change: dict[str, object], message: str) -> None:
    """Every broken promise is named, with its row."""
    with pytest.raises(FrostlineError) as caught:
        dataclasses.replace(GOOD, **change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_sums_within_tolerance_pass() -> None:
    """float32's rounding is no error: 1e-4 is the line."""
    dataclasses.replace(GOOD, probs=probs((0, [0.50009, 0.5, 0.0])))


def test_predicted_and_right() -> None:
    """The most probable class wins, the first of equals."""
    assert GOOD.predicted.tolist() == [0, 1, 1, 1]
    assert GOOD.right.tolist() == [True, True, False, True]
    tied = dataclasses.replace(GOOD, probs=probs((0, [0.2, 0.4, 0.4])))
    assert tied.predicted[0] == 1


def test_columns_of_answers_are_found_once() -> None:
    """Whoever asks for each of many rows passes over all of them once."""
    made = dataclasses.replace(GOOD)
    for column in ("predicted", "right", "confidence"):
        assert getattr(made, column) is getattr(made, column)


def test_split_keeps_order_and_all_columns() -> None:
    """A split's rows are exactly those named, in the file's order."""
    mixed = dataclasses.replace(GOOD, splits=("train", "test", "train", "test"))
    part = mixed.split("train")
    assert part.paths == (GOOD.paths[0], GOOD.paths[2])
    assert part.ids == (GOOD.ids[0], GOOD.ids[2])
    assert part.labels.tolist() == [0, 2]
    np.testing.assert_array_equal(part.probs, GOOD.probs[[0, 2]])
    assert len(mixed.split("validation")) == 0


@given(
    labels=st.lists(st.integers(0, 3), max_size=30),
    names=st.lists(
        st.text(min_size=1, max_size=8).filter(str.isprintable), min_size=4, max_size=4, unique=True
    ),
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, labels: list[int], names: list[str]) -> None:
    """What is written is read back, whatever the classes are called, no rows included."""
    path = tmp_path_factory.mktemp("round") / "p.parquet"
    written = rows(labels, labels[::-1], classes=names)
    predictions.write(written, path)
    found = predictions.read(path, made_by="x")
    for field in ("classes", "paths", "ids", "splits"):
        assert getattr(found, field) == getattr(written, field)
    np.testing.assert_array_equal(found.labels, written.labels)
    np.testing.assert_array_equal(found.probs, written.probs)


def test_file_layout(tmp_path) -> None:
    """The columns that others read: types, and the classes in the metadata."""
    predictions.write(GOOD, tmp_path / "p.parquet")
    schema = pq.read_schema(tmp_path / "p.parquet")
    assert schema.names == ["path", "sha256", "split", "label", "probs"]
    assert schema.field("label").type == pa.int32()
    assert schema.field("probs").type == pa.list_(pa.float32(), 3)
    assert json.loads(schema.metadata[b"classes"]) == ["cat", "dog", "élan"]


def test_missing_names_the_stage(tmp_path) -> None:
    """A missing file is answered with the command that makes it."""
    with pytest.raises(FrostlineError, match=r"p\.parquet is missing; run `dvc repro train@x`"):
        predictions.read(tmp_path / "p.parquet", made_by="dvc repro train@x")


def _without_metadata() -> pa.Table:
    return pa.table({"path": ["a"]})


def _wrong_width() -> pa.Table:
    table = pa.table({"probs": pa.FixedSizeListArray.from_arrays(pa.array([0.5, 0.5], pa.float32()), 2)})
    return table.replace_schema_metadata({"classes": '["a", "b", "c"]'})


def _with_null() -> pa.Table:
    probs_ = pa.array([None], pa.list_(pa.float32(), 2))
    return pa.table({"probs": probs_}).replace_schema_metadata({"classes": '["a", "b"]'})


@pytest.mark.parametrize("table", [_without_metadata(), _wrong_width(), _with_null()])
def test_other_parquet_refused(tmp_path, table: pa.Table) -> None:
    """A Parquet file of another kind is one line, not a traceback."""
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(FrostlineError, match="is not a predictions file") as caught:
        predictions.read(tmp_path / "p.parquet", made_by="again")
    assert "\n" not in str(caught.value)


def test_garbage_refused(tmp_path) -> None:
    """Bytes that are no Parquet at all."""
    (tmp_path / "p.parquet").write_bytes(b"<!DOCTYPE html>")
    with pytest.raises(FrostlineError, match="run `again` again"):
        predictions.read(tmp_path / "p.parquet", made_by="again")


def test_duplicated_rows_in_a_file_refused(tmp_path) -> None:
    """The check holds on the way in too, not only when training writes."""
    predictions.write(GOOD, tmp_path / "p.parquet")
    table = pq.read_table(tmp_path / "p.parquet")
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), tmp_path / "p.parquet")
    with pytest.raises(FrostlineError, match=r"'cat/test-0\.png' stands more than once; run `t` again"):
        predictions.read(tmp_path / "p.parquet", made_by="t")


def test_surest_mistakes() -> None:
    """Wrong rows only, the most probable mistake first."""
    table = rows([0, 1, 2, 1, 0], [1, 1, 1, 0, 0])
    assert table.most_confident_errors(9).tolist() == [0, 2, 3]
    assert table.most_confident_errors(2).tolist() == [0, 2]
    assert rows([0, 1], [0, 1]).most_confident_errors(9).tolist() == []


def test_least_sure() -> None:
    """Rows whose two best classes are nearest to each other come first, right or wrong."""
    table = rows([0, 1, 2, 1, 0], [1, 1, 1, 0, 0])
    assert table.least_confident(9).tolist() == [4, 3, 2, 1, 0]
    assert table.least_confident(2).tolist() == [4, 3]


def test_ties_go_by_path() -> None:
    """Equal probabilities are ordered by name, not by chance."""
    table = rows([0, 0, 0], [1, 1, 1])
    even = dataclasses.replace(
        table, probs=np.full((3, 3), [0.1, 0.8, 0.1], np.float32), paths=("c", "a", "b")
    )
    assert even.most_confident_errors(9).tolist() == [1, 2, 0]
    assert even.least_confident(9).tolist() == [1, 2, 0]
