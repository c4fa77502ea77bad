"""`mlflow models serve` as the docs have it: a real server, a real request, the rows of `frostline score`."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from frostline.commands import score
from frostline.tracking import publish
from helpers.images import encoded
from helpers.images import folder as folder_of
from helpers.outputs import write
from helpers.servers import free_port, gathered, project, sqlite

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
    """Photos of three kinds and a file that is none, in both of MLflow's forms of a table."""
    root = write(project(tmp_path / "project", monkeypatch))
    store = sqlite(root / ".frostline/mlflow")
    publish(gathered(), uri=store)
    contents = {f"{n}.{kind}": encoded(n, kind=kind) for n, kind in enumerate(("png", "jpeg", "webp"))}
    contents["3.png"] = b"not an image"
    options = {"precision": "auto", "threads": None, "min_confidence": 0.0, "features": False, "top_k": 1}
    source, out = folder_of(root / "photos", contents), root / "scores.parquet"
    score.run([str(source)], model="tiny", out=out, device="cpu", batch_size=2, **options)
    rows = pq.read_table(out).to_pylist()
    images = [base64.b64encode(contents[row["path"]]).decode() for row in rows]
    (tmp_path / "elsewhere").mkdir()
    with serving("models:/tiny@challenger", store=store, folder=tmp_path / "elsewhere") as address:
        split = asked(address, {"dataframe_split": {"columns": ["image"], "data": [[i] for i in images]}})
        records = asked(address, {"dataframe_records": [{"image": each} for each in images]})
    assert split == records
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "error"]
    for served, row in zip(split, rows, strict=True):
        assert [served[name] for name in ("status", "error", "label")] == [
            row[name] for name in ("status", "error", "label")
        ]
        assert served["probs"] == (pytest.approx(row["probs"], abs=1e-6) if row["probs"] else None)
