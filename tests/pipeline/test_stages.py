"""Stage order, what a repro did, what is out of date: DVC's own words, held by running it."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from frostline.errors import FrostlineError
from frostline.pipeline import processes, stages
from frostline.pipeline.stages import Outcome, Step
from helpers.repositories import committed, repository

FIRST, EACH = Step("first", ("a",), True, ("data.dvc",)), Step("each@x", ("b",), True, ("first",))
DATA = Step("data.dvc", ("data",), False)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git and DVC repository with data and three stages in a row."""
    return repository(tmp_path / "project", monkeypatch)


def test_steps_in_order(project: Path) -> None:
    """Each comes after what it depends on, whatever the order in dvc.yaml; given data comes first."""
    assert project.is_dir()
    assert stages.steps() == [DATA, FIRST, EACH, Step("last", ("c",), True, ("each@x",))]
    assert stages.stages() == ["first", "each@x", "last"]


def test_waves() -> None:
    """What needs nothing of each other is in one group, in the order given; no step comes before its needs."""
    steps = [Step(name, (), True, after) for name, after in (
        ("data", ()), ("weights", ()), ("a", ("data", "weights")), ("b", ("weights",)), ("all", ("a", "data")),
    )]  # fmt: skip
    assert [[step.name for step in wave] for wave in stages.waves(steps)] == [
        ["data", "weights"], ["a", "b"], ["all"],
    ]  # fmt: skip
    assert stages.waves([]) == []


def test_what_dvc_has_to_look_at() -> None:
    """What it found stale, and what reads from a step that then ran or was restored; all where nobody knows."""
    wave = [
        Step(name, (), True, after) for name, after in (("a", ("data",)), ("b", ()), ("c", ("data", "e")))
    ]
    moved, same = Outcome("data", "restored", 1.0, ()), Outcome("data", "skipped", 1.0, ())
    names = {
        case: [step.name for step in stages.due(wave, stale, {"data": before})]
        for case, stale, before in (
            ("none", {}, same), ("stale", {"b": ["modified"]}, same), ("moved", {}, moved), ("unknown", None, same),
        )
    }  # fmt: skip
    assert names == {"none": [], "stale": ["b"], "moved": ["a", "c"], "unknown": ["a", "b", "c"]}


def test_what_is_known_to_be_unchanged_starts_no_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is skipped as DVC would have skipped it."""
    monkeypatch.setattr(processes, "follow", None)
    assert stages.reproduce(FIRST, unchanged=True) == Outcome("first", "skipped", 0.0, ("a",))


def test_side_by_side(project: Path) -> None:
    """Two stages run at once, each waiting for the other to have begun; both are in dvc.lock."""
    meet = "touch {0}.begun; for i in $(seq 600); do test -f {1}.begun && break; sleep 0.1; done; test -f {1}.begun"
    (project / "dvc.yaml").write_text(
        "stages:\n"
        f"  one: {{cmd: '{meet.format('one', 'two')}; echo 1 > one', outs: [one]}}\n"
        f"  two: {{cmd: '{meet.format('two', 'one')}; echo 2 > two', outs: [two]}}\n"
    )
    [pair] = stages.waves([step for step in stages.steps() if step.computes])
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda step: stages.reproduce(step, wait=True), pair))
    assert sorted((each.step, each.result) for each in done) == [("one", "ran"), ("two", "ran")]
    assert {"one:", "two:"} <= set((project / "dvc.lock").read_text().split())
    assert [stages.reproduce(step).result for step in pair] == ["skipped", "skipped"]


def test_what_a_killed_flow_left_running(project: Path) -> None:
    """Its stage goes on by itself; the next flow ends it, and nothing of another project's."""
    step = slow(project, seconds=99)
    code = "from frostline.pipeline import stages; stages.reproduce(stages.Step('slow', ('out',), True))"
    killed = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    while not (project / "begun").exists():
        time.sleep(0.1)
    killed.kill()
    killed.wait()
    elsewhere = subprocess.Popen(["sleep", "98"], env={**os.environ, "FROSTLINE_STAGE_OF": "/elsewhere"})
    ended = processes.end_left_behind()
    assert "sleep 99" in ended
    assert any("repro --single-item slow" in each for each in ended)
    assert processes.end_left_behind() == []
    assert elsewhere.poll() is None
    elsewhere.kill()
    elsewhere.wait()
    slow(project, seconds=0)
    assert stages.reproduce(step).result == "ran"


