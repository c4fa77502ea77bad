"""What operating systems do differently: here, and with what another lacks taken away."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from frostline import system


def test_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that this process may use; elsewhere those of the machine."""
    assert system.processors() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert system.processors() == os.cpu_count()


def test_a_lock_is_one_process(tmp_path: Path) -> None:
    """Another process gets it once the first is gone, however it went."""
    path = tmp_path / "lock"
    code = (
        "import sys, time; from frostline import system\n"
        "file = open(sys.argv[1], 'a+'); print(system.lock(file), flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "True\n"
        with path.open("a+") as file:
            assert not system.lock(file)
        first.kill()
        first.wait()
        with path.open("a+") as file:
            assert system.lock(file)


def test_a_locked_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many share a folder, or one has it alone; where there are no locks, or no folder, nobody does."""
    with (
        system.folder_lock(tmp_path, shared=True) as one,
        system.folder_lock(tmp_path, shared=True) as other,
        system.folder_lock(tmp_path, shared=False) as alone,
    ):
        assert (one, other, alone) == (True, True, False)
    with system.folder_lock(tmp_path, shared=False) as alone:
        assert alone
    with system.folder_lock(tmp_path / "missing", shared=True) as held:
        assert not held
    monkeypatch.setattr(system, "fcntl", None)
    with system.folder_lock(tmp_path, shared=True) as held:
        assert not held


def test_nothing_of_one_system_alone_at_import(tmp_path: Path) -> None:
    """The scorer can be imported where there is neither fcntl nor resource."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nsys.modules['fcntl'] = sys.modules['resource'] = None\n"
    )
    code = "import frostline; frostline.score, frostline.open_model; from frostline.scoring import job_runner, journal"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No cache is named, and nothing is remembered of earlier tests."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    system._temporary.cache_clear()
    return monkeypatch


def test_a_user_without_a_home(homeless: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a container under a number that no list of users has: a folder of this process, said once."""

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    homeless.setattr(Path, "home", unknown)
    folder = system.user_cache()
    assert system.user_cache() == folder
    (folder / "x").write_text("")
    assert capsys.readouterr().err.count("XDG_CACHE_HOME") == 1
    assert folder.stat().st_mode & 0o077 == 0


def test_a_home_that_cannot_be_written(homeless: pytest.MonkeyPatch) -> None:
    """Work goes on without what would be remembered; a folder that is named is taken where it can be."""
    homeless.setenv("HOME", "/proc")
    assert not system.user_cache().is_relative_to("/proc")
    homeless.setenv("XDG_CACHE_HOME", "/proc/none")
    assert not system.user_cache().is_relative_to("/proc")


def test_a_relative_cache_is_none(homeless: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the specification says: each folder that one works in would get one of its own."""
    homeless.chdir(tmp_path)
    homeless.setenv("XDG_CACHE_HOME", "here")
    homeless.setenv("HOME", str(tmp_path / "home"))
    assert system.user_cache() == tmp_path / "home/.cache/frostline"
    homeless.setenv("HOME", "home")
    assert system.user_cache().is_absolute()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
