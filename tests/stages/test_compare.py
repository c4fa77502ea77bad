"""compare: who takes part, what is written, and which stage is named when something is missing."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from frostline import files, paths
from frostline.errors import RANDOM_WEIGHTS, FrostlineError, InputError
from frostline.stages import compare, evaluate
from helpers.results import REAL, dataset, trained

SHIPPED = Path(__file__).parents[2] / "params.yaml"
pytestmark = pytest.mark.usefixtures("project")
OUTPUTS = ["comparison.json", "comparison.md", "comparison.png", "comparison.txt", "report.html"]


def params(*names: str) -> None:
    """params.yaml with only these classifiers, all copies of the sample's plain CNN."""
    yaml = YAML(typ="safe", pure=True)
    values = yaml.load(SHIPPED.read_text(encoding="utf-8"))
    cnn = values["classifiers"]["digits-cnn"]
    values["classifiers"] = dict.fromkeys(names, cnn)
    with Path("params.yaml").open("w") as file:
        yaml.dump(json.loads(json.dumps(values)), file)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory) -> Path:
    """Three evaluated classifiers of two datasets; params.yaml names them all."""
    root = tmp_path_factory.mktemp("evaluated")
    with contextlib.chdir(root):
        _fill()
    return root


@pytest.fixture
def project(evaluated, tmp_path, monkeypatch) -> Path:
    """A copy of that project to work in."""
    root = shutil.copytree(evaluated, tmp_path / "project")
    monkeypatch.chdir(root)
    return root


def _fill() -> None:
    pets, cars = dataset("pets"), dataset("cars", seed=1)
    trained("pets-vgg19", pets, wrong=1)
    trained("pets-cnn", pets, wrong=8, weights=REAL)
    trained("cars-cnn", cars, dataset="cars", wrong=0, weights=REAL)
    for name in ("pets-vgg19", "pets-cnn", "cars-cnn"):
        evaluate.run(name)
    params("pets-cnn", "pets-vgg19", "cars-cnn")


def written() -> dict[str, Any]:
    return json.loads((paths.COMPARISON / "comparison.json").read_text())["datasets"]


def test_the_exported_model_is_named_by_its_hash() -> None:
    """In the JSON and on the page, with the training's key; a model of an earlier training is not it."""
    record = json.loads((paths.classifier("pets-cnn") / "record.json").read_text())
    for name, key in (("pets-cnn", record["key"]), ("pets-vgg19", "of another training")):
        paths.model(name).mkdir(parents=True)
        files.write_json(paths.model(name) / "agreement.json", {"key": key, "model": "a1" * 32})
    compare.run()
    rows = {row["classifier"]: row for row in written()["pets"]["classifiers"]}
    assert (rows["pets-cnn"]["model"], rows["pets-vgg19"]["model"]) == ("a1" * 32, "")
    assert rows["pets-cnn"]["key"] == record["key"]
    page = (paths.COMPARISON / "report.html").read_text()
    assert page.count("a1" * 32) == 1
    assert page.count("not exported") == 2
    assert record["key"] in page


def test_writes_all_and_returns_the_table() -> None:
    """The three files; ranks by dataset; the table is the answer."""
    out = compare.run()
    assert sorted(path.name for path in paths.COMPARISON.iterdir()) == OUTPUTS
    found = written()
    assert list(found) == ["cars", "pets"]
    assert [row["classifier"] for row in found["pets"]["classifiers"]] == ["pets-vgg19", "pets-cnn"]
    assert found["pets"]["images"] == 9
    with Image.open(paths.COMPARISON / "comparison.png") as image:
        image.load()
    assert "pets-cnn is significantly worse than pets-vgg19 at n=9 (p=0.016)" in out
    assert out.count(RANDOM_WEIGHTS) == 1


def test_row() -> None:
    """A row holds the figures of the metrics file and the counts of the record."""
    compare.run()
    first, second = written()["pets"]["classifiers"]
    metrics = json.loads(paths.metrics("pets-vgg19").read_text())
    for key in ("accuracy", "accuracy_low", "accuracy_high", "loss"):
        assert first[key] == metrics["test"][key]
    assert first["validation_accuracy"] == metrics["validation"]["accuracy"]
    assert first["parameters"] == {"trainable": 5130, "frozen": 20_024_384}
    assert (first["note"], second["note"]) == (RANDOM_WEIGHTS, "")
    apart = {key: second["against_best"].pop(key) for key in ("difference_low", "difference_high")}
    assert apart["difference_low"] < -7 / 9 + 0.15 < apart["difference_high"] < 0
    assert second["against_best"] == {
        "difference": -0.777778,
        "best": "pets-vgg19",
        "only_best_right": 7,
        "only_this_right": 0,
        "p": 0.015625,
    }


