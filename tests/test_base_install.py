"""The base install is the scorer: a real fresh environment, made from the committed lock."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers.images import encoded, folder
from helpers.models import model

ROOT = Path(__file__).parents[1]
ABSENT = ("tensorflow", "keras", "dvc", "mlflow", "prefect", "pydantic", "onnx", "sklearn", "matplotlib")


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command outside the project, without its environment; its output, or a failed test."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL"))
    }
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment that holds requirements/score.txt and frostline alone."""
    place = tmp_path_factory.mktemp("base")
    uv = Path(sys.executable).with_name("uv")
    call(uv, "venv", "--python", sys.executable, place / "venv", cwd=place)
    python = place / "venv/bin/python"
    lock = ROOT / "requirements/score.txt"
    call(uv, "pip", "install", "--python", python, "--require-hashes", "-r", lock, cwd=place)
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place / "dist", cwd=ROOT)
    [wheel] = (place / "dist").glob("*.whl")
    call(uv, "pip", "install", "--python", python, "--no-deps", wheel, cwd=place)
    return python


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("package", ABSENT)
def test_the_pipeline_s_packages_are_absent(python: Path, package: str) -> None:
    """Otherwise the next test would prove nothing."""
    found = call(
        python, "-c", f"import importlib.util as u; print(u.find_spec({package!r}))", cwd=python.parent
    )
    assert found.strip() == "None"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_scores(python: Path, tmp_path: Path) -> None:
    """The installed command scores a folder, bad file included, in an empty place."""
    files = {"a.png": encoded(1), "b.jpg": encoded(2, kind="jpeg", height=31), "bad.jpg": b"<html>"}
    folder(tmp_path / "photos", files)
    (tmp_path / "tiny.onnx").write_bytes(model())
    command = [python.with_name("frostline"), "score", "photos", "--model", "tiny.onnx", "--out"]
    said = call(*command, "scores.parquet", cwd=tmp_path)
    assert "2 images scored, 1 unreadable" in said
    rows = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    assert [(row["path"], row["status"]) for row in rows] == [
        ("a.png", "ok"),
        ("b.jpg", "ok"),
        ("bad.jpg", "error"),
    ]
    job = json.loads((tmp_path / "scores.parquet.job.json").read_text())
    assert job["counts"]["scored"] == 2
    assert job["host"]["packages"]["frostline"]
    call(*command, "scores.jsonl", cwd=tmp_path)
    call(*command, "scores.csv", cwd=tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_it_predicts_in_python(python: Path, tmp_path: Path) -> None:
    """The Python interface of a scorer; what needs more says what to install."""
    folder(tmp_path / "photos", {"a.png": encoded(1), "bad.jpg": b"<html>"})
    (tmp_path / "tiny.onnx").write_bytes(model(features=True))
    program = (
        "import frostline\n"
        "with frostline.open_model('tiny.onnx', batch_size=2) as model:\n"
        "    print(model.predict('photos')['status'].to_pylist(), model.embed(['photos/a.png']).shape)\n"
        "    print(model.explain('photos/a.png', cells=2).method)\n"
        "table = frostline.Table(None).to_pandas\n"
        "for ask in (lambda: frostline.FrozenFeatures, lambda: frostline.open_project, table):\n"
        "    try: ask()\n"
        "    except frostline.FrostlineError as error: print(error)\n"
    )
    lines = call(python, "-c", program, cwd=tmp_path).splitlines()
    assert lines[:2] == ["['ok', 'error'] (1, 3)", "occlusion"]
    assert [line.rpartition("pip install ")[2] for line in lines[2:4]] == ["'frostline[train]'"] * 2
    assert "pip install pandas" in lines[4]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_registry_model_names_the_extra(python: Path, tmp_path: Path) -> None:
    """What the base install cannot do is one line that says how to."""
    folder(tmp_path / "photos", {"a.png": encoded(1)})
    command = [python.with_name("frostline"), "score", "photos", "--model", "models:/x@y", "--out", "s.csv"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "frostline[registry]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "s.csv").exists()
