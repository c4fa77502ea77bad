"""`mlflow models serve` as the docs have it: a real server, a real request, the rows of `frostline score`."""

import base64
import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from ruamel.yaml import YAML

from frostline import tracking
from frostline.commands import score
from frostline.files import sha256
from frostline.stages import evaluate, export, preprocess, train, weights
from frostline.tracking import publish
from helpers.images import archive, classes, encoded
from helpers.images import folder as folder_of
from helpers.models import contract, telling_unknown
from helpers.networks import KERAS_COPIES
from helpers.onnx_networks import written
from helpers.outputs import KEY, write
from helpers.params import LENIENT, PRETRAINED, WHOLE, changed
from helpers.servers import free_port, gathered, project, sqlite

pytestmark = KERAS_COPIES
SECONDS = 180


@contextlib.contextmanager
def serving(model: str, *, store: str, folder: Path) -> Iterator[str]:
    """The address of a served model, in an environment without this project's folder; ended by its own group."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        **os.environ, "MLFLOW_TRACKING_URI": store, "MLFLOW_DISABLE_TELEMETRY": "true",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }  # fmt: skip
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        for _ in range(SECONDS * 2):
            assert process.poll() is None, (folder / "serve.log").read_text()
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5),
            ):
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def asked(address: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The answer to one request."""
    request = urllib.request.Request(
        f"{address}/invocations", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return list(json.loads(answer.read())["predictions"])


@pytest.mark.slow
def test_a_served_model_answers_over_http_as_score_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos of three kinds and a file that is none, in both of MLflow's forms of a table, plainly and with what
    `frostline score` can be asked for.
    """
    root = _with_unknown(write(project(tmp_path / "project", monkeypatch)))
    store = sqlite(root / ".frostline/mlflow")
    publish(gathered(), uri=store)
    contents = {f"{n}.{kind}": encoded(n, kind=kind) for n, kind in enumerate(("png", "jpeg", "webp"))}
    contents |= {"3.png": b"not an image", "4.png": _red()}
    source = folder_of(root / "photos", contents)
    (tmp_path / "elsewhere").mkdir()
    asked_for: tuple[dict[str, float], ...] = ({}, {"unknown": 0.05, "coverage": 0.9, "min_confidence": 0.4})
    with serving("models:/tiny@challenger", store=store, folder=tmp_path / "elsewhere") as address:
        for number, params in enumerate(asked_for):
            rows = _scored(source, root / f"scores-{number}.parquet", **params)
            images = [base64.b64encode(contents[row["path"]]).decode() for row in rows]
            table = {"dataframe_split": {"columns": ["image"], "data": [[image] for image in images]}}
            split = asked(address, {**table, "params": params})
            records = asked(
                address, {"dataframe_records": [{"image": each} for each in images], "params": params}
            )
            assert split == records
            _equal(split, rows)
            assert rows[3]["status"] == "error"
            assert ("prediction_set" in split[0]) == bool(params)
        assert {row["status"] for row in rows} == {
            "ok",
            "abstained",
            "unknown",
            "error",
        }  # of the last request
        with pytest.raises(urllib.error.HTTPError) as refused:
            asked(address, {**table, "params": {"unknown": 5}})
    assert refused.value.code == 400
    assert "--unknown 5: use a share" in json.loads(refused.value.read())["message"]


def _with_unknown(root: Path) -> Path:
    """The exported model tells how unlike the training images an image is."""
    folder = root / "artifacts/models/tiny"
    content = telling_unknown(contract(recipe=KEY))
    (folder / "model.onnx").write_bytes(content)
    (folder / "agreement.json").write_text(json.dumps({"model": sha256(content)}))
    return root


def _red() -> bytes:
    """A picture that is unlike all that is grey."""
    content = io.BytesIO()
    Image.new("RGB", (30, 20), "red").save(content, "png")
    return content.getvalue()


def _scored(source: Path, out: Path, *, model: str = "tiny", **asked: float) -> list[dict[str, Any]]:
    """The rows of `frostline score`."""
    options = {"precision": "auto", "threads": None, "features": False, "top_k": 1, **asked}
    score.run([str(source)], model=model, out=out, device="cpu", batch_size=2, **options)
    return list(pq.read_table(out).to_pylist())


def _equal(served: list[dict[str, Any]], scored: list[dict[str, Any]]) -> None:
    """Every column that a server gives."""
    for answer, row in zip(served, scored, strict=True):
        for name, value in answer.items():
            near = name in ("prob", "probs", "unknown") and row[name] is not None
            assert value == (pytest.approx(row[name], abs=1e-6) if near else row[name]), name


NET = {
    "backbone": "onnx",
    "source": "net.onnx",
    "input": {"channels": "BGR", "scale": 1.0, "mean": [103.0, 116.0, 123.0], "std": [50.0, 60.0, 70.0]},
    "taps": {
        "vector": {"pooling": "none", "prefix_tokens": 0},
        "map": {"pooling": "mean", "prefix_tokens": 0},
    },
}
SOLVED = {
    **changed(
        PRETRAINED,
        {
            "weights": "net",
            "network.end_at": None,
            "network.head": {"pooling": "flatten", "standardize": True, "dense": {}, "dropout": 0.0},
        },
    ),
    "phases": {"head": {"freeze": "all", "solver": "logistic", "C": [0.01, 0.1]}},
}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_so_does_one_on_the_network_of_an_onnx_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the file through every stage into the registry, and out of it by HTTP."""
    root = project(tmp_path / "project", monkeypatch)
    archive(root / "data/shapes.zip", classes({"circle": 15, "square": 14, "star": 13}))
    written(root / "pretrained/net.onnx", size=None)
    changes = {"weights.net": NET, "classifiers": {"solved": SOLVED}, "datasets.shapes.audit": LENIENT}
    with Path("params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(changed(WHOLE, changes), file)
    weights.run("net")
    preprocess.run("shapes")
    train.run("solved", live=tracking.live)
    evaluate.run("solved")
    export.run("solved")
    store = sqlite(root / ".frostline/mlflow")
    publish(gathered("solved"), uri=store)
    contents = {f"{n}.png": encoded(n, kind="png") for n in range(3)} | {"3.png": b"not an image"}
    rows = _scored(folder_of(root / "photos", contents), root / "scores.parquet", model="solved")
    images = [[base64.b64encode(contents[row["path"]]).decode()] for row in rows]
    (tmp_path / "elsewhere").mkdir()
    with serving("models:/solved@challenger", store=store, folder=tmp_path / "elsewhere") as address:
        served = asked(address, {"dataframe_split": {"columns": ["image"], "data": images}})
    _equal(served, rows)
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "error"]
