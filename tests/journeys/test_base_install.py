"""The base install is the scorer: a real fresh environment with the wheel and no extra."""

import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from helpers import environments
from helpers.environments import ROOT, call
from helpers.images import encoded, folder
from helpers.models import model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ABSENT = {"tensorflow", "keras", "dvc", "mlflow", "mlflow-skinny", "prefect", "pydantic", "onnx", "scikit-learn",
          "matplotlib", "scipy", "ruamel-yaml"}  # fmt: skip


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What `pip install frostline` makes, in the versions of requirements/score.txt."""
    place = tmp_path_factory.mktemp("base")
    made = environments.empty(place / "venv")
    environments.install(made, "--require-hashes", "-r", ROOT / "requirements/score.txt")
    environments.install(made, environments.wheel(place / "wheel"))
    yield made
    environments.remove(made)


def installed(venv: Path) -> set[str]:
    """The names of the installed packages."""
    listed = call(
        environments.UV, "pip", "list", "--format", "json", "--python", venv / "bin/python", cwd=venv
    )
    return {package["name"] for package in json.loads(listed.stdout)}


def test_what_is_installed(venv: Path) -> None:
    """The lock is all that the wheel asks for, and none of it belongs to the pipeline."""
    lock = (ROOT / "requirements/score.txt").read_text()
    locked = {line.partition("==")[0] for line in lock.splitlines() if "==" in line}
    names = installed(venv)
    assert environments.origin(venv).is_relative_to(venv)
    assert "frostline" in names
    assert names - {"frostline"} <= locked
    assert not names & ABSENT


def test_it_scores(venv: Path, tmp_path: Path) -> None:
    """The installed command scores a folder, bad file included, in an empty place."""
    files = {"a.png": encoded(1), "b.jpg": encoded(2, kind="jpeg", height=31), "bad.jpg": b"<html>"}
    folder(tmp_path / "photos", files)
    (tmp_path / "tiny.onnx").write_bytes(model())
    command = [venv / "bin/frostline", "score", "photos", "--model", "tiny.onnx", "--out"]
    said = call(*command, "scores.parquet", cwd=tmp_path).stdout
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


def test_it_predicts_in_python(venv: Path, tmp_path: Path) -> None:
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
    lines = call(venv / "bin/python", "-c", program, cwd=tmp_path).stdout.splitlines()
    assert lines[:2] == ["['ok', 'error'] (1, 3)", "occlusion"]
    assert [line.rpartition("pip install ")[2] for line in lines[2:4]] == ["'frostline[train]'"] * 2
    assert "pip install pandas" in lines[4]


def test_a_registry_model_names_the_extra(venv: Path, tmp_path: Path) -> None:
    """What the base install cannot do is one line that says how to."""
    folder(tmp_path / "photos", {"a.png": encoded(1)})
    command = [venv / "bin/frostline", "score", "photos", "--model", "models:/x@y", "--out", "s.csv"]
    store = f"sqlite:///{tmp_path}/mlflow.db"
    done = call(*command, cwd=tmp_path, check=False, MLFLOW_TRACKING_URI=store)
    assert done.returncode != 0
    assert "frostline[registry]" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "s.csv").exists()
