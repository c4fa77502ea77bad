"""One run and one version per content, however often, from wherever, and interrupted wherever."""

import contextlib
import functools
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import onnx
import pandas as pd
import pyarrow.parquet as pq
import pytest

from frostline import files
from frostline.commands import score
from frostline.errors import FrostlineError
from frostline.scoring import serving
from frostline.tracking import Commit, Published, database, download_model, publish, store
from frostline.tracking.session import session
from helpers.images import encoded
from helpers.images import folder as folder_of
from helpers.kills import killed, moments
from helpers.outputs import metrics, write
from helpers.servers import gathered, project, seen, sqlite


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose classifier `tiny` is trained, evaluated and exported."""
    return write(project(tmp_path / "clone", monkeypatch))


@pytest.fixture
def uri(root: Path) -> str:
    """The project's own store, empty."""
    sqlite(root / ".frostline/mlflow")
    return store()


def test_a_person_finds_everything(root: Path, uri: str) -> None:
    """Params, both kinds of metrics, files, dataset, model, version and alias."""
    published = publish(gathered(), uri=uri)
    there = seen(uri)
    run = there["runs"][0]
    sha256 = files.sha256_file(root / "artifacts/models/tiny/model.onnx")
    assert (published.created, published.registered, published.version) == (True, True, 1)
    assert len(there["runs"]) == 1
    assert (run["name"], run["status"], run["models"]) == ("tiny 87.5%", "FINISHED", 1)
    assert run["params"]["phases.head.learning_rate"] == "0.001"
    assert run["metrics"]["epoch/loss"] == [(1, "0.5"), (2, "0.4")]
    assert run["metrics"]["epoch/val_accuracy"] == [(1, "0.125"), (2, "nan")]
    assert run["metrics"]["test_accuracy"] == [(0, "0.875")]
    assert run["datasets"] == [("colours", "d" * 12)]
    assert run["files"] == [
        "agreement.json", "environment/requirements.txt", "history.csv", "metrics.json",
        "plots/classes.csv", "plots/confusion.csv", "plots/confusion.png", "record.json",
    ]  # fmt: skip
    assert run["tags"]["note"] == "random weights: smoke test only"
    told = run["tags"]["mlflow.note.content"]
    assert told.startswith("**random weights: smoke test only**\n\nTest accuracy **87.5%** (41 images, ")
    assert there["models"] == [("tiny", "READY", {"frostline.model_sha256": sha256})]
    (number, tags, note), *others = there["versions"]
    assert (number, note, others) == (1, told, [])
    assert tags.pop("frostline.described") == run["tags"]["frostline.described"]
    assert tags == {
        "frostline.model_sha256": sha256, "dataset": "colours",
        "test_accuracy": "0.8750", "test_accuracy_low": "0.7750",
        "test_accuracy_high": "0.9250", "test_loss": "0.1250", "test_images": "41",
    }  # fmt: skip
    assert there["aliases"] == {"challenger": "1"}
    assert sorted(path.name for path in root.iterdir() if path.name.startswith("ml")) == []


def test_the_logged_model_is_the_exported_file_and_loads(root: Path, uri: str) -> None:
    """MLflow's own ways to load it work, pinned to what scoring needs, with contract and example."""
    publish(gathered(), uri=uri)
    address = "models:/tiny@challenger"
    with session(uri):
        folder = Path(mlflow.artifacts.download_artifacts(address, dst_path=str(root / "there")))
        loaded = mlflow.onnx.load_model(address)
        info = mlflow.models.get_model_info(address)
    exported = root / "artifacts/models/tiny/model.onnx"
    assert (folder / "data/model.onnx").read_bytes() == exported.read_bytes()
    assert loaded == onnx.load(exported)
    wanted = (folder / "requirements.txt").read_text().splitlines()
    assert {line.split("==")[0] for line in wanted} == {
        "mlflow", "numpy", "onnxruntime-gpu", "pandas", "pillow", "pyarrow",
    }  # fmt: skip
    assert info.metadata["frostline"]["classes"] == ["blue", "green", "red"]
    assert info.signature.inputs.input_names() == ["image"]
    assert info.signature.outputs.input_names() == list(serving.OUTPUTS)
    assert {param.name: param.default for param in info.signature.params} == serving.PARAMS
    assert info.saved_input_example_info["serving_input_path"] == "serving_input_example.json"
    assert (folder / "serving_input_example.json").stat().st_size > 100


