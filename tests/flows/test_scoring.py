"""The flow scoring beside a model's test images: how a run ends and what is told, on Prefect's own short-lived API."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from frostline.commands import score
from helpers.drift import photos, with_baseline
from helpers.models import model, telling_unknown
from helpers.params import WHOLE

ROOT = Path(__file__).parents[2]
CODE = """
import json, os
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from flows.scoring import scoring
from prefect.server.api.server import SubprocessASGIServer
from frostline.automation.credential import authorization
from frostline.automation import flow_runs
told = []
flow_runs.notify = lambda block, **message: told.append((block, message))
found = []
for folder in ("same", "dark", "dark"):
    state = scoring(folder, "model.onnx", notify="custom-webhook/told", return_state=True)
    found.append((state.type.value, state.name, state.message))
[own] = [each for each in SubprocessASGIServer._instances.values() if each.running]
answers = []
for headers in ({}, {"origin": "http://evil.example"}, authorization(os.environ["PREFECT_API_AUTH_STRING"])):
    try:
        with urlopen(Request(f"{own.api_url}/version", headers=headers)) as answer:
            answers.append((answer.status, answer.headers.get("access-control-allow-origin")))
    except HTTPError as error:
        answers.append((error.code, error.headers.get("access-control-allow-origin")))
print("RESULT" + json.dumps({"states": found, "told": told, "answers": answers}))
"""


def _run(code: str, place: Path) -> Any:
    """What a program prints after RESULT, in a folder, on a server of Prefect's of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, capture_output=True, text=True, check=False, timeout=280,
        env={"PATH": os.environ["PATH"], "HOME": str(place), "PREFECT_HOME": str(place / "prefect"),
             "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
             "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    return json.loads(line.removeprefix("RESULT"))


@pytest.mark.slow
@pytest.mark.timeout(290)
def test_drift_marks_the_run(tmp_path: Path) -> None:
    """Like the test images: Completed. Darker: Drift, told through the block, every row there, nothing again.

    The server that Prefect started for it answers no foreign page, and nobody without this run's login.
    """
    content = with_baseline(photos(tmp_path / "tested", 300, seed=1), model(features=True))
    (tmp_path / "model.onnx").write_bytes(content)
    photos(tmp_path / "same", 60, seed=2)
    photos(tmp_path / "dark", 60, seed=3, light=0.5)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(WHOLE))
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    found = _run(CODE, tmp_path)
    names = [(kind, name) for kind, name, _ in found["states"]]
    assert names == [("COMPLETED", "Completed"), ("COMPLETED", "Drift"), ("COMPLETED", "Nothing to do")]
    assert found["answers"] == [[401, None], [401, None], [200, None]]
    [(block, message)] = found["told"]
    assert block == "custom-webhook/told"
    assert message["subject"] == "drift"
    assert "brightness: PSI " in message["body"]
    assert message["body"] == found["states"][1][2]


ASKED = """
import json
from flows.scoring import scoring
state = scoring("photos", "model.onnx", unknown=0.05, coverage=0.9, page=True, return_state=True)
print("RESULT" + json.dumps([state.type.value, state.message]))
"""


@pytest.mark.slow
@pytest.mark.timeout(290)
def test_the_answers_are_those_of_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --unknown, --coverage and --page: the same rows, and the page; the run says how many are unlike."""
    monkeypatch.chdir(tmp_path)
    Path("model.onnx").write_bytes(telling_unknown())
    photos(tmp_path / "photos", 20, seed=2)
    Path("params.yaml").write_text(yaml.safe_dump(WHOLE))
    Path("dvc.yaml").write_text("stages: {}\n")
    kind, message = _run(ASKED, tmp_path)
    [rows] = Path("scores").glob("*.parquet")
    score.run(["photos"], model="model.onnx", out=Path("by hand.parquet"), unknown=0.05, coverage=0.9)
    flow, hand = (pq.read_table(path).sort_by("path") for path in (rows, Path("by hand.parquet")))
    columns = ["status", "label", "prob", "probs", "unknown", "prediction_set", "model"]
    assert flow.select(columns) == hand.select(columns)
    unlike = flow["status"].to_pylist().count("unknown")
    assert unlike > 0
    assert kind == "COMPLETED"
    assert f"20 images scored into {rows}, {unlike} unlike the training images" in message
    assert ">Unknown<" in rows.with_name(f"{rows.name}.html").read_text()
