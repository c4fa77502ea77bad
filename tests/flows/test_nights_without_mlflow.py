"""MLflow goes away in the middle of a night and comes back: training does not wait, its results arrive."""

import subprocess
from pathlib import Path

import psutil
import pytest

from frostline.automation import prefect_api, servers, supervisor
from frostline.automation.credential import authorization
from helpers.nights import PATIENCE, api, outside, served, wait
from helpers.projects import BIN
from helpers.servers import free_port, sqlite
from test_end_to_end import TINY, project

LOGIN = "frostline:a-login-of-these-tests"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_mlflow_asleep_and_back(tmp_path: Path) -> None:
    """Training does not wait for MLflow; sync is tried again until it is back."""
    with served(tmp_path) as nights:
        mlflow = nights.part("mlflow")
        family = [mlflow, *mlflow.children(recursive=True)]
        for each in family:
            each.suspend()
        try:
            run = nights.start("training/training")
            wait(
                lambda: [each["name"] for each in nights.tasks(run) if each["state_name"] == "AwaitingRetry"],
                why="sync to be tried again",
            )
        finally:
            for each in family:
                each.resume()
        nights.became(run, "COMPLETED")
        assert [t["state_type"] for t in nights.tasks(run) if t["name"].startswith("sync")] == ["COMPLETED"]
        assert nights.clean()


def test_mlflow_killed_and_started_again(tmp_path: Path) -> None:
    """On its old port and store: the same run goes on and ends well, and MLflow has the results."""
    root = project(tmp_path / "project", TINY)
    ports = {"api_port": free_port(), "mlflow_port": free_port()}
    shared = {**servers.environment(**ports, login=LOGIN), "PREFECT_HOME": str(tmp_path / "prefect")}
    mlflow = servers.mlflow(store=sqlite(tmp_path), files=tmp_path / "files", port=ports["mlflow_port"])
    with supervisor.running(
        servers.prefect(port=ports["api_port"], login=LOGIN), environment=shared, logs=tmp_path
    ):
        with supervisor.running(mlflow, environment=shared, logs=tmp_path) as started:
            for each in [*psutil.Process(started.pid).children(recursive=True), psutil.Process(started.pid)]:
                each.kill()
        flow = subprocess.Popen(
            [BIN / "python", "-m", "flows.training"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**outside(), **shared, "PYTHONPATH": str(root / "src")}, text=True,
        )  # fmt: skip
        url = shared["PREFECT_API_URL"]
        headers = dict(prefect_api.connect(url, LOGIN).headers)
        wait(
            lambda: [
                t
                for t in api(url, "/task_runs/filter", headers, limit=200)
                if t["state_name"] == "AwaitingRetry"
            ],
            why="sync to be tried again",
        )
        with supervisor.running(mlflow, environment=shared, logs=tmp_path):
            said, _ = flow.communicate(timeout=PATIENCE)
            assert flow.returncode == 0, said
            registered = api(
                shared["MLFLOW_TRACKING_URI"],
                "/api/2.0/mlflow/runs/search",
                authorization(LOGIN),
                experiment_ids=["1"],
                max_results=9,
            )
    assert [run["info"]["status"] for run in registered["runs"]] == ["FINISHED"]
    assert "promoted" in said