def test_pyfunc_agrees_with_score(root: Path, uri: str) -> None:
    """Files of several kinds and one that is none, through MLflow and through `frostline score`."""
    publish(gathered(), uri=uri)
    contents = {f"{n}.{kind}": encoded(n, kind=kind) for n, kind in enumerate(("png", "jpeg", "webp"))}
    contents["3.png"] = b"not an image"
    source = folder_of(root / "photos", contents)
    options = {"precision": "auto", "threads": None, "min_confidence": 0.0, "features": False}
    score.run(
        [str(source)], model="tiny", out=root / "s.parquet", device="cpu", batch_size=2, top_k=1, **options
    )
    rows = pq.read_table(root / "s.parquet").to_pylist()
    with session(uri):
        loaded = mlflow.pyfunc.load_model("models:/tiny@challenger")
        said = loaded.predict(pd.DataFrame({"image": [contents[row["path"]] for row in rows]}))
    for one, other in zip(said.to_dict("records"), rows, strict=True):
        assert (one["status"], one["error"], one["label"]) == (
            other["status"],
            other["error"],
            other["label"],
        )
        assert one["probs"] == (pytest.approx(other["probs"], abs=1e-6) if other["probs"] else None)


def test_again_changes_nothing(uri: str) -> None:
    """And says so."""
    first = publish(gathered(), uri=uri)
    before = seen(uri)
    again = publish(gathered(), uri=uri)
    assert again == Published(first.run_id, 1, created=False, registered=False, changed=False)
    assert seen(uri) == before


