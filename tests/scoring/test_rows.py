"""Blocks to rows: ranks, ties, errors, and what a row may hold."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.features.local_stream import Block
from frostline.scoring.rows import NOT_FINITE, SCHEMA, Scorer

MODEL = "5" * 64
CLASSES = ("b", "a", "c")


def block(probs: list[list[float]], errors: tuple[str, ...] | None = None) -> Block:
    """A block of as many items as rows."""
    names = tuple(f"{row}.png" for row in range(len(probs)))
    outputs = {"probs": np.array(probs, np.float32), "features": np.ones((len(probs), 9), np.float32)}
    return Block(0, names, errors or ("",) * len(probs), outputs)


def test_a_scored_row() -> None:
    """Every column of a good row, labels from the best down."""
    [row] = Scorer(CLASSES, 2, MODEL).table(block([[0.25, 0.625, 0.125]])).to_pylist()
    assert row == {
        "path": "0.png",
        "status": "ok",
        "error": None,
        "label": "a",
        "prob": 0.625,
        "topk_labels": ["a", "b"],
        "topk_probs": [0.625, 0.25],
        "probs": [0.25, 0.625, 0.125],
        "model": MODEL,
    }


def test_error_rows_hold_null_and_keep_their_place() -> None:
    """Errors first, between and last: the others keep their own scores."""
    errors = ("empty file", "", "truncated JPEG", "", "empty file")
    probs = [[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0.25, 0.75], [0, 0, 0]]
    rows = Scorer(CLASSES, 1, MODEL).table(block(probs, errors)).to_pylist()
    assert [row["status"] for row in rows] == ["error", "ok", "error", "ok", "error"]
    assert [row["error"] for row in rows] == ["empty file", None, "truncated JPEG", None, "empty file"]
    assert [row["label"] for row in rows] == [None, "a", None, "c", None]
    assert [row["prob"] for row in rows] == [None, 1, None, 0.75, None]
    assert [row["topk_labels"] for row in rows] == [None, ["a"], None, ["c"], None]
    assert [row["probs"] for row in rows] == [None, [0, 1, 0], None, [0, 0.25, 0.75], None]
    assert {row["model"] for row in rows} == {MODEL}


def test_a_block_that_never_met_the_network() -> None:
    """All unreadable: no outputs, rows all the same."""
    table = Scorer(CLASSES, 2, MODEL).table(Block(7, ("x", "y"), ("empty file", "gone"), {}))
    assert table.schema == SCHEMA
    assert table["error"].to_pylist() == ["empty file", "gone"]
    assert table["probs"].to_pylist() == [None, None]


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_probabilities_that_are_no_numbers_are_errors(odd: float) -> None:
    """A network that overflows must not be ranked."""
    rows = Scorer(CLASSES, 2, MODEL).table(block([[0.5, 0.25, 0.25], [odd, 0, 0]])).to_pylist()
    assert [(row["status"], row["error"], row["label"]) for row in rows] == [
        ("ok", None, "b"),
        ("error", NOT_FINITE, None),
    ]


def test_ties_go_to_the_class_that_comes_first() -> None:
    """The order of equal probabilities is the contract's, on every machine."""
    [row] = Scorer(CLASSES, 3, MODEL).table(block([[0.25, 0.25, 0.5]])).to_pylist()
    assert row["topk_labels"] == ["c", "b", "a"]


@given(
    data=st.data(),
    count=st.integers(1, 6),
    classes=st.integers(2, 7),
    top_k=st.integers(1, 9),
)
def test_ranks_agree_with_sorting(data: st.DataObject, count: int, classes: int, top_k: int) -> None:
    """Whatever the probabilities: the table is whole, ranked, and top_k never exceeds the classes."""
    level = st.lists(st.integers(0, 8), min_size=classes, max_size=classes)
    probs = data.draw(st.lists(level, min_size=count, max_size=count))
    errors = tuple(data.draw(st.lists(st.sampled_from(["", "bad"]), min_size=count, max_size=count)))
    names = tuple(f"class {number}" for number in range(classes))
    table = Scorer(names, top_k, MODEL).table(block(probs, errors))  # type: ignore[arg-type]
    table.validate(full=True)
    assert isinstance(table, pa.Table)
    for row, values, error in zip(table.to_pylist(), probs, errors, strict=True):
        if error:
            assert row["topk_labels"] is None
            continue
        best = sorted(range(classes), key=lambda place: -values[place])[:top_k]
        assert row["topk_labels"] == [names[place] for place in best]
        assert row["topk_probs"] == [values[place] for place in best]
        assert (row["label"], row["prob"]) == (row["topk_labels"][0], row["topk_probs"][0])


def test_images_unlike_the_training_ones_have_no_label() -> None:
    """At 0.05 those further than 95% of images like the training ones are unknown; their ranks stay."""
    made = block([[0.2, 0.7, 0.1]] * 4, ("", "", "", "gone"))
    made.outputs["unknown"] = np.array([0.2, 0.949, 0.951, 0.0], np.float32)
    table = Scorer(CLASSES, 1, MODEL, tells_unknown=True, reject=0.05, min_confidence=0.5).table(made)
    assert table["status"].to_pylist() == ["ok", "ok", "unknown", "error"]
    assert table["label"].to_pylist() == ["a", "a", None, None]
    assert table["unknown"].to_pylist() == pytest.approx([0.2, 0.949, 0.951, None])
    assert table["topk_labels"].to_pylist() == [["a"], ["a"], ["a"], None]
    unsure = Scorer(CLASSES, 1, MODEL, tells_unknown=True, reject=0.05, min_confidence=0.9).table(made)
    assert unsure["status"].to_pylist() == ["abstained", "abstained", "unknown", "error"]


def test_unknown_is_a_column_without_the_option() -> None:
    """A model that tells it is listened to; nothing is rejected unasked."""
    made = block([[0.2, 0.7, 0.1]])
    made.outputs["unknown"] = np.array([1.0], np.float32)
    [row] = Scorer(CLASSES, 1, MODEL, tells_unknown=True).table(made).to_pylist()
    assert (row["status"], row["unknown"]) == ("ok", 1.0)


def test_prediction_sets_are_named_from_the_best_down() -> None:
    """The classes from the threshold on, and the best one always; none for an error."""
    made = block([[0.3, 0.6, 0.1], [0.45, 0.1, 0.45], [0.34, 0.33, 0.33], [0, 0, 0]], ("", "", "", "gone"))
    table = Scorer(CLASSES, 1, MODEL, set_from=0.35).table(made)
    assert table["prediction_set"].to_pylist() == [["a"], ["b", "c"], ["b"], None]
    assert table.schema.names[-2:] == ["model", "prediction_set"]
