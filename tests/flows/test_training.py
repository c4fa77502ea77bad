"""The training flow: DVC's stages in order as tasks, then MLflow; with a real Prefect server when slow."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import flows.training as training
from frostline import graph
from frostline.verbs import sync
called = []
graph.steps = lambda: [graph.Step("first", (), True), graph.Step("second", (), True)]
graph.reproduce = lambda step: called.append(step.name) or graph.Outcome(step.name, "ran", 1.0, ())
sync.run = lambda: called.append("sync")
"""


def run(code: str, tmp_path: Path) -> str:
    """What a fresh interpreter prints; Prefect's settings are read when it is imported."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + code],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=280,
        env={"PATH": "/usr/bin:/bin", "PREFECT_HOME": str(tmp_path), "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tasks_hand_over(tmp_path: Path) -> None:
    """A task is one stage; tracking is one sync; neither is ever cached by Prefect."""
    said = run(
        "print(training.reproduce.fn(graph.steps()[0]).result, training.track.fn(), called)\n"
        "from prefect.cache_policies import NO_CACHE\n"
        "print(training.reproduce.cache_policy == NO_CACHE, training.track.cache_policy == NO_CACHE)\n",
        tmp_path,
    )
    assert said.splitlines() == ["ran None ['first', 'sync']", "True True"]


@pytest.mark.slow
def test_the_flow_on_a_real_server(tmp_path: Path) -> None:
    """Every stage once, in order, then sync; the result says what happened to each."""
    said = run("print('result', training.training(), called)\n", tmp_path)
    assert "result {'first': 'ran', 'second': 'ran'} ['first', 'second', 'sync']" in said
