"""sync as its user sees it: one line a classifier, where to look, and nothing lost."""

import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import pytest

from frostline import files
from frostline.config import load
from frostline.errors import FrostlineError
from frostline.tracking import Published, store, sync
from frostline.tracking.session import session
from helpers.outputs import metrics, write
from helpers.servers import free_port, gathered, project, seen, sqlite

PARAMS = Path(__file__).parents[2] / "params.yaml"
NAMES = list(load(PARAMS).classifiers)
FIRST, SECOND, *_ = NAMES


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the real params file, its own store, and one classifier through all stages."""
    root = project(tmp_path / "clone", monkeypatch)
    shutil.copyfile(PARAMS, root / "params.yaml")
    sqlite(root / ".frostline/mlflow")
    return write(root, FIRST)


def test_a_line_a_classifier_then_where_to_look(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Created, then already there; what is missing is named with the command that makes it."""
    write(root, SECOND, key="b" * 64, only=("evaluate",))
    sync.run(NAMES)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{FIRST:<{max(map(len, NAMES))}}  created run ")
    assert lines[0].endswith(", registered version 1; random weights: smoke test only")
    assert f"no version; not there yet: dvc repro export@{SECOND}" in lines[1]
    assert [line.split("  ")[-1].strip() for line in lines[2:-1]] == [
        f"not trained yet: dvc repro train@{name}" for name in NAMES[2:]
    ]
    assert lines[-1].startswith("to look at it: ")
    assert lines[-1].endswith("frostline serve --mlflow-only")
    sync.run(NAMES)
    again = capsys.readouterr().out.splitlines()
    assert "already up to date: run " in again[0]
    assert "already up to date: run " in again[1]


@pytest.mark.slow
def test_the_command_needs_no_pandas(root: Path) -> None:
    """Half a second of each sync; what it registers loads where pandas is, and answers."""
    command = (
        "import sys; from frostline import cli; sys.argv[1:] = ['registry', 'sync']; cli.main()\n"
        "assert not {'pandas', 'scipy', 'pygments'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", command], cwd=root, check=True)
    with session(store()):
        loaded = mlflow.pyfunc.load_model(f"models:/{FIRST}@challenger")
        answer = loaded.predict(loaded.input_example)
    assert list(answer["status"]) == ["ok"]


@dataclass(frozen=True)
class Laid:
    """A DVC experiment as sync asks it: its outputs, or what the cache lacks of them."""

    name: str
    missing: tuple[str, ...] = ()
    commit: str = "f" * 40
    classifiers: tuple[str, ...] = (FIRST,)

    def lay_out(self, name: str, folder: Path) -> list[str]:
        if not self.missing:
            write(folder, name, key="e" * 64)
        return list(self.missing)


