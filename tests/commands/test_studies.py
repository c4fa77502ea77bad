"""`sweep-freeze` and `curves`: one classifier in several ways, as tables and pictures."""

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from frostline import tracking
from frostline.commands import curves, sweep_freeze, sweep_views
from frostline.config import Augmentation
from frostline.errors import InputError
from frostline.features import extraction
from frostline.stages import preprocess, weights
from frostline.tracking.session import session
from frostline.training import phases, recipe
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


def test_sweep_freeze(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """A row a cut, deeper cuts train less; the picture is one; a second sweep forwards nothing."""
    sweep_freeze.run("frozen", cuts=None, most=2, out=tmp_path)
    found = json.loads((tmp_path / "frozen" / "cuts.json").read_text())
    assert [each["cut"] for each in found] == ["conv_pw_1_relu", "conv_pw_2_relu", "all"]
    # Above conv_pw_1_relu: the convolutions of block 2 (normalisation stays), and the head; above all: the head.
    assert [each["trainable"] for each in found] == [3 * 3 * 64 + 64 * 128 + 129, 129, 129]
    assert [each["feature_bytes"] for each in found] == [16 * 20 * 64 * 4, 8 * 10 * 128 * 4, 128 * 4]
    for each in found:
        assert 0 <= each["accuracy_low"] <= each["accuracy"] <= each["accuracy_high"] <= 1
        assert each["seconds"] > 0
    rows = list(csv.DictReader((tmp_path / "frozen" / "cuts.csv").read_text().splitlines()))
    assert [row["cut"] for row in rows] == [each["cut"] for each in found]
    assert width(tmp_path / "frozen" / "cuts.png") > 500
    assert capsys.readouterr().out.count("frozen up to") == 3
    cuts = ("all", "conv_pw_1_relu", "conv_pw_2_relu")
    assert in_mlflow("frozen: freeze points") == [f"frozen: frozen up to {cut}" for cut in cuts]
    monkeypatch.setattr(extraction, "_computed", lambda *_: pytest.fail("computed again"))
    sweep_freeze.run("frozen", cuts="conv_pw_2_relu,all", most=1, out=tmp_path)


def test_nothing_to_freeze(tmp_path: Path) -> None:
    """A plain network is refused; a cut that is none is answered with the nearest."""
    with pytest.raises(InputError, match=r"^cnn trains from scratch; there is nothing to freeze$"):
        sweep_freeze.run("cnn", cuts=None, most=2, out=tmp_path)
    with pytest.raises(InputError, match=r"^no layer 'conv_pw_9' in body; near: "):
        sweep_freeze.run("frozen", cuts="conv_pw_9", most=2, out=tmp_path)


def test_sweep_views(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """A row a number of views; no more renderings than epochs; only live ones are computed again."""
    sweep_views.run("viewed", views="1,2, 16,live", out=tmp_path)
    found = json.loads((tmp_path / "viewed" / "views.json").read_text())
    assert [(each["views"], each["renderings"]) for each in found] == [
        ("1", 1), ("2", 2), ("16", 3), ("live", 3),
    ]  # fmt: skip
    for each in found:
        assert 0 <= each["accuracy_low"] <= each["accuracy"] <= each["accuracy_high"] <= 1
    # 16 views over 3 epochs are 3 renderings, the very ones that live epochs show.
    assert found[2]["accuracy"] == found[3]["accuracy"]
    rows = list(csv.DictReader((tmp_path / "viewed" / "views.csv").read_text().splitlines()))
    assert [row["views"] for row in rows] == [each["views"] for each in found]
    assert width(tmp_path / "viewed" / "views.png") > 500
    assert capsys.readouterr().out.count("each training image through the trunk") == 4
    ways = ("1", "16", "2", "live")
    assert in_mlflow("viewed: views") == [f"viewed: views {each}" for each in ways]
    monkeypatch.setattr(extraction, "_computed", lambda *_: pytest.fail("computed again"))
    sweep_views.run("viewed", views="1,2", out=tmp_path)


def test_the_first_view_is_the_image_itself(monkeypatch: Any) -> None:
    """One view trains as no augmentation does, on the same cached rows; two and three add one rendering each.

    More views than the three epochs are not drawn.
    """
    inputs = recipe.read("viewed")
    plain = phases.trial(inputs.changed(augmentation=None))
    seen: list[int] = []
    computed = extraction._computed

    def counted(blocks: Any, ids: Sequence[str]) -> Any:
        seen.append(len(ids))
        return computed(blocks, ids)

    monkeypatch.setattr(extraction, "_computed", counted)
    turned = Augmentation(**{**VIEWS, "rotation": 21.0})
    one, two, _ = (
        phases.trial(inputs.changed(augmentation=turned.model_copy(update={"views": views})))
        for views in (1, 2, 16)
    )
    assert one.epochs == plain.epochs
    assert two.epochs != plain.epochs
    assert seen == [len(inputs.manifest.split("train").ids)] * 2


@pytest.mark.parametrize(
    ("name", "views", "said"),
    [
        (
            "cnn",
            "1,4",
            r"^cnn has no augmentation, so all views would be alike; set classifiers.cnn.augmentation$",
        ),
        ("viewed", "1,many", r"^--views: 'many' is none of 1, 2, 3"),
        ("viewed", "0", r"^--views: '0' is none of 1, 2, 3"),
        ("viewed", "none", r"^--views: 'none' is none of 1, 2, 3"),
        ("viewed", "", r"^--views: '' is none of 1, 2, 3"),
    ],
)
def test_views_that_cannot_be(name: str, views: str, said: str, tmp_path: Path) -> None:
    """Refused in one line, before anything is trained."""
    with pytest.raises(InputError, match=said):
        sweep_views.run(name, views=views, out=tmp_path)


def test_curves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A band a classifier, a row a seed; the first seed is the recipe's own training."""
    curves.run(("cnn", "frozen"), seeds=2, out=tmp_path)
    said = capsys.readouterr().out
    assert said.count(" after 2 epochs") == 4
    assert said.count("asymptote") == 2
    found = json.loads((tmp_path / "curves.json").read_text())
    assert [each["classifier"] for each in found] == ["cnn", "frozen"]
    for each in found:
        assert [len(course) for course in each["accuracy"]] == [2, 2]
        assert each["start"] == pytest.approx(sum(course[0] for course in each["accuracy"]) / 2)
        assert each["asymptote"] == pytest.approx(sum(course[-1] for course in each["accuracy"]) / 2)
    assert width(tmp_path / "curves.png") > 500
    first = WHOLE["seed"]
    assert in_mlflow("cnn: seeds") == [f"cnn: seed {seed}" for seed in (first, first + 1)]
    assert in_mlflow("frozen: seeds") == [f"frozen: seed {seed}" for seed in (first, first + 1)]
    (study,) = [each for each in tracking.saved_studies() if (each.classifier, each.kind) == ("cnn", "seeds")]
    assert [len(child.epochs) for child in study.children] == [2, 2]
    assert not tracking.publish_study(study, uri=tracking.store())  # its picture was there in time
