"""Names and descriptions in MLflow: what differs, how good it is, what it is, in plain words."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from frostline.tracking import StageOutputs, content, wording
from helpers.outputs import metrics, record

BASE = content.params(record())
TAGS = {"frostline.dataset_digest": "d" * 64, "frostline.code": "c" * 64}


def outputs(**changes: Any) -> StageOutputs:
    """An evaluated classifier with another recipe, or other things in its record."""
    recipe = record()["recipe"] | changes.pop("recipe", {})
    phases = changes.pop("phases", [])
    return StageOutputs(record(recipe=recipe, **changes), [], phases, metrics())


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "tiny 87.5%"),
        ({"recipe": {"seed": 8}}, "tiny 87.5%, seed 8"),
        ({"recipe": {"phases": {"head": {"learning_rate": 0.01, "epochs": 2}}}}, "tiny 87.5%, learning_rate 0.01"),
        ({"recipe": {"phases": {}}}, "tiny 87.5%, phases {}, no learning_rate, …"),
        ({"dataset_digest": "1234567890" + "d" * 54}, "tiny 87.5%, data 12345678"),
        ({"code": "fedcba9876"}, "tiny 87.5%, code fedcba98"),
    ],
)  # fmt: skip
def test_a_run_is_named_by_what_differs(changes: dict[str, Any], name: str) -> None:
    """From the first run of its classifier: settings first; data and code only where no setting differs."""
    assert wording.run_name(outputs(**changes), BASE, TAGS) == name


def test_the_first_run_and_one_that_is_not_evaluated() -> None:
    """The first has nothing to differ from."""
    assert wording.run_name(outputs(recipe={"seed": 8}), None, {}) == "tiny 87.5%"
    bare = dataclasses.replace(outputs(recipe={"seed": 8}), metrics=None)
    assert wording.run_name(bare, BASE, TAGS) == "tiny, seed 8"


def test_names_that_end_alike_are_told_apart() -> None:
    """By as many words as needed; long values are cut."""
    before = {"phases.head.epochs": "2", "phases.thaw.epochs": "2", "parameters.trainable": "1"}
    now = {"phases.head.epochs": "3", "phases.thaw.epochs": "4", "parameters.trainable": "9", "x": "v" * 30}
    assert wording.differences(now, before) == ["head.epochs 3", "thaw.epochs 4", f"x {'v' * 19}…"]


def test_description() -> None:
    """Warning, figures with their interval, the report, the network, the classes."""
    told = wording.description(outputs(), report="#/report")
    assert told.split("\n\n") == [
        "**random weights: smoke test only**",
        "Test accuracy **87.5%** (41 images, 95% interval 77.5% to 92.5%), validation 75.0%, train 93.8%",
        "[Report with errors, confusion and confidence](#/report)",
        "tiny: vgg19, trained from the weights random on colours, 3 classes: blue, green, red.",
    ]
    bare = StageOutputs(record(weights={"source": "scratch"}), [], [])
    assert wording.description(bare, report="").startswith(
        "tiny: a plain CNN, trained from scratch on colours"
    )


def test_strengths_of_a_solver_are_no_epochs() -> None:
    """The description says what the steps are."""
    phases = {"head": {"freeze": "all", "solver": "lda", "shrinkage": [0.1, 0.5, 0.9]}}
    (told,) = [
        line
        for line in wording.description(
            outputs(recipe={"phases": phases}, phases=["head", "head", "thaw"]), report=""
        ).split("\n\n")
        if "epoch/" in line
    ]
    assert told.startswith("Steps 1 to 2 ")
    assert "shrinkage 0.1 to 0.5" in told


def test_the_report_is_the_stages_own() -> None:
    """Evaluate writes it under this name."""
    assert Path(wording.REPORT).name in (Path(__file__).parents[2] / "docs/reference/files.md").read_text()
