"""Several runs that want the same workspace, on a real server and worker: one after another, and one for many."""

import datetime
import itertools
import subprocess
import time
from collections.abc import Iterator

import pytest

from helpers.nights import Nights, outside, served, wait
from helpers.projects import BIN

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """No schedule, nothing trained yet."""
    with served(tmp_path_factory.mktemp("crowded")) as found:
        yield found


def test_no_two_at_once(nights: Nights) -> None:
    """Two runs of a deployment queue; one by hand beside them waits for the folder's lock."""
    runs = [nights.start("training/training") for _ in range(2)]
    wait(
        lambda: (nights.root / ".frostline/retraining.lock").exists() and nights.training(), why="a training"
    )
    by_hand = subprocess.run(
        [BIN / "python", "-m", "flows.training"], cwd=nights.root, check=False, capture_output=True, text=True,
        env={**outside(), "PYTHONPATH": str(nights.root / "src"), **nights.settings},
    )  # fmt: skip
    assert by_hand.returncode == 0, by_hand.stderr
    for run in runs:
        nights.became(run, "COMPLETED")
    every = nights.ask(
        "/flow_runs/filter", flows={"name": {"any_": ["training"]}}, sort="START_TIME_DESC", limit=3
    )
    spans = sorted(_span(nights, run["id"]) for run in every)
    assert len(spans) == 3
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(spans))


def _span(nights: Nights, run: str) -> tuple[datetime.datetime, datetime.datetime]:
    """When a run's first task began and its last ended."""
    tasks = nights.tasks(run)
    begun = [datetime.datetime.fromisoformat(each["start_time"]) for each in tasks]
    ended = [datetime.datetime.fromisoformat(each["end_time"]) for each in tasks]
    return min(begun), max(ended)


def test_missed_nights_are_one(nights: Nights) -> None:
    """Several nights that are due at once: one run does the work, the others are cancelled and say why."""
    worker = nights.part("worker")
    worker.suspend()
    try:
        nights.prefect("deployment", "schedule", "create", "nightly/nightly", "--cron", "* * * * *")
        time.sleep(200)  # three nights, and the time in which they become late
    finally:
        worker.resume()
    missed = wait(
        lambda: [r for r in nights.runs("nightly") if r["state_type"] == "CANCELLED"], why="missed nights"
    )
    assert {run["state"]["message"] for run in missed} == {"missed; another run does its work"}
    assert wait(lambda: [r for r in nights.runs("nightly") if r["state_type"] == "COMPLETED"], why="the one")
    nights.prefect("deployment", "schedule", "pause", "--all")