def test_another_clone_finds_the_same_run_and_version(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is content; where the outputs lie is not."""
    first = publish(gathered(), uri=uri)
    before = seen(uri)
    write(project(tmp_path / "elsewhere", monkeypatch))
    second = publish(gathered(), uri=uri)
    assert (second.run_id, second.version, second.changed) == (first.run_id, 1, False)
    assert seen(uri) == before


PIPES: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


class Killed(BaseException):
    """As a kill, nothing may catch it."""


class Mortal:
    """A client that dies before or after its n-th call that writes."""

    def __init__(self, client: Any, *, calls: int, after: bool) -> None:
        self.client, self.left, self.after = client, calls, after

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self.client, name)
        if name.startswith(("get_", "search_", "list_")):
            return method  # type: ignore[no-any-return]

        def call(*values: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left < 0 and not self.after:
                raise Killed(name)
            result = method(*values, **options)
            if self.left < 0:
                raise Killed(name)
            return result

        return call


def _mortal(client: Any, *, calls: int, after: bool, **address: str) -> Mortal:
    return Mortal(client(**address), calls=calls, after=after)


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(False, marks=pytest.mark.slow, id="before the call"),
        pytest.param(True, id="after the call"),
    ],
)
def test_killed_at_any_step_and_called_again_nothing_is_twice(
    after: bool, root: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For calls that write: die there in a fresh store, call again, find what one call leaves.

    Before a call is after the one before it: the slow test dies at each of them, the other at every fifth.
    """
    commit, client = Commit("f" * 40, dirty=True), mlflow.MlflowClient
    publish(gathered(), uri=uri, commit=commit)
    whole = seen(uri)
    for steps in range(0, 100, 5 if after else 1):
        store_uri = sqlite(root / f"store-{steps}")
        mortal = functools.partial(_mortal, client, calls=steps, after=after)
        monkeypatch.setattr(mlflow, "MlflowClient", mortal)
        died = False
        try:
            publish(gathered(), uri=store_uri, commit=commit)
        except Killed:
            died = True
        monkeypatch.setattr(mlflow, "MlflowClient", client)
        publish(gathered(), uri=store_uri, commit=commit)
        assert seen(store_uri) == whole, f"after dying at step {steps}"
        if not died:
            break
    assert steps >= 15


@pytest.mark.slow
@pytest.mark.parametrize("first", [True, False], ids=["first sync", "later sync"])
def test_sync_killed_at_random_moments(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, first: bool
) -> None:
    """Of the process itself, in a project of its own each time; the next sync leaves what one in one go does."""
    sync_it = (sys.executable, "-c", "from frostline.tracking import sync; sync.run(['tiny'])")
    if not first:
        sqlite(root / ".frostline/mlflow")

    def fresh(name: str) -> Path:
        return shutil.copytree(root, tmp_path / name)

    def found(place: Path) -> dict[str, Any]:
        monkeypatch.chdir(place)
        return seen(store())

    whole = fresh("whole")
    for number, after in enumerate(moments(sync_it, whole, many=6, seed=11)):
        place = fresh(str(number))
        killed(sync_it, place, after=after)
        subprocess.run(sync_it, cwd=place, check=True, capture_output=True)
        assert found(place) == found(whole), after


@pytest.mark.slow
def test_two_processes_at_once_on_a_fresh_store(root: Path) -> None:
    """Both also want to make its tables."""
    program = (
        "from frostline import tracking; from frostline.tracking import sync\n"
        "print(tracking.publish(sync.gather('tiny'), uri=tracking.store()).run_id)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    answers = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert {err for _, err in answers} == {b""}
    there = seen(store())
    assert (len(there["runs"]), len(there["models"]), len(there["versions"])) == (1, 1, 1)


def test_two_machines_at_once_end_with_one_run_and_one_version(uri: str) -> None:
    """Their locks know nothing of each other: the older stays, the younger goes."""
    first = publish(gathered(), uri=uri)
    with session(uri) as client:
        run = client.get_run(first.run_id)
        mine = {name: value for name, value in run.data.tags.items() if name.startswith("frostline.")}
        client.create_run(run.info.experiment_id, tags=mine, start_time=run.info.start_time + 5)
    assert publish(gathered(), uri=uri).run_id == first.run_id
    assert len(seen(uri)["runs"]) == 1


def test_a_version_that_another_machine_made_meanwhile_is_the_one(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours, made a moment later, goes again."""
    client = mlflow.MlflowClient
    made: list[Any] = []

    class Raced(client):  # type: ignore[valid-type, misc]
        def create_model_version(self, *values: Any, **options: Any) -> Any:
            made.append(super().create_model_version(*values, **options))
            return super().create_model_version(*values, **options)

    monkeypatch.setattr(mlflow, "MlflowClient", Raced)
    assert publish(gathered(), uri=uri).version == 1
    assert [number for number, _, _ in seen(uri)["versions"]] == [1]
    assert len(made) == 1


def test_a_deleted_run_and_experiment_come_back(uri: str) -> None:
    """What the outputs say stands in the store."""
    first = publish(gathered(), uri=uri)
    before = seen(uri)
    with session(uri) as client:
        experiment = client.get_run(first.run_id).info.experiment_id
        client.delete_run(first.run_id)
        client.delete_experiment(experiment)
    assert publish(gathered(), uri=uri).run_id == first.run_id
    assert seen(uri) == before


def test_a_deleted_version_is_registered_again(uri: str) -> None:
    """The run says that all was there; the registry decides."""
    publish(gathered(), uri=uri)
    with session(uri) as client:
        client.delete_registered_model("tiny")
    published = publish(gathered(), uri=uri)
    assert (published.registered, published.created) == (True, False)
    assert [number for number, _, _ in seen(uri)["versions"]] == [1]
    assert seen(uri)["aliases"] == {"challenger": "1"}
    assert len(seen(uri)["models"]) == 1


def test_another_training_is_another_run_and_the_new_challenger(root: Path, uri: str) -> None:
    """Going back to the first recipe finds the first run, and the newest stays challenger."""
    first = publish(gathered(), uri=uri)
    write(root, key="b" * 64)
    second = publish(gathered(), uri=uri)
    assert (second.created, second.version) == (True, 2)
    assert second.run_id != first.run_id
    assert seen(uri)["aliases"] == {"challenger": "2"}
    write(root)
    assert publish(gathered(), uri=uri).run_id == first.run_id
    assert seen(uri)["aliases"] == {"challenger": "2"}


def test_a_champion_is_not_its_own_challenger(uri: str) -> None:
    """After a promotion took the alias away, a sync does not bring it back."""
    publish(gathered(), uri=uri)
    with session(uri) as client:
        client.set_registered_model_alias("tiny", "champion", "1")
        client.delete_registered_model_alias("tiny", "challenger")
        client.set_tag(client.search_runs(["1"])[0].info.run_id, "frostline.synced", "")
    assert publish(gathered(), uri=uri).changed
    assert seen(uri)["aliases"] == {"champion": "1"}


def test_a_new_evaluation_of_the_same_training_updates_its_run(root: Path, uri: str) -> None:
    """The figures follow; curves, params and the version stay as they are."""
    first = publish(gathered(), uri=uri)
    changed = metrics()
    changed["test"]["accuracy"] = 0.5
    files.write_json(root / "metrics/tiny.json", changed)
    again = publish(gathered(), uri=uri)
    run = seen(uri)["runs"][0]
    assert (again.run_id, again.changed, again.registered) == (first.run_id, True, False)
    with session(uri) as client:
        assert client.get_run(first.run_id).data.metrics["test_accuracy"] == 0.5
    assert run["metrics"]["epoch/loss"] == [(1, "0.5"), (2, "0.4")]
    assert run["metrics"]["test_loss"] == [(0, "0.125")]


def test_trained_only_then_the_rest(root: Path, uri: str) -> None:
    """A run does not wait for the later stages, and takes them when they come."""
    metrics_file, model = root / "metrics/tiny.json", root / "artifacts/models/tiny/model.onnx"
    kept = {path: path.read_bytes() for path in (metrics_file, model)}
    for path in kept:
        path.unlink()
    first = publish(gathered(), uri=uri)
    assert (first.version, first.created) == (None, True)
    assert "test_accuracy" not in seen(uri)["runs"][0]["metrics"]
    for path, content in kept.items():
        path.write_bytes(content)
    second = publish(gathered(), uri=uri)
    assert (second.run_id, second.version, second.registered) == (first.run_id, 1, True)
    assert "test_accuracy" in seen(uri)["runs"][0]["metrics"]


@pytest.mark.parametrize(
    ("commits", "expected"),
    [
        ([None], None),
        ([Commit("1" * 40, dirty=True)], ("1" * 40, "true")),
        ([Commit("1" * 40, dirty=True), Commit("2" * 40, dirty=True)], ("1" * 40, "true")),
        ([Commit("1" * 40, dirty=True), Commit("2" * 40, dirty=False)], ("2" * 40, "false")),
        ([Commit("1" * 40, dirty=False), Commit("2" * 40, dirty=False)], ("1" * 40, "false")),
        ([Commit("1" * 40, dirty=False), Commit("2" * 40, dirty=True)], ("1" * 40, "false")),
        ([None, Commit("2" * 40, dirty=False)], ("2" * 40, "false")),
    ],
)
def test_the_commit_is_the_first_clean_one(
    commits: list[Commit | None], expected: tuple[str, str] | None, uri: str
) -> None:
    """Outputs are made in a dirty tree and committed then; later commits have no claim."""
    for commit in commits:
        publish(gathered(), uri=uri, commit=commit)
    tags = seen(uri)["runs"][0]["tags"]
    found = (tags.get("mlflow.source.git.commit"), tags.get("mlflow.source.git.dirty"))
    assert found == (expected or (None, None))


def test_a_persons_description_stays(root: Path, uri: str) -> None:
    """What somebody wrote on the run's page is not ours to overwrite."""
    run_id = publish(gathered(), uri=uri).run_id
    with session(uri) as client:
        client.set_tag(run_id, "mlflow.note.content", "best so far")
    (root / "plots/tiny/new.png").write_bytes(b"png")
    assert publish(gathered(), uri=uri).changed
    assert seen(uri)["runs"][0]["tags"]["mlflow.note.content"] == "best so far"


def test_names_and_descriptions_follow_the_outputs_unless_a_person_wrote_them(root: Path, uri: str) -> None:
    """A new evaluation changes ours, of the run and of its version; a given name and description stay."""
    run_id = publish(gathered(), uri=uri).run_id
    (root / "metrics/tiny.json").write_text(json.dumps(metrics(test=metrics()["train"])))
    (root / "reports/classifiers/tiny").mkdir(parents=True)
    (root / "reports/classifiers/tiny/report.html").write_text("<p>report</p>")
    publish(gathered(), uri=uri)
    there = seen(uri)
    assert there["runs"][0]["name"] == "tiny 93.8%"
    assert "report.html" in there["runs"][0]["files"]
    (_, _, told), *_ = there["versions"]
    assert "accuracy **93.8%**" in told
    assert f"/runs/{run_id}/artifacts/report.html)" in told
    with session(uri) as client:
        client.update_run(run_id, name="mine")
        client.update_model_version("tiny", "1", "ours")
    (root / "metrics/tiny.json").write_text(json.dumps(metrics()))
    publish(gathered(), uri=uri)
    assert (seen(uri)["runs"][0]["name"], seen(uri)["versions"][0][2]) == ("mine", "ours")


def test_an_experiment_is_a_run_without_a_version(uri: str) -> None:
    """What nobody took up is no challenger; taken up, it becomes one, and its run is the same."""
    first = publish(gathered(), uri=uri, version_too=False)
    assert (first.created, first.version) == (True, None)
    assert not publish(gathered(), uri=uri, version_too=False).changed
    taken = publish(gathered(), uri=uri)
    assert (taken.run_id, taken.version, taken.registered) == (first.run_id, 1, True)
    assert not publish(gathered(), uri=uri, version_too=False).changed


def test_a_moved_project_keeps_its_runs_and_their_files(
    root: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under another path the run, its pictures and its model are read, a sync has nothing to bring, and a
    new training is written there; nothing is left or looked for in the old place."""
    first = publish(gathered(), uri=uri)
    before = seen(uri)
    there = tmp_path / "moved to ä place"
    root.rename(there)
    monkeypatch.chdir(there)
    with session(store()) as client:
        run = client.get_run(first.run_id)
        assert run.info.artifact_uri.startswith((there / ".frostline/mlflow/artifacts").as_uri())
        picture = Path(client.download_artifacts(first.run_id, "plots/confusion.png", str(tmp_path)))
    assert picture.read_bytes() == (there / "plots/tiny/confusion.png").read_bytes()
    model = there / "artifacts/models/tiny/model.onnx"
    assert download_model("models:/tiny@challenger").read_bytes() == model.read_bytes()
    assert seen(store()) == before
    assert not publish(gathered(), uri=store()).changed
    write(there, key="b" * 64)
    assert publish(gathered(), uri=store()).version == 2
    assert not root.exists()
    assert _places(there) == []


def _places(there: Path) -> list[str]:
    """Files' places in a store's database that lie outside the project."""
    with contextlib.closing(sqlite3.connect(there / ".frostline/mlflow/mlflow.db")) as connection:
        found = [
            row[0]
            for table, column in database.COLUMNS
            for row in connection.execute(f"SELECT {column} FROM {table}").fetchall()
        ]
    return [each for each in found if each and each.startswith("file:") and there.as_uri() not in each]


def test_a_store_of_someone_else_is_left_alone(
    root: Path, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that a team shares by its path keeps its files where it says, whoever opens it."""
    publish(gathered(), uri=uri)
    monkeypatch.chdir(write(project(tmp_path / "colleague", monkeypatch)))
    content = (root / ".frostline/mlflow/mlflow.db").read_bytes()
    database.relocate(uri)
    assert (root / ".frostline/mlflow/mlflow.db").read_bytes() == content


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"this is not a database, but it is long enough to be read", "file is not a database")],
)
def test_a_damaged_store_is_one_line(content: bytes, said: str, root: Path) -> None:
    """SQLAlchemy's page of text stays inside."""
    (root / "broken.db").write_bytes(content * 100)
    with pytest.raises(FrostlineError, match=said) as caught:
        publish(gathered(), uri=f"sqlite:///{root}/broken.db")
    assert "\n" not in str(caught.value)
    assert "nothing is lost" in str(caught.value)


def test_quiet_and_the_environment_as_before(
    uri: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No links, bars, migrations or settings are left on the user's screen or in his environment."""
    import os

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    before = dict(os.environ)
    publish(gathered(), uri=uri)
    assert capfd.readouterr() == ("", "")
    assert dict(os.environ) == before
