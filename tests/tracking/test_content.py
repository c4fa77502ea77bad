"""Stage outputs in MLflow's words."""

import math
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mlflow.utils.validation import _validate_metric_name

from frostline.tracking import StageOutputs, note
from frostline.tracking.content import (
    NAME_LENGTH,
    PARAM_LENGTH,
    PER_CLASS,
    epochs,
    missing,
    params,
    results,
    tags,
)  # fmt: skip
from helpers.outputs import CLASSES, metrics, record, write
from helpers.servers import gathered, project


def test_params_are_dotted_names_as_dvc_takes_them() -> None:
    """Leaves of any kind, empty mappings included, written as YAML writes them."""
    assert params(record()) == {
        "seed": "7",
        "dataset": "colours",
        "augmentation": "null",
        "image.size.height": "20",
        "image.size.width": "28",
        "network.head.dense": "{}",
        "network.head.standardize": "true",
        "phases.head.learning_rate": "0.001",
        "phases.head.epochs": "2",
        "weights.backbone": "vgg19",
        "weights.source": "random",
        "parameters.trainable": "12",
        "parameters.frozen": "345",
    }


def test_long_names_and_values_keep_to_mlflows_limits_and_apart() -> None:
    """Two that differ only at the end stay two."""
    recipe = {"n" * 300 + end: "v" * 7000 + end for end in "ab"}
    made = params(record(recipe=recipe, parameters={}))
    long = {name: value for name, value in made.items() if name.startswith("n")}
    assert len(long) == 2
    assert len(set(long.values())) == 2
    assert {len(name) for name in long} <= set(range(NAME_LENGTH + 1))
    assert {len(value) for value in long.values()} <= set(range(PARAM_LENGTH + 1))


def test_epochs_count_from_one() -> None:
    """Step is the epoch; infinity is what a database can hold; NaN stays."""
    points = epochs([{"loss": 0.5}, {"loss": math.inf}, {"loss": -math.inf}, {"loss": math.nan}])
    assert points[:3] == [
        ("epoch/loss", 1, 0.5),
        ("epoch/loss", 2, sys.float_info.max),
        ("epoch/loss", 3, -sys.float_info.max),
    ]
    assert math.isnan(points[3][2])


def test_results_have_the_test_interval_and_both_other_splits() -> None:
    """The names that a person compares by."""
    assert {name: value for name, _, value in results(metrics(), dict.fromkeys(CLASSES, 0.5))} == {
        "test_accuracy": 0.875,
        "test_accuracy_low": 0.775,
        "test_accuracy_high": 0.925,
        "test_loss": 0.125,
        "test_images": 41.0,
        "val_accuracy": 0.75,
        "val_loss": 0.25,
        "train_accuracy": 0.9375,
        "train_loss": 0.0625,
        "f1/blue": 0.5,
        "f1/green": 0.5,
        "f1/red": 0.5,
    }
    assert results(None, {}) == []


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        (["cat", "dog"], ["f1/cat", "f1/dog"]),
        (["a/b", "a:b", "c"], ["f1/0 a_b", "f1/1 a_b", "f1/c"]),
        (["..", "Köter", "x\n"], ["f1/0 ..", "f1/Köter", "f1/x_"]),
        ([str(number) for number in range(PER_CLASS + 1)], []),
    ],
)
def test_classes_become_names_that_mlflow_takes(classes: list[str], expected: list[str]) -> None:
    """Folder names may hold anything; no two classes may share a column."""
    made = results({}, dict.fromkeys(classes, 0.5))
    assert [name for name, _, _ in made] == expected


@given(st.lists(st.text(min_size=1, max_size=300), unique=True, max_size=PER_CLASS))
def test_any_class_names_pass_mlflows_own_check(classes: list[str]) -> None:
    """Whatever the folders are called: valid names, as many as classes."""
    made = [name for name, _, _ in results({}, dict.fromkeys(classes, 1.0))]
    for name in made:
        _validate_metric_name(name)
    assert len(set(made)) == len(classes)
    assert all(len(name) <= NAME_LENGTH for name in made)


def test_a_class_without_f1_has_no_metric() -> None:
    """A share of nothing is no figure; the others keep their names."""
    assert results({}, {"cat": None, "dog": 0.0}) == [("f1/dog", 0, 0.0)]


values = st.floats() | st.integers(0, 3).map(float)
points = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 3), values), max_size=8)


@given(points, points)
def test_missing_is_what_is_not_there(
    wanted: list[tuple[str, int, float]], present: list[tuple[str, int, float]]
) -> None:
    """After logging it nothing is missing, and nothing that is there is logged again."""
    new = missing(wanted, present)
    assert missing(wanted, [*present, *new]) == []
    assert missing(wanted, wanted) == []
    assert not {repr(point) for point in new} & {repr(point) for point in present}


@pytest.mark.parametrize(
    ("source", "said", "expected"),
    [
        ("random", None, "random weights: smoke test only"),
        ("imagenet", None, ""),
        ("imagenet", {"note": "small test split"}, "small test split"),
        ("random", {"note": ""}, "random weights: smoke test only"),
    ],
)
def test_note(source: str, said: dict[str, str] | None, expected: str) -> None:
    """Random weights are said even where evaluate has said nothing yet."""
    weights = {"name": "w", "backbone": "vgg19", "source": source, "sha256": None}
    assert note(StageOutputs(record=record(weights=weights), history=[], phases=[], metrics=said)) == expected


def test_tags_leave_out_what_is_empty() -> None:
    """Scratch has no checksum, an unexported classifier no model."""
    weights = {"name": "scratch", "backbone": None, "source": "scratch", "sha256": None}
    made = tags(StageOutputs(record=record(weights=weights), history=[], phases=[]))
    assert made == {
        "frostline.key": "a" * 64,
        "frostline.classifier": "tiny",
        "frostline.dataset": "colours",
        "frostline.dataset_digest": "d" * 64,
        "frostline.weights": "scratch",
        "frostline.weights_source": "scratch",
        "frostline.code": "c" * 64,
    }


@pytest.mark.parametrize("changed", ["artifacts/classifiers/tiny/history.csv", "plots/tiny/confusion.png"])
def test_digest_changes_with_every_file(
    changed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digest that misses a file would leave the run out of date for good."""
    write(project(tmp_path, monkeypatch))
    before = gathered().digest()
    assert gathered().digest() == before
    with (tmp_path / changed).open("a") as file:
        file.write("3,head,0.3,0.5,0.7,0.5\n")
    assert gathered().digest() != before
