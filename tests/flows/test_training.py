"""The flows' wiring: parameters, retries, what is never cached; Prefect itself is not started here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def run(code: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A fresh interpreter in the project's root; Prefect's settings are read when it is imported."""
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
        env={"PATH": "/usr/bin:/bin", "PREFECT_HOME": str(tmp_path), "HOME": str(tmp_path),
             "PYTHONPATH": str(ROOT / "src"), **environment},
    )  # fmt: skip


def test_tasks_are_never_cached_and_retry_only_what_may_pass(tmp_path: Path) -> None:
    """DVC alone decides what is out of date; a failing stage is not tried again, a lock and a remote are."""
    code = """
from types import SimpleNamespace
from prefect import Task
from prefect.cache_policies import NO_CACHE
from frostline.automation import tasks
from frostline.pipeline import processes
from frostline.errors import FrostlineError
found = [each for each in vars(tasks).values() if isinstance(each, Task)]
print(sorted(each.name for each in found))
print(all(each.cache_policy == NO_CACHE and each.persist_result is False for each in found))
for kind in (processes.BusyError, processes.RemoteError, FrostlineError, ValueError):
    state = SimpleNamespace(result=lambda raise_on_failure, kind=kind: kind("x"))
    print(kind.__name__, tasks.may_pass(None, None, state))
"""
    done = run(code, tmp_path)
    assert done.stdout.splitlines() == [
        "['promote', 'pull', 'push', 'push to git', 'reproduce', 'score', 'sync']",
        "True",
        "BusyError True", "RemoteError True", "FrostlineError False", "ValueError False",
    ], done.stderr  # fmt: skip


def test_an_api_that_does_not_answer(tmp_path: Path) -> None:
    """No work, one line with the command that starts it."""
    code = "import runpy, sys; sys.argv = ['x']; runpy.run_module('flows.training', run_name='__main__')"
    done = run(code, tmp_path, PREFECT_API_URL="http://127.0.0.1:9/api")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(
        "frostline: Prefect's API http://127.0.0.1:9/api does not answer"
    )
    assert "frostline serve" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["training", "scoring", "nightly"])
def test_a_flow_is_a_short_recipe(name: str) -> None:
    """They are written into every project: one function and the line that runs it, steps come from the library."""
    lines = (ROOT / "flows" / f"{name}.py").read_text().splitlines()
    assert len(lines) <= 45
    assert [line.split("(")[0] for line in lines if line.startswith("def ")] == [f"def {name}"]
    assert lines[-1] == f"    automation.main({name})"


DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]


@pytest.fixture(scope="module")
def parameters(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Those of each deployment's flow, by its entrypoint, in one process: Prefect takes seconds to load."""
    code = (
        "import importlib, json, sys\n"
        "found = {}\n"
        "for place in " + repr([each["entrypoint"] for each in DEPLOYMENTS]) + ":\n"
        "    file, flow = place.split(':')\n"
        "    module = importlib.import_module(file.removesuffix('.py').replace('/', '.'))\n"
        "    found[place] = sorted(getattr(module, flow).parameters.properties)\n"
        "print(json.dumps(found))"
    )
    done = run(code, tmp_path_factory.mktemp("prefect"))
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda each: each["name"])
def test_deployments(deployment: dict, parameters: dict[str, list[str]]) -> None:
    """Each names a flow and parameters that exist, one pool, tags, a description, and runs alone."""
    assert deployment["work_pool"]["name"] == "frostline"
    assert deployment["concurrency_limit"] == {"limit": 1, "collision_strategy": "ENQUEUE"}
    assert deployment["tags"] == ["frostline", deployment["name"]]
    assert deployment["description"].endswith(".")
    assert set(deployment["parameters"]) <= set(parameters[deployment["entrypoint"]])
