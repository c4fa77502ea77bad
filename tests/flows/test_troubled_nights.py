"""What goes wrong at night on a real server and worker: cancellations, kills, failures."""

from collections.abc import Iterator

import psutil
import pytest

from helpers.nights import BLOCK, Nights, served, wait
from helpers.projects import call

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
LONG = 3000


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """No schedule; the project has been retrained once."""
    with served(tmp_path_factory.mktemp("troubled")) as found:
        found.became(found.start("training/training"), "COMPLETED")
        yield found


def test_cancelled_in_the_middle(nights: Nights) -> None:
    """The stage ends with its run, the message goes out, and the next run does the work."""
    nights.epochs(LONG)
    run = nights.start("training/training", notify=BLOCK, at_once=2)
    training = wait(nights.training, why="the stage that trains")
    nights.prefect("flow-run", "cancel", run)
    psutil.wait_procs([training], timeout=60)
    nights.became(run, "CANCELLED")
    assert nights.training() is None
    assert nights.told("training: Cancelled")
    assert nights.clean()
    nights.epochs(9)
    nights.became(nights.start("training/training", at_once=2), "COMPLETED")
    assert nights.clean()


def test_killed_in_the_middle(nights: Nights) -> None:
    """A flow's process that is killed is a crash, and told; the same run, retried, ends what was left and is right."""
    nights.epochs(LONG)
    before = len(nights.messages)
    run = nights.start("training/training", notify=BLOCK)
    orphan = wait(nights.training, why="the stage that trains")
    nights.flow().kill()
    nights.became(run, "CRASHED")
    assert nights.told("training: Crashed", after=before)
    assert orphan.is_running()
    nights.epochs(10)
    nights.prefect("flow-run", "retry", run)
    wait(lambda: nights.run(run)["state_type"] != "CRASHED", why="the run to begin again")
    done = nights.became(run, "COMPLETED")
    assert done["run_count"] == 2
    assert not orphan.is_running()
    assert call("git", "tag", "--points-at", "HEAD", cwd=nights.root).stdout.startswith("retraining-")
    assert nights.clean()


def test_stopped_in_the_middle(nights: Nights) -> None:
    """A run that ended with its servers is a crash once they are back, and keeps no later one waiting."""
    nights.epochs(LONG)
    run = nights.start("training/training")
    wait(nights.training, why="the stage that trains")
    nights.restart()
    assert nights.run(run)["state_type"] == "CRASHED"
    assert nights.training() is None
    nights.epochs(8)
    nights.became(nights.start("training/training"), "COMPLETED")
    assert nights.clean()


def test_a_failure_is_told(nights: Nights) -> None:
    """One line says what failed."""
    nights.epochs(-1)
    before = len(nights.messages)
    nights.became(nights.start("training/training", notify=BLOCK), "FAILED")
    assert "epochs" in nights.told("training: Failed", after=before)["body"]
    nights.epochs(11)
