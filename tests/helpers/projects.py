"""Whole copies of this project: its own code, graph and git history of one commit, elsewhere."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from frostline.pipeline import code_file
from helpers.params import LENIENT

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
GIT = ("git", "-c", "user.name=Test", "-c", "user.email=test@example.invalid")


def call(
    *command: str | Path, cwd: Path, check: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with this environment's programs first on the path, and nobody's settings."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DVC_", "FROSTLINE_", "MLFLOW_", "PYTHONH"))
    }
    env = {**kept, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1", **environment}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


def copied(root: Path) -> Path:
    """Copy the files of the working tree that git tracks or would, without dvc.lock; not yet a repository."""
    listed = call("git", "ls-files", "-co", "--exclude-standard", "-z", cwd=ROOT).stdout
    for name in filter(None, listed.split("\0")):
        source = ROOT / name
        if source.is_file() and name not in {"dvc.lock", "data.dvc"} and not name.startswith(".dvc/sample"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, root / name)
    code_file.write(code_file.installed(), {}, root / "code.yaml")
    return root


def committed(root: Path, message: str = "A copy") -> Path:
    """Put all that is there under git, in one commit."""
    if not (root / ".git").exists():
        call("git", "init", "--quiet", cwd=root)
    call("git", "add", "--all", cwd=root)
    call(*GIT, "commit", "--quiet", "--message", message, cwd=root)
    return root


def write_params(root: Path, values: dict[str, Any]) -> None:
    """Write a project's params.yaml."""
    with (root / "params.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(values, file)


def pets(place: Path, **changes: Any) -> Path:
    """A params.yaml whose only dataset, `pets`, is `data/pets` with the given keys changed."""
    values = YAML(typ="safe", pure=True).load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    dataset = {
        "path": "data/pets",
        "splits": {"train": 0.6, "validation": 0.2, "test": 0.2},
        "classes": None,
        "audit": LENIENT,
    }
    values["datasets"] = {"pets": {**dataset, **changes}}
    values["classifiers"] = {
        name: {**entry, "dataset": "pets"} for name, entry in values["classifiers"].items()
    }
    place.mkdir(parents=True, exist_ok=True)
    (place / "params.yaml").write_text(json.dumps(values), encoding="utf-8")
    (place / "dvc.yaml").touch()  # what marks a project, and the place of its cache
    return place
