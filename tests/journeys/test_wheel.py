"""The README's journey, from a wheel in an environment of its own: photos to scores, nothing edited, no clone."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers import environments
from helpers.environments import ROOT, call
from helpers.images import classes, encoded, folder

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

REQUIREMENTS = ROOT / "src/frostline/template/files/requirements.txt"
SAVE = """
import keras
keras.applications.MobileNet(weights=None, include_top=False).save_weights("my mobilenet.weights.h5")
"""
STAGES = ("weights", "preprocess", "train", "evaluate", "export", "compare")


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `pip install frostline[train]` makes, in the versions that a project's requirements.txt pins."""
    place = tmp_path_factory.mktemp("train")
    made = environments.empty(place / "venv")
    try:
        environments.install(made, "--require-hashes", "-r", REQUIREMENTS)
        environments.install(made, "--no-deps", environments.wheel(place / "wheel"))
        yield made
    finally:
        environments.remove(made)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a space and letters beyond ASCII in its path, and sixty small photos in it."""
    place = tmp_path_factory.mktemp("wheel") / "Fotos für Ärzte 🌷"
    folder(place / "meine fotos", classes({"rote Rosen": 20, "Tulpen, gelb": 20, "weiße Lilien": 20}))
    return place


def journey(venv: Path, home: Path, name: str, *options: str) -> Path:
    """The three commands, then a score and a sync; the project, whose tree is clean but for the new dvc.lock."""
    said = call("frostline", "init", name, "--data", "meine fotos", *options, cwd=home, venv=venv).stdout
    assert f"cd {name}" in said
    root = home / name
    said = call("dvc", "repro", cwd=root, venv=venv).stdout
    assert [
        line.split("'")[1].partition("@")[0] for line in said.splitlines() if line.startswith("Running")
    ] == list(STAGES)
    assert call("git", "status", "--porcelain", cwd=root).stdout == "?? dvc.lock\n"
    return root


def check(venv: Path, root: Path, classifier: str) -> None:
    """What a person looks at next is there and works."""
    pages = ("comparison/report", f"classifiers/{classifier}/report", f"data/{root.name}")
    files = [f"artifacts/models/{classifier}/model.onnx", f"metrics/{classifier}.json"]
    for path in (*files, *(f"reports/{page}.html" for page in pages)):
        assert (root / path).is_file(), path
    scoring = ("frostline", "score", "../meine fotos", "--model", classifier, "--out", "scores.parquet")
    call(*scoring, cwd=root, venv=venv)
    assert pq.read_table(root / "scores.parquet")["status"].to_pylist() == ["ok"] * 60
    call("frostline", "registry", "sync", cwd=root, venv=venv)
    call("frostline", "lock", "--check", cwd=root, venv=venv)
    graph = (root / "dvc.yaml").read_text()
    assert not [word for word in ("src/", "site-packages", str(venv), str(ROOT)) if word in graph]
    assert call("git", "status", "--porcelain", cwd=root).stdout == "?? dvc.lock\n"


def test_the_wheel_is_what_runs(venv: Path) -> None:
    """Not the tree; and the environment is whole."""
    assert environments.origin(venv).is_relative_to(venv)
    environments.call(environments.UV, "pip", "check", "--python", venv / "bin/python", cwd=venv)


def test_a_network_from_scratch(venv: Path, home: Path) -> None:
    """No weights, no edit: trained, evaluated, exported, scored, and in MLflow."""
    root = journey(venv, home, "blumen", "--weights", "none")
    check(venv, root, "blumen-cnn")
    said = call("dvc", "status", cwd=root, venv=venv).stdout
    assert said.strip() == "Data and pipelines are up to date."


def test_weights_of_ones_own(venv: Path, home: Path) -> None:
    """A file that Keras wrote is known by what it holds, and the network above it is trained."""
    call(venv / "bin/python", "-c", SAVE, cwd=home, venv=venv)
    root = journey(venv, home, "flowers", "--weights", "my mobilenet.weights.h5")
    check(venv, root, "flowers-mobilenet")
    folder(home / "more", {"one.png": encoded(1)})
    said = call("frostline", "score", "../../more", "--model", "flowers-mobilenet", "--out", "one.csv",
                cwd=root / "flows", venv=venv).stdout  # fmt: skip
    assert "1 images scored" in said or "1 image scored" in said
