"""The flow scoring beside a model's test images: how a run ends and what is told, on Prefect's own short-lived API."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from helpers.drift import photos, with_baseline
from helpers.models import model
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
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=280,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PREFECT_HOME": str(tmp_path / "prefect"),
             "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]),
             "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    found = json.loads(line.removeprefix("RESULT"))
    names = [(kind, name) for kind, name, _ in found["states"]]
    assert names == [("COMPLETED", "Completed"), ("COMPLETED", "Drift"), ("COMPLETED", "Nothing to do")]
    assert found["answers"] == [[401, None], [401, None], [200, None]]
    [(block, message)] = found["told"]
    assert block == "custom-webhook/told"
    assert message["subject"] == "drift"
    assert "brightness: PSI " in message["body"]
    assert message["body"] == found["states"][1][2]
