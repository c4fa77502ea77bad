"""The repository's root is the project that `frostline init --sample` makes, and up to date."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from frostline.commands import init, lock
from helpers.projects import ROOT, call
from helpers.repositories import without_dvc

SAME = (
    "params.yaml",
    "dvc.yaml",
    "decisions.csv",
    "calibration.csv",
    "prefect.yaml",
    ".dvcignore",
    "flows",
    "pretrained",
)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project of the sample, without the work of DVC."""
    project = tmp_path_factory.mktemp("sample") / "digits"
    with pytest.MonkeyPatch.context() as patch:
        without_dvc(patch)
        init.run(project, from_sample=True)
    return project


def contents(root: Path, name: str) -> dict[str, bytes]:
    """A file, or the files of a folder, by path."""
    found = [root / name, *(root / name).rglob("*")]
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in found
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("name", SAME)
def test_same_bytes(sample: Path, name: str) -> None:
    """What the template writes for the sample is what stands here."""
    here = contents(ROOT, name)
    assert here == contents(sample, name)
    assert here


def test_code_is_locked(monkeypatch: pytest.MonkeyPatch) -> None:
    """code.yaml names the code that is here: `frostline lock` mends it."""
    monkeypatch.chdir(ROOT)
    assert lock.run(check=True) == ["code.yaml is up to date"]


def test_setup_where_no_environment_can_be(tmp_path: Path) -> None:
    """A colon divides the search path for programs: said as it is, and not blamed on Python."""
    place = tmp_path / "co:lon"
    place.mkdir()
    done = call(ROOT / "requirements/setup", ".venv", cwd=place, check=False)
    assert done.returncode == 1
    assert "has a colon" in done.stderr
    assert not list(place.iterdir())


def test_setup_over_an_environment_that_brought_uv(tmp_path: Path) -> None:
    """make puts the environment first on the path: its uv goes with it, and is not what makes the next one."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bash", "env", "rm"):
        (tools / name).symlink_to(str(shutil.which(name)))
    brought = tmp_path / ".venv/bin/uv"
    brought.parent.mkdir(parents=True)
    brought.write_text("#!/usr/bin/env bash\n", encoding="utf-8")
    brought.chmod(0o755)
    path = os.pathsep.join([str(brought.parent), str(tools)])
    done = subprocess.run(
        [ROOT / "requirements/setup", ".venv"],
        cwd=tmp_path,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "no Python found" in done.stderr
