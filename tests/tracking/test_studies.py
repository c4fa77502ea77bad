"""A parent and its children in a real store: once each, growing, kept where the store did not answer."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from frostline.tracking import (
    Child,
    Commit,
    Study,
    machine,
    publish_study,
    saved_studies,
    shared,
    store,
    studying,
)
from frostline.tracking.session import session
from helpers.servers import free_port, project, sqlite

WEIGHTS = {"name": "vgg19-random", "backbone": "vgg19", "source": "random", "sha256": "e" * 64}
RECIPE = {"dataset": "colours", "phases": {"head": {"epochs": 2, "freeze": "all"}}}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an empty store."""
    monkeypatch.setattr(machine, "FIRST_SECONDS", 0.01)
    root = project(tmp_path / "clone", monkeypatch)
    sqlite(root / ".frostline/mlflow")
    return root


def study(*, kind: str = "seeds") -> Study:
    common = shared(dataset="colours", digest="d" * 64, weights=WEIGHTS, recipe=RECIPE)
    return Study(kind, "tiny", common, pictures=("curves.png",), data_hash="0" * 32 + ".dir")


def child(seed: int, accuracy: float = 0.75) -> Child:
    epochs = [{"loss": 0.9, "val_accuracy": 0.5}, {"loss": math.nan, "val_accuracy": accuracy}]
    return Child(
        f"seed {seed}", {"seed": seed, **RECIPE}, epochs, {"val_accuracy": accuracy, "val_loss": 0.5}
    )


def runs(uri: str) -> tuple[Any, list[Any]]:
    """The one parent, and its children by name."""
    with session(uri) as client:
        found = client.search_runs([client.get_experiment_by_name("colours").experiment_id])
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    assert len(parents) == 1
    children = [run for run in found if run.data.tags.get("mlflow.parentRunId") == parents[0].info.run_id]
    assert len(children) == len(found) - 1
    return parents[0], sorted(children, key=lambda run: run.info.run_name)


def test_parent_and_children(root: Path) -> None:
    """What all share and how they spread above; each training with params, epochs and figures below."""
    (root / "curves.png").write_bytes(b"picture")
    with studying(study()) as children:
        children += [child(7, 0.75), child(8, 0.85)]
    parent, (first, second) = runs(store())
    assert parent.info.run_name == "tiny: seeds"
    assert parent.data.tags["frostline.study"] == "seeds"
    assert parent.data.tags["note"] == "random weights: smoke test only"
    assert parent.data.params["phases.head.freeze"] == "all"
    assert "seed" not in parent.data.params
    assert parent.data.metrics["val_accuracy_mean"] == pytest.approx(0.8)
    assert parent.data.metrics["val_accuracy_sd"] == pytest.approx(0.1 / math.sqrt(2))
    assert parent.data.metrics["trainings"] == 2
    assert parent.data.metrics["system/system_memory_usage_percentage"] > 0
    assert parent.data.tags["frostline.python"].startswith("3.")
    for run in (parent, first, second):
        (told,) = [each.dataset for each in run.inputs.dataset_inputs]
        assert (told.name, told.digest) == ("colours", "d" * 12)
        assert json.loads(told.source)["dvc"] == run.data.tags["frostline.dataset_dvc"] == "0" * 32 + ".dir"
    assert (first.info.run_name, second.info.run_name) == ("tiny: seed 7", "tiny: seed 8")
    assert (first.info.status, first.data.params["seed"], second.data.params["seed"]) == (
        "FINISHED",
        "7",
        "8",
    )
    assert second.data.metrics["val_accuracy"] == 0.85
    with session(store()) as client:
        points = client.get_metric_history(second.info.run_id, "epoch/val_accuracy")
        kept = {each.path for each in client.list_artifacts(parent.info.run_id)}
    assert [(point.step, point.value) for point in points] == [(1, 0.5), (2, 0.85)]
    assert kept == {"curves.png", "environment"}


def test_again_changes_nothing_and_more_children_join(root: Path) -> None:
    """The same training is not there twice; another kind of study is another parent."""
    assert root.exists()
    with studying(study()) as children:
        children.append(child(7))
    assert not any(publish_study(each, uri=store()) for each in saved_studies())
    with studying(study()) as children:
        children += [child(7), child(8)]
    parent, found = runs(store())
    assert [run.info.run_name for run in found] == ["tiny: seed 7", "tiny: seed 8"]
    assert parent.data.metrics["trainings"] == 2
    assert study().key != study(kind="views").key
    assert study().key != replace(study(), inputs={**study().inputs, "dataset_digest": "0" * 64}).key


def test_without_a_store_it_is_kept_and_brought_later(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line on stderr; `frostline registry sync` has all of it."""
    assert root.exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with studying(study()) as children:
        children.append(child(7))
    said = capsys.readouterr().err
    assert said.startswith("what was tried is not in MLflow yet, `frostline registry sync` brings it: ")
    assert said.count("\n") == 1
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (kept,) = saved_studies()
    assert publish_study(kept, uri=store(), commit=Commit("f" * 40, dirty=True))
    parent, found = runs(store())
    for run in (parent, *found):
        assert run.data.tags["mlflow.source.git.commit"] == "f" * 40
        assert run.data.tags["mlflow.source.git.dirty"] == "true"


def test_what_was_trained_before_an_error_is_kept(root: Path) -> None:
    """The error goes on; a study without any training leaves nothing."""
    assert root.exists()

    def interrupted() -> None:
        with studying(study()) as children:
            children.append(child(7))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(ValueError, match="mine"), studying(study(kind="views")):
        raise ValueError("mine")
    assert [each.kind for each in saved_studies()] == ["seeds"]


@pytest.mark.parametrize("content", ["", "[]", '{"children": [{}]}', '{"children": []}'])
def test_a_damaged_file_is_left_out(content: str, root: Path) -> None:
    """It stops no sync."""
    path = root / ".frostline/studies/x.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert saved_studies() == []
