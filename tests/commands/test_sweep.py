"""`frostline sweep`: one classifier with several values of a key, as tables and pictures."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from frostline import tracking
from frostline.commands import sweep, sweep_plan
from frostline.commands.sweep_report import SweepOutcome
from frostline.config import Augmentation
from frostline.errors import InputError
from frostline.features import extraction
from frostline.stages import preprocess, weights
from frostline.tracking.session import session
from frostline.training import loop, phases, recipe
from helpers.images import archive, classes
from helpers.networks import KERAS_COPIES
from helpers.params import CNN, PRETRAINED, WHOLE, changed
from helpers.servers import sqlite

pytestmark = KERAS_COPIES

VIEWS = {
    "rotation": 20.0, "width_shift": 0.1, "height_shift": 0.1, "shear": 5.0, "zoom": 0.1,
    "horizontal_flip": True, "views": 2,
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project with a frozen classifier and a plain one; it is the current folder."""
    root = tmp_path_factory.mktemp("project")
    archive(root / "data/shapes.zip", classes({"circle": 15, "square": 11}))
    (root / "dvc.yaml").write_text("stages: {}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        entries = {
            "cnn": CNN, "frozen": PRETRAINED,
            "viewed": changed(PRETRAINED, {"augmentation": VIEWS, "phases.head.epochs": 3}),
            "solved": {
                **PRETRAINED, "phases": {"head": {"freeze": "all", "solver": "logistic", "C": [0.1, 1.0]}},
            },
        }  # fmt: skip
        with Path("params.yaml").open("w", encoding="utf-8") as file:
            YAML(typ="safe").dump(changed(WHOLE, {"classifiers": entries}), file)
        for name in ("mobilenet-random", "scratch"):
            weights.run(name)
        preprocess.run("shapes")
        sqlite(root / ".frostline/mlflow")
        yield root


def in_mlflow(parent: str) -> list[str]:
    """Names of the runs below a parent, in order."""
    with session(tracking.store()) as client:
        runs = client.search_runs([client.get_experiment_by_name("shapes").experiment_id])
    (above,) = [run.info.run_id for run in runs if run.info.run_name == parent]
    return sorted(run.info.run_name for run in runs if run.data.tags.get("mlflow.parentRunId") == above)


def width(path: Path) -> int:
    """A picture's width in pixels."""
    with Image.open(path) as picture:
        return picture.width


def written(name: str, out: Path) -> list[dict[str, Any]]:
    """What a sweep left in its folder: rows that CSV and JSON agree on, and a picture."""
    folder = out / name
    records = json.loads((folder / "sweep.json").read_text())
    rows = list(csv.DictReader((folder / "sweep.csv").read_text().splitlines()))
    assert [row["value"] for row in rows] == [record["value"] for record in records]
    assert [float(row["accuracy"]) for row in rows] == [record["accuracy"] for record in records]
    assert width(folder / "sweep.png") > 500
    assert records[0]["value"] in (folder / "sweep.txt").read_text()
    for record in records:
        assert 0 <= record["accuracy_low"] <= record["accuracy"] <= record["accuracy_high"] <= 1
        assert record["seconds"] > 0
        assert len(record["course"]) == record["epochs"]
    return records