def test_reproduce_says_what_happened(project: Path) -> None:
    """Run; nothing to do; outputs deleted with the run cache kept: restored, not run."""
    before = time.monotonic()
    first = stages.reproduce(FIRST)
    assert (first.step, first.result, first.outputs) == ("first", "ran", ("a",))
    assert 0 < first.seconds <= time.monotonic() - before
    assert stages.reproduce(FIRST).result == "skipped"
    assert stages.reproduce(EACH).result == "ran"
    (project / "b").unlink()
    assert stages.reproduce(EACH).result == "restored"
    (project / "b").unlink()
    (project / "dvc.lock").unlink()
    assert stages.reproduce(EACH).result == "restored"
    assert (project / "b").read_text() == "one\n"


def test_data_that_was_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is stale first, taken in once, and then the first stage is stale."""
    project = repository(tmp_path / "project", monkeypatch, reproduced=True)
    assert stages.stale() == {}
    (project / "data/two").write_text("two\n")
    assert stages.stale() == {"data.dvc": ["data modified"], "first": ["data modified"]}
    assert stages.reproduce(DATA).result == "ran"
    assert stages.reproduce(DATA).result == "skipped"
    assert list(stages.stale()) == ["first"]


def test_changed_params_are_told_by_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reason is read by people: words, no mapping of DVC's."""
    project = repository(tmp_path / "project", monkeypatch)
    (project / "params.yaml").write_text("seed: {first: 1}\n")
    (project / "dvc.yaml").write_text("stages: {one: {cmd: touch out, params: [seed.first], outs: [out]}}")
    [one] = [step for step in stages.steps() if step.name == "one"]
    stages.reproduce(one)
    (project / "params.yaml").write_text("seed: {first: 2}\n")
    assert stages.stale()["one"] == ["params.yaml seed.first modified"]


def test_a_stage_that_has_never_run_says_so(project: Path) -> None:
    """Not that an output was deleted which never was, nor that code is new which nobody edited."""
    (project / "code.yaml").write_text("new: {code: 1}\n")
    stage = "stages: {new: {cmd: touch n, deps: [data], params: [{code.yaml: [new]}], outs: [n]}}"
    (project / "dvc.yaml").write_text(stage)
    assert stages.stale()["new"] == ["has never run"]


def test_a_failing_stage(project: Path) -> None:
    """One line with the command that failed."""
    (project / "dvc.yaml").write_text("stages: {bad: {cmd: exit 3, outs: [x]}}")
    with pytest.raises(FrostlineError, match=r"`dvc repro --single-item bad` failed with exit code"):
        stages.reproduce(Step("bad", ("x",), True))


def slow(project: Path, *, seconds: int) -> Step:
    """A stage that takes its time and says when it has begun."""
    (project / "dvc.yaml").write_text(
        f"stages: {{slow: {{cmd: touch begun; sleep {seconds}; touch out, outs: [out]}}}}"
    )
    return Step("slow", ("out",), True)


def test_a_time_limit(project: Path) -> None:
    """The stage ends with what it started, and says why; the next try has the project to itself."""
    step = slow(project, seconds=77)
    with pytest.raises(FrostlineError, match=r"ended after 6 seconds, its time limit"):
        stages.reproduce(step, seconds=6)
    assert (project / "begun").exists()
    assert (
        "sleep 77"
        not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    )
    step = slow(project, seconds=0)
    assert stages.reproduce(step, seconds=60).result == "ran"


def test_another_dvc_at_work(project: Path) -> None:
    """Its lock is BusyError, which waiting mends, and nothing else is."""
    step = slow(project, seconds=60)
    other = subprocess.Popen([shutil.which("dvc") or "dvc", "repro", "slow"], start_new_session=True)
    try:
        while not (project / "begun").exists():
            time.sleep(0.1)
        with pytest.raises(processes.BusyError, match="wait for the other `dvc`"):
            stages.reproduce(step)
    finally:
        os.killpg(other.pid, 15)
        other.wait()


def test_an_environment_that_is_not_activated(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DVC is found beside the interpreter, and the stages it runs find that environment's programs too."""
    (project / "dvc.yaml").write_text("stages: {where: {cmd: command -v dvc > x, outs: [x]}}")
    committed("where")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert stages.reproduce(Step("where", ("x",), True)).result == "ran"
    assert (project / "x").read_text().strip() == str(Path(sys.executable).parent / "dvc")


def test_dvc_reports_nothing_to_its_makers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even that a project began: the report would lie in the temporary folder."""
    monkeypatch.delenv("DVC_NO_ANALYTICS", raising=False)
    monkeypatch.delenv("DVC_TEST", raising=False)
    reports, root = tmp_path / "reports", tmp_path / "project"
    reports.mkdir()
    root.mkdir()
    processes.run("dvc", "init", "--no-scm", folder=root, settings={"TMPDIR": str(reports)})
    assert (root / ".dvc").is_dir()
    assert list(reports.iterdir()) == []
