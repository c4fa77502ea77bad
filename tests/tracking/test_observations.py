"""What is seen of a training: its machine, packages, commit and load; kept beside the store, brought by sync."""

import json
import stat
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from frostline.tracking import Commit, Observed, commit, live, machine, observed, publish
from frostline.tracking.observations import observing
from frostline.tracking.session import session
from helpers.outputs import KEY, write
from helpers.servers import gathered, project, seen, sqlite


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose classifier `tiny` is trained; samples come quickly."""
    monkeypatch.setattr(machine, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(machine, "SECONDS", 0.05)
    return write(project(tmp_path / "clone", monkeypatch))


def trained(*, epochs: int = 2) -> None:
    """The training of `tiny`, as long as a few samples."""
    with live(key=KEY, classifier="tiny", dataset="colours") as log:
        for epoch in range(1, epochs + 1):
            time.sleep(0.1)
            log(epoch, {"loss": 0.5 if epoch == 1 else 0.4})


def test_load_in_mlflows_own_names() -> None:
    """MLflow's page of system metrics knows these; each is a number of its kind."""
    machine.busy()
    sum(range(3_000_000))
    found = machine.busy()
    assert 0 < found["cpu_utilization_percentage"] <= 100
    assert 0 < found["system_memory_usage_percentage"] < 100
    assert 20 < found["process_memory_usage_megabytes"] < found["system_memory_usage_megabytes"] * 2


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "echo '0, 87, 40000, 80000'; echo '1, 3, 10, 80000'",
            {
                "gpu_0_utilization_percentage": 87, "gpu_0_memory_usage_megabytes": 40000,
                "gpu_0_memory_usage_percentage": 50, "gpu_1_utilization_percentage": 3,
                "gpu_1_memory_usage_megabytes": 10, "gpu_1_memory_usage_percentage": 0,
            },
        ),
        ("echo 'No devices were found'; exit 6", {}),
        ("echo '0, [N/A], 1, 2'", {}),
    ],
)  # fmt: skip
def test_gpus(
    script: str, expected: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nvidia-smi says it; what it does not say stops nothing."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    found = machine.busy()
    assert {name: value for name, value in found.items() if name.startswith("gpu")} == expected


def test_a_training_is_seen_and_kept(root: Path) -> None:
    """Without any server: machine, packages, commit and load; a training that goes on adds to them."""
    for arguments in (["init", "-q"], ["add", "params.yaml"], ["commit", "-qm", "x", "--allow-empty"]):
        (root / "params.yaml").write_text("seed: 1\n")
        name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", *name, *arguments], cwd=root, check=True, capture_output=True)
    trained()
    found = observed(KEY)
    assert found
    assert f"numpy=={np.__version__}" in found.requirements
    assert found.machine["python"].startswith("3.")
    assert found.machine["cpu"].endswith("cores")
    assert found.commit
    assert (len(found.commit.sha), found.commit.dirty) == (40, True)
    assert len(found.samples) >= 3
    times = [when for when, _ in found.samples]
    assert times == sorted(times)
    trained(epochs=1)
    again = observed(KEY)
    assert again
    assert list(again.samples[: len(found.samples)]) == list(found.samples)
    assert len(again.samples) > len(found.samples)


def test_the_time_between_two_trainings_does_not_count() -> None:
    """A training that was killed and goes on a day later did not take a day."""
    day = 86_400_000
    samples = [(when, {}) for when in (1000, 11_000, 16_000, day, day + 10_000)]
    assert Observed({}, [], None, samples).span == (1000, 1000 + 15_000 + 10_000)
    assert Observed({}, [], None, []).span is None


def test_what_fails_is_kept_too_and_nothing_hides_the_failure(root: Path) -> None:
    """A training that died has a load as well, perhaps the reason."""
    assert root.exists()
    with pytest.raises(ValueError, match="mine"), observing(KEY):
        raise ValueError("mine")
    assert observed(KEY)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"samples": 3}', '{"machine": {}, "requirements": [], "commit": 1}']
)
def test_a_damaged_file_is_none(content: str, root: Path) -> None:
    """It never stops a sync."""
    path = root / f".frostline/trainings/{KEY}.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert observed(KEY) is None


def test_a_folder_that_cannot_be_written_costs_one_line(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training has done its work by then."""
    (root / ".frostline").mkdir()
    (root / ".frostline/trainings").write_text("a file")
    trained(epochs=1)
    said = capsys.readouterr().err
    assert said.startswith("the observations of the training are not kept: ")
    assert said.count("\n") == 1


def test_sync_brings_it_once(root: Path) -> None:
    """The store shows environment, processor, commit and load; a second sync has nothing to do."""
    uri = sqlite(root / ".frostline/mlflow")
    trained()
    published = publish(gathered(), uri=uri)
    run = seen(uri)["runs"][0]
    found = observed(KEY)
    assert found
    assert len(run["metrics"]["system/cpu_utilization_percentage"]) == len(found.samples)
    assert run["tags"]["frostline.python"] == found.machine["python"]
    assert run["tags"]["frostline.cpu"] == found.machine["cpu"]
    span = found.span
    assert span
    with session(uri) as client:
        info = client.get_run(published.run_id).info
        assert (info.start_time, info.end_time) == span
        pins = Path(client.download_artifacts(published.run_id, "environment/requirements.txt", str(root)))
    assert pins.read_text().splitlines() == ["# the environment that trained", *found.requirements]
    assert not publish(gathered(), uri=uri).changed


def test_a_colleagues_sync_does_not_undo_it_and_brings_what_the_record_knows(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restored outputs were trained elsewhere: the record's packages stand there until that machine syncs."""
    uri = sqlite(tmp_path / "shared")
    trained()
    path = root / f".frostline/trainings/{KEY}.json"
    mine = json.loads(path.read_text())
    path.unlink()
    first = publish(gathered(), uri=uri)
    with session(uri) as client:
        said = Path(client.download_artifacts(first.run_id, "environment/requirements.txt", str(tmp_path)))
    assert said.read_text().splitlines()[1:] == ["tensorflow==2.21.0"]
    path.write_text(json.dumps(mine))
    assert publish(gathered(), uri=uri).changed
    monkeypatch.chdir(write(project(tmp_path / "colleague", monkeypatch)))
    assert not publish(gathered(), uri=uri).changed
    assert len(seen(uri)["runs"][0]["metrics"]["system/cpu_utilization_percentage"]) == len(mine["samples"])


def _git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    _git(tmp_path, "init", "-q")
    (tmp_path / "a b").write_text("1")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-qm", "first")
    return tmp_path


def test_a_clean_tree(repository: Path) -> None:
    """Also asked from below the root."""
    (repository / "below").mkdir()
    expected = Commit(_git(repository, "rev-parse", "HEAD"), dirty=False)
    assert commit(repository) == commit(repository / "below") == expected


@pytest.mark.parametrize("name", ["a b", "new"])
def test_a_changed_or_new_file_makes_it_dirty(name: str, repository: Path) -> None:
    """An uncommitted module changes results as much as an edited one."""
    (repository / name).write_text("2")
    found = commit(repository)
    assert found
    assert found.dirty


def test_without_repository_commit_or_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is claimed, nothing fails."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit(tmp_path) is None
    _git(tmp_path, "init", "-q")
    assert commit(tmp_path) is None
    monkeypatch.setenv("PATH", "/nowhere")
    assert commit(tmp_path) is None