def test_page() -> None:
    """The Markdown page shows its picture and both datasets."""
    compare.run()
    page = (paths.COMPARISON / "comparison.md").read_text()
    assert "(comparison.png)" in page
    assert "## cars: 9 test images" in page
    assert "## pets: 9 test images" in page


def test_forgets_what_params_no_longer_name() -> None:
    """Old files in metrics/ and artifacts/ do not bring a classifier back."""
    compare.run()
    params("pets-cnn")
    compare.run()
    assert list(written()) == ["pets"]
    assert [row["classifier"] for row in written()["pets"]["classifiers"]] == ["pets-cnn"]
    assert "pets-vgg19" not in (paths.COMPARISON / "comparison.md").read_text()
    assert "pets-vgg19" not in (paths.COMPARISON / "report.html").read_text()


def _edit_metrics(**changes: Any) -> None:
    path = paths.metrics("pets-cnn")
    files.write_json(path, {**json.loads(path.read_text()), **changes})


def _gone(path: Path) -> Callable[[], None]:
    return path.unlink


FOLDER = paths.classifier("pets-cnn")
AGAIN = "run `dvc repro evaluate@pets-cnn`"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_gone(paths.metrics("pets-cnn")), "metrics/pets-cnn.json is missing; " + AGAIN),
        (lambda: paths.metrics("pets-cnn").write_text("]"), "metrics/pets-cnn.json is damaged"),
        (lambda: _edit_metrics(test={"images": 9}), "lacks test.accuracy, test.accuracy_low"),
        (
            lambda: _edit_metrics(dataset_digest="0" * 64),
            "pets-cnn.json is older than artifacts/classifiers/pets-cnn",
        ),
        (
            lambda: trained("pets-cnn", dataset("pets"), wrong=5),
            "is older than artifacts/classifiers/pets-cnn; " + AGAIN,
        ),
        (_gone(FOLDER / "predictions.parquet"), AGAIN),
        (_gone(FOLDER / "record.json"), "record.json is missing; " + AGAIN),
    ],
)
def test_refused_in_one_line(damage, message: str) -> None:
    """What is missing or stale names the stage to run; nothing is written."""
    damage()
    with pytest.raises(FrostlineError) as caught:
        compare.run()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not paths.COMPARISON.exists()


def test_versions_of_a_dataset_are_not_mixed() -> None:
    """One classifier evaluated on newer data is not ranked beside one on older."""
    newer = dataset("pets", counts={"train": 6, "validation": 4, "test": 12})
    trained("pets-cnn", newer)
    evaluate.run("pets-cnn")
    with pytest.raises(FrostlineError, match="evaluated on different versions of dataset pets"):
        compare.run()


def test_without_params() -> None:
    """Outside a project the missing file is named."""
    Path("params.yaml").unlink()
    with pytest.raises(InputError, match=r"params\.yaml is missing"):
        compare.run()


SCRIPT = """
import sys
from frostline.stages import compare
assert not {"matplotlib", "scipy"} & set(sys.modules), "importing must stay free"
compare.run()
assert not {"tensorflow", "keras", "mlflow", "sklearn", "matplotlib.pyplot"} & set(sys.modules)
"""


@pytest.mark.slow
def test_same_bytes_in_other_processes(project) -> None:
    """Another hash seed, time zone and order of params: the same files."""
    made = []
    for seed, zone, names in (
        ("1", "UTC", ("pets-cnn", "pets-vgg19", "cars-cnn")),
        ("2", "America/Lima", ("cars-cnn", "pets-vgg19", "pets-cnn")),
    ):
        params(*names)
        env = {**os.environ, "PYTHONHASHSEED": seed, "TZ": zone}
        subprocess.run([sys.executable, "-W", "error", "-c", SCRIPT], check=True, env=env, cwd=project)
        made.append({name: files.sha256_file(paths.COMPARISON / name) for name in OUTPUTS})
    assert made[0] == made[1]