def test_experiments_become_runs_without_being_applied(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where asked; at their own commit, and no version, for nobody took them up."""
    found = [Laid("slow"), Laid("lost", missing=("artifacts/classifiers/x",))]
    monkeypatch.setattr(sync, "find_experiments", lambda: found)
    sync.run([FIRST])
    assert "experiment" not in capsys.readouterr().out
    sync.run([FIRST], experiments=True)
    _, slow, lost, _ = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"{FIRST}  experiment slow: created run \w+, no version", slow)
    assert lost.endswith("experiment lost: DVC's cache lacks artifacts/classifiers/x")
    there = seen(f"sqlite:///{root}/.frostline/mlflow/mlflow.db", FIRST)
    assert "f" * 40 in {run["tags"].get("mlflow.source.git.commit") for run in there["runs"]}
    assert len(there["versions"]) == 1


def test_twice_is_one_run_and_one_version(root: Path) -> None:
    """And a clone elsewhere, whose stages were restored from the cache, finds the same."""
    uri = f"sqlite:///{root}/.frostline/mlflow/mlflow.db"
    sync.run(NAMES)
    before = seen(uri, FIRST)
    sync.run(NAMES)
    assert seen(uri, FIRST) == before
    assert (len(before["runs"]), len(before["versions"]), len(before["models"])) == (1, 1, 1)


def test_a_clone_syncs_to_the_same(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Copies of the outputs in another folder, against the same store."""
    uri = f"sqlite:///{root}/.frostline/mlflow/mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    sync.run(NAMES)
    before = seen(uri, FIRST)
    shutil.copytree(root, tmp_path / "second", ignore=shutil.ignore_patterns(".frostline"))
    monkeypatch.chdir(tmp_path / "second")
    capsys.readouterr()
    sync.run(NAMES)
    assert capsys.readouterr().out.split(maxsplit=1)[1].startswith("already up to date: run ")
    assert seen(uri, FIRST) == before
    assert not (tmp_path / "second/.frostline").exists()


def test_a_closed_port_is_one_line_within_seconds_and_nothing_is_lost(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outputs stay; the next sync has all."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    started = time.monotonic()
    with pytest.raises(FrostlineError, match="Connection refused") as caught:
        sync.run(NAMES)
    assert time.monotonic() - started < 10
    assert "\n" not in str(caught.value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    sync.run(NAMES)
    assert len(seen(f"sqlite:///{root}/.frostline/mlflow/mlflow.db", FIRST)["versions"]) == 1


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("artifacts/classifiers/{}/record.json", b"{", "dvc repro train@{}"),
        ("artifacts/classifiers/{}/record.json", b"{}", "lacks key, dataset"),
        ("artifacts/classifiers/{}/history.csv", b"epoch\nx\n", "dvc repro train@{}"),
        ("metrics/{}.json", b"[]", "dvc repro evaluate@{}"),
        ("plots/{}/classes.csv", b"class,images\ncat,9\n", "dvc repro evaluate@{}"),
        ("plots/{}/classes.csv", b"class,f1\ncat\n", "dvc repro evaluate@{}"),
        ("plots/{}/classes.csv", b"class,f1\ncat,high\n", "dvc repro evaluate@{}"),
        ("plots/{}/classes.csv", b"\xff", "dvc repro evaluate@{}"),
        ("artifacts/models/{}/agreement.json", b"\xff", "dvc repro export@{}"),
        ("artifacts/models/{}/agreement.json", b"{}", "lacks model"),
    ],
)
def test_damaged_outputs_name_the_stage_to_run(file: str, content: bytes, said: str, root: Path) -> None:
    """One line, no traceback."""
    (root / file.format(FIRST)).write_bytes(content)
    with pytest.raises(FrostlineError) as caught:
        sync.run(NAMES)
    assert said.format(FIRST) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("other", [{"key": "b" * 64}, {"dataset_digest": "f" * 64}])
def test_figures_of_an_earlier_training_are_not_this_runs(other: dict[str, Any], root: Path) -> None:
    """train has run again, evaluate has not: its old file still lies there."""
    files.write_json(root / f"metrics/{FIRST}.json", metrics(FIRST, **other))
    outputs = gathered(FIRST)
    assert outputs.metrics is None
    assert sorted(outputs.files) == ["agreement.json", "history.csv", "record.json"]
    assert outputs.model is not None


def test_f1_by_class_comes_from_the_test_splits_table(root: Path) -> None:
    """Names as they are, however they have to be quoted or escaped; empty where F1 is a share of nothing."""
    rows = (
        'class,images,precision,recall,f1\n"a, ""b""",2,1.0,0.5,0.666667\n"x\ny",0,,,\n\'=1+1,1,1.0,1.0,1.0\n'
    )
    (root / f"plots/{FIRST}/classes.csv").write_text(rows)
    assert gathered(FIRST).f1 == {'a, "b"': 0.666667, "x\ny": None, "=1+1": 1.0}


def test_figures_without_their_classes_are_of_an_older_evaluation(root: Path) -> None:
    """Half of evaluate's outputs is none: the stage has to run."""
    (root / f"plots/{FIRST}/classes.csv").unlink()
    outputs = gathered(FIRST)
    assert (outputs.metrics, outputs.f1) == (None, {})
    assert f"dvc repro evaluate@{FIRST}" in sync._missing(FIRST, outputs)


def test_a_model_without_its_proof_is_not_registered(root: Path) -> None:
    """Neither one whose proof is missing nor one whose proof is of another file."""
    folder = root / f"artifacts/models/{FIRST}"
    (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes() + b" ")
    assert gathered(FIRST).model is None
    (folder / "agreement.json").unlink()
    assert gathered(FIRST).model is None


def test_a_model_that_is_none_names_the_stage_to_run(root: Path) -> None:
    """One line, no traceback, and the next sync goes on from there."""
    folder = root / f"artifacts/models/{FIRST}"
    (folder / "model.onnx").write_bytes(b"not a model")
    files.write_json(folder / "agreement.json", {"model": files.sha256(b"not a model")})
    with pytest.raises(FrostlineError, match=f"is not an ONNX file; run `dvc repro export@{FIRST}"):
        sync.run(NAMES)
    write(root, FIRST)
    sync.run(NAMES)
    there = seen(f"sqlite:///{root}/.frostline/mlflow/mlflow.db", FIRST)
    assert (len(there["runs"]), len(there["versions"])) == (1, 1)


def test_untrained_is_nothing(root: Path) -> None:
    """Also when only half of training's outputs are there."""
    assert sync.gather(SECOND) is None
    (root / f"artifacts/classifiers/{FIRST}/history.csv").unlink()
    assert sync.gather(FIRST) is None


@pytest.mark.parametrize(
    ("version", "created", "registered", "changed", "said"),
    [
        (3, True, True, True, "created run 01234567, registered version 3"),
        (3, False, True, True, "updated run 01234567, registered version 3"),
        (3, False, False, True, "updated run 01234567, version 3"),
        (None, True, False, True, "created run 01234567, no version"),
        (3, False, False, False, "already up to date: run 01234567, version 3"),
        (None, False, False, False, "already up to date: run 01234567, no version"),
    ],
)
def test_what_was_done_in_words(
    version: int | None, created: bool, registered: bool, changed: bool, said: str
) -> None:
    """Each case says no more than happened."""
    done = Published("0123456789", version, created=created, registered=registered, changed=changed)
    assert sync.describe(done) == said