def test_freeze_points(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """Without values the ends of blocks and all: deeper cuts train less; a second sweep computes nothing."""
    sweep.run(["frozen"], "freeze", most=2, out=tmp_path)
    records = written("frozen-phases.head.freeze", tmp_path)
    assert [each["value"] for each in records] == ["conv_pw_1_relu", "conv_pw_2_relu", "all"]
    # Above conv_pw_1_relu: the convolutions of block 2 (normalisation stays), and the head; above all: the head.
    assert [each["trainable"] for each in records] == [3 * 3 * 64 + 64 * 128 + 129, 129, 129]
    assert [each["feature_bytes"] for each in records] == [16 * 20 * 64 * 4, 8 * 10 * 128 * 4, 128 * 4]
    out, err = capsys.readouterr()
    assert out.startswith("frozen: 3 trainings (phases.head.freeze: conv_pw_1_relu, conv_pw_2_relu, all), ")
    assert out.count(": validation accuracy ") == 3
    assert "\nmost accurate" in out
    assert "warning: frozen trains in one phase" in err
    assert "(phases.head.freeze: conv_pw_1_relu, conv_pw_2_relu)" in err
    names = [f"frozen: phases.head.freeze {cut}" for cut in ("all", "conv_pw_1_relu", "conv_pw_2_relu")]
    assert in_mlflow("frozen: phases.head.freeze") == names
    monkeypatch.setattr(extraction, "_computed", lambda *_: pytest.fail("computed again"))
    sweep.run(["frozen"], "phases.head.freeze", "conv_pw_2_relu,all", out=tmp_path)
    assert ", about " in capsys.readouterr().out.splitlines()[0]  # the earlier sweep says how long it takes


def test_views(tmp_path: Path, monkeypatch: Any) -> None:
    """No more renderings than epochs; only live ones are computed again."""
    sweep.run(["viewed"], "augmentation.views", "1,2, 16,live", out=tmp_path)
    records = written("viewed-augmentation.views", tmp_path)
    assert [(each["value"], each["renderings"]) for each in records] == [
        ("1", 1), ("2", 2), ("16", 3), ("live", 3),
    ]  # fmt: skip
    # 16 views over 3 epochs are 3 renderings, the very ones that live epochs show.
    assert records[2]["accuracy"] == records[3]["accuracy"]
    names = [f"viewed: augmentation.views {views}" for views in ("1", "16", "2", "live")]
    assert in_mlflow("viewed: augmentation.views") == names
    monkeypatch.setattr(extraction, "_computed", lambda *_: pytest.fail("computed again"))
    sweep.run(["viewed"], "views", "1,2", out=tmp_path)


def test_any_key(tmp_path: Path) -> None:
    """A number far inside: each training has it, and nothing else changes."""
    outcomes = sweep.train_all(["cnn"], "phases.all.learning_rate", "1e-3,1.0e-2", most=None, out=tmp_path)
    assert [each["value"] for each in written("cnn-phases.all.learning_rate", tmp_path)] == ["0.001", "0.01"]
    recipes = [each.training.recipe.plain for each in outcomes]
    assert [each["phases"]["all"].pop("learning_rate") for each in recipes] == [1e-3, 1e-2]
    assert recipes[0] == recipes[1]


@pytest.mark.parametrize(
    ("name", "key", "values", "named"),
    [
        ("cnm", "seed", "1", "'cnn'"),
        ("cnn", "freeze", None, "nothing to freeze"),
        ("cnn", "phases.all.freeze", "all", "use none"),
        ("cnn", "views", None, "no key 'views'"),
        ("cnn", "augmentation.views", "1,4", "classifiers.cnn.augmentation is null"),
        ("cnn", "phases.all.learning_rat", "1", "did you mean 'phases.all.learning_rate'"),
        ("cnn", "learning_rat", "1", "did you mean 'learning_rate'"),
        ("cnn", "learning_rate", None, "name the values of learning_rate"),
        (
            "cnn",
            "learning_rate",
            "1e-3,99",
            "classifiers.cnn.phases.all.learning_rate: .*less than or equal to 10",
        ),
        ("cnn", "optimizer", "adam,adan", "there is no 'adan'; did you mean 'adam'"),
        ("cnn", "qqq", "1", "known: seed, .* more .all are below classifiers.cnn in params.yaml"),
        ("frozen", "freeze", "conv_pw_9", "no layer 'conv_pw_9' in body; near: "),
        ("viewed", "views", "1,many", "must be a number from 1 to 1000, or live"),
        ("viewed", "views", "0", "must be a number from 1 to 1000, or live"),
        ("viewed", "views", "", "no list of values"),
        ("viewed", "views", "1,{", "no list of values"),
        ("solved", "freeze", None, "a solver's phase freezes all; to sweep freeze points, add a phase"),
        ("solved", "freeze", "none", "add a phase below classifiers.solved.phases: thaw:"),
    ],
)
def test_what_cannot_be_swept(name: str, key: str, values: str | None, named: str, tmp_path: Path) -> None:
    """Refused before anything is trained, with what is allowed."""
    with pytest.raises(InputError, match=named):
        sweep.run([name], key, values, out=tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_first_view_is_the_image_itself(monkeypatch: Any) -> None:
    """One view trains as no augmentation does, on the same cached rows; two and three add one rendering each.

    More views than the three epochs are not drawn.
    """
    inputs = recipe.read("viewed")
    plain = phases.trial(inputs.changed(augmentation=None))
    seen: list[int] = []
    computed = extraction._computed

    def counted(blocks: Any, ids: Sequence[str], *how: Any) -> Any:
        seen.append(len(ids))
        return computed(blocks, ids, *how)

    monkeypatch.setattr(extraction, "_computed", counted)
    turned = Augmentation(**{**VIEWS, "rotation": 21.0})
    one, two, _ = (
        phases.trial(inputs.changed(augmentation=turned.model_copy(update={"views": views})))
        for views in (1, 2, 16)
    )
    assert one.epochs == plain.epochs
    assert two.epochs != plain.epochs
    assert seen == [len(inputs.manifest.split("train").ids)] * 2


def test_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Learning curves of several classifiers in one picture; the first seed is the recipe's own training."""
    first = WHOLE["seed"]
    outcomes = sweep.train_all(["cnn", "frozen"], "seed", f"{first},{first + 1}", most=None, out=tmp_path)
    records = written("cnn+frozen-seed", tmp_path)
    assert [(each["classifier"], each["value"]) for each in records] == [
        (name, str(seed)) for name in ("cnn", "frozen") for seed in (first, first + 1)
    ]
    assert list(outcomes[0].epochs) == list(phases.trial(recipe.read("cnn")).epochs)
    assert capsys.readouterr().out.count("asymptote") == 2
    for name in ("cnn", "frozen"):
        assert in_mlflow(f"{name}: seed") == [f"{name}: seed {seed}" for seed in (first, first + 1)]
    (study,) = [each for each in tracking.saved_studies() if (each.classifier, each.kind) == ("cnn", "seed")]
    assert [len(child.epochs) for child in study.children] == [2, 2]


@pytest.mark.parametrize(
    ("ends", "whole", "seconds"),
    [
        ([4.0, 5.0, 6.0, 7.0], 7.0, 4.0),
        ([1.0, 2.0, 3.0], 3.0, 3.0),
        ([4.0], 4.0, 4.0),
        ([0.1, 2.1], 2.1, 2.1),
    ],
)
def test_the_start_of_a_process_is_no_cost_of_a_value(
    ends: list[float], whole: float, seconds: float
) -> None:
    """The first epoch counts as a later one: imports and compilation fall upon whichever value comes first."""
    assert sweep._without_start(ends, whole) == seconds


def test_what_is_at_work(capsys: pytest.CaptureFixture[str]) -> None:
    """A solver's values are no epochs; once all has trained, no training is said to be at work."""
    plan = sweep_plan.plan("solved", "seed", "1", most=None)
    [training] = plan.trainings
    sweep_plan.announce([plan])
    assert "1 training (seed: 1), 2 heads by a solver" in capsys.readouterr().out
    watch = sweep._Watch(total=training.epochs)
    watch.epoch(training, ["head"], loop.Epoch(loss=0.7, accuracy=0.5, val_loss=0.7, val_accuracy=0.5))
    assert watch.line().startswith(f"{training.name}: C 0.1, validation accuracy 50.0%; about ")
    watch.end(training.epochs)
    assert watch.line() == "writing the results"


def test_what_a_solver_ended_with() -> None:
    """The head with the lowest loss, not the last; of epochs the last."""
    rows = tuple(loop.Epoch(loss=0.7, accuracy=0.5, val_loss=loss, val_accuracy=0.5) for loss in (0.2, 0.9))
    for name, ended in (("solved", rows[0]), ("cnn", rows[1])):
        [training] = sweep_plan.plan(name, "seed", "1", most=None).trainings
        names = tuple(training.recipe.entry.phases) * 2
        outcome = SweepOutcome(training, None, rows, names, np.array([True]))  # type: ignore[arg-type]
        assert sweep._ended(outcome) is ended
