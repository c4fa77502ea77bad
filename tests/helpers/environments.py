"""Fresh environments with a wheel of this package in them, built from the tree as it is or as a test changes it."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
UV = BIN / "uv"
# Nobody's settings, and nothing of the environment that runs the tests.
_FOREIGN = ("PYTHON", "VIRTUAL", "DVC_", "FROSTLINE_", "MLFLOW_", "PREFECT_", "UV_PROJECT")

Edits = Mapping[str, Callable[[str], str]]  # path in the tree → its text before → after


def call(
    *command: str | Path, cwd: Path, venv: Path | None = None, check: bool = True, **settings: str
) -> subprocess.CompletedProcess[str]:
    """Run a command, with an environment's programs first on the path; a failed test where it fails."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_FOREIGN)}
    path = [part for part in kept["PATH"].split(os.pathsep) if Path(part) != BIN]
    first = [str(venv / "bin")] if venv else []
    environment = {**kept, "PATH": os.pathsep.join([*first, *path]), "DVC_NO_ANALYTICS": "1", **settings}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def wheel(place: Path, edits: Edits | None = None) -> Path:
    """Build a wheel in `place`, after edits of a copy of the tree."""
    tree = place / "tree"
    shutil.copytree(ROOT / "src", tree / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, tree / name)
    for path, edit in (edits or {}).items():
        before = (tree / path).read_text(encoding="utf-8")
        after = edit(before)
        assert after != before, path
        (tree / path).write_text(after, encoding="utf-8")
    call(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", place / "dist", cwd=tree)
    [built] = (place / "dist").glob("*.whl")
    return built


def empty(place: Path) -> Path:
    """A virtual environment with nothing in it; its folder."""
    call(UV, "venv", "--quiet", "--python", sys.executable, place, cwd=place.parent)
    return place


def borrowing(place: Path) -> Path:
    """A virtual environment that has no package of its own and finds those that run the tests.

    This package is not among them: what makes it editable there is not read here.
    """
    empty(place)
    [packages] = place.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_paths()["purelib"])
    (place / "bin/dvc").write_text(
        f"#!{place / 'bin/python'}\nimport sys\nfrom dvc.cli import main\nsys.exit(main())\n"
    )
    (place / "bin/dvc").chmod(0o755)
    return place


def install(venv: Path, *what: str | Path) -> None:
    """Install into an environment, as uv does."""
    call(UV, "pip", "install", "--quiet", "--python", venv / "bin/python", *what, cwd=venv)


def origin(venv: Path) -> Path:
    """The folder that `import frostline` finds there."""
    program = "import frostline; print(frostline.__file__)"
    return Path(call(venv / "bin/python", "-c", program, cwd=venv).stdout.strip()).parent


def remove(venv: Path) -> None:
    """Take an environment away: with the pipeline in it, it has four gigabytes."""
    shutil.rmtree(venv)
