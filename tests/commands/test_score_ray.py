"""score --engine ray: the local engine's rows, on a cluster of this machine's own."""

import contextlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline.commands import score
from frostline.errors import FrostlineError, InputError
from frostline.features import ray_cluster
from frostline.files import read_json
from frostline.scoring import journal
from helpers.images import archive, encoded, folder
from helpers.models import model, telling_unknown

OPTIONS: dict[str, Any] = {
    "device": "cpu", "precision": "auto", "batch_size": 4, "threads": None, "top_k": 2,
    "min_confidence": 0.0, "features": True,
}  # fmt: skip
PHOTOS = {f"a/{seed:02}.png": encoded(seed, height=21 + seed, width=90 - seed) for seed in range(70)}
BAD = {"a/empty.jpg": b"", "b/page.jpg": b"<!DOCTYPE html><html>not found</html>"}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Photos, as a folder and as an archive, and a model."""
    folder(tmp_path / "photos", PHOTOS | BAD)
    archive(tmp_path / "photos.zip", PHOTOS | BAD)
    (tmp_path / "model.onnx").write_bytes(model(features=True))
    return tmp_path


def run(place: Path, source: str, **changes: Any) -> Any:
    """The rows of a job as a table."""
    out = place / "scores.parquet"
    score.run([str(place / source)], model=str(place / "model.onnx"), out=out, **(OPTIONS | changes))
    return pq.read_table(out)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", ["photos", "photos.zip"])
def test_rows_are_those_of_the_local_engine(
    place: Path, source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bit for bit on one machine; the job file names the actors, and the summary their processes."""
    how: dict[str, Any] = {"drift": True, "drift_limit": 1.0}  # its columns too
    local = run(place, source, **how)
    assert local["embedding"].null_count == len(BAD)
    capsys.readouterr()
    assert run(place, source, engine="ray", **how).equals(local)
    said = read_json(place / "scores.parquet.job.json", made_by="score")["engine"]
    assert (said["name"], said["machines"]) == ("ray", 1)
    assert sum(each["images"] for each in said["workers"]) == len(PHOTOS) + len(BAD)
    told = capsys.readouterr().out
    assert all(f"process {each['process']} on" in told for each in said["workers"])


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_unknown_and_sets_are_those_of_the_local_engine(place: Path) -> None:
    """Bit for bit, and the same images are refused; the page lies beside."""
    (place / "model.onnx").write_bytes(telling_unknown())
    how: dict[str, Any] = {"unknown": 0.05, "coverage": 0.9, "features": False, "page": True}
    local = run(place, "photos", **how)
    assert {"ok", "unknown", "error"} == set(local["status"].to_pylist())
    assert run(place, "photos", engine="ray", **how).equals(local)
    assert (place / "scores.parquet.html").is_file()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_job_that_broke_goes_on_there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begun here, ended on the cluster: finished shards are kept, rows are those of one go."""
    whole = run(place, "photos")
    real, calls = journal.Journal.add, []

    def breaks(shards: journal.Journal, table: Any) -> None:
        calls.append(table.num_rows)
        if len(calls) > 10:
            raise FrostlineError("the disk is full")
        real(shards, table)
        shards.flush()

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "add", breaks)
        with pytest.raises(FrostlineError, match="the disk is full"):
            run(place, "photos")
    assert run(place, "photos", engine="ray", resume=True).equals(whole)
    said = read_json(place / "scores.parquet.job.json", made_by="score")
    worked = sum(each["images"] for each in said["engine"]["workers"])
    assert worked == len(PHOTOS) + len(BAD) - sum(calls[:10])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"engine": "spark"}, "--engine spark: use one of local, ray"),
        ({"ray_address": "host:10001"}, "--ray-address host:10001: only with --engine ray"),
        ({"engine": "ray", "keep_features": True}, "--keep-features: works in this process only"),
        ({"engine": "ray", "ray_address": "nowhere"}, "--ray-address nowhere: use HOST:PORT"),
    ],
)
def test_what_cannot_be(place: Path, changes: dict[str, Any], line: str) -> None:
    """One line each, and nothing is written."""
    with pytest.raises(InputError) as caught:
        run(place, "photos", **changes)
    assert str(caught.value).startswith(line)
    assert not list(place.glob("scores*"))


@pytest.mark.parametrize(
    ("source", "name", "changes", "line"),
    [
        ("nowhere", "model.onnx", {}, "no such file or folder"),
        ("empty", "model.onnx", {}, "no images in"),
        ("photos", "none.onnx", {}, "no model file"),
        ("photos", "broken.onnx", {}, r"broken\.onnx: ONNX Runtime cannot load it"),
        ("photos", "model.onnx", {"precision": "int8"}, r"int8: there is no .*model\.int8\.onnx"),
        ("photos", "model.onnx", {"precision": "int8", "device": "cuda"}, "int8: cuda has float32, float16"),
        ("photos", "model.onnx", {"out": "begun.parquet"}, "holds 3 finished rows of a job"),
    ],
)
def test_what_is_wrong_is_said_before_a_cluster_is_joined(
    place: Path, source: str, name: str, changes: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Source, model, options and output: to start a cluster takes many seconds."""
    (place / "empty").mkdir()
    (place / "broken.onnx").write_bytes(b"no")
    with contextlib.suppress(KeyboardInterrupt):
        interrupted(place / "begun.parquet")
    options = OPTIONS | {"engine": "ray", "out": "scores.parquet"} | changes
    out = place / options.pop("out")
    monkeypatch.setattr(ray_cluster, "join", lambda _: pytest.fail("a cluster was joined"))
    with pytest.raises(InputError, match=line):
        score.run([str(place / source)], model=str(place / name), out=out, **options)


def interrupted(out: Path) -> None:
    """A job of three rows that was stopped."""
    with journal.open_journal(out, {}, resume=False) as shards:
        shards.add(pa.table({"path": ["a", "b", "c"]}))
        raise KeyboardInterrupt


def test_nobody_answers(place: Path) -> None:
    """The output stays as it was."""
    with pytest.raises(FrostlineError, match=r"no Ray cluster answers at 127\.0\.0\.1:1"):
        run(place, "photos", engine="ray", ray_address="127.0.0.1:1")
    assert not list(place.glob("scores*"))
