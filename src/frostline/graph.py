"""The only room that knows DVC (and git, which it stands on): the state of the project's tree."""

import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

from ruamel.yaml import YAML

from frostline import files
from frostline.errors import FrostlineError

DATA = Path("data.dvc")


def stages() -> list[str]:
    """The names of all stages of dvc.yaml, each after those it depends on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DVC's own libraries warn each other
        from dvc.repo import Repo
        from networkx import topological_sort

        with Repo() as repo:
            order = list(topological_sort(repo.index.graph))
    return [stage.addressing for stage in reversed(order) if stage.cmd]


def reproduce(stage: str) -> str:
    """Bring one stage up to date: "ran", "restored" from DVC's run cache, or "skipped".

    What the stage prints comes through. FrostlineError when it fails.
    """
    command = ["dvc", "repro", "--single-item", stage]
    said = []
    with subprocess.Popen(
        [_program("dvc"), *command[1:]], stdout=subprocess.PIPE, text=True, env=_environment()
    ) as running:
        for line in running.stdout or ():
            print(line, end="", flush=True)
            said.append(line)
    if running.returncode:
        raise FrostlineError(f"`{' '.join(command)}` failed with exit code {running.returncode}; see above")
    return outcome("".join(said))


def outcome(said: str) -> str:
    """What `dvc repro` did, read from what it said."""
    if "Running stage" in said:
        return "ran"
    return "restored" if "is cached - skipping run" in said else "skipped"


def changes() -> list[str]:
    """Tracked files that differ from the last commit, as git prints them; FrostlineError without git."""
    return [
        line for line in _run("git", "status", "--porcelain", "--untracked-files=no").splitlines() if line
    ]


def forget_sample_remote(path: Path = DATA) -> bool:
    """Take the name of the sample's remote out of data.dvc; whether it was there.

    That remote lies inside the repository: whoever pushes their own photos must not push them into git.
    """
    yaml = YAML()
    content = yaml.load(path.read_text(encoding="utf-8"))
    named = [out for out in content["outs"] if out.pop("remote", None)]
    if named:
        with files.writing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            yaml.dump(content, file)
    return bool(named)


def remote() -> str:
    """The default DVC remote's name and address, "" where none is set."""
    name = _run("dvc", "config", "core.remote", check=False).strip()
    address = _run("dvc", "config", f"remote.{name}.url", check=False).strip() if name else ""
    return f"{name} ({address})" if name else ""


def _run(*command: str, check: bool = True) -> str:
    done = subprocess.run(
        [_program(command[0]), *command[1:]], capture_output=True, text=True, check=False, env=_environment()
    )
    if check and done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise FrostlineError(f"`{' '.join(command)}` failed: {reason}")
    return done.stdout


def _program(name: str) -> str:
    path = shutil.which(name, path=_environment()["PATH"])
    if path is None:
        raise FrostlineError(
            f"{name} is not on the path; install it, or activate the environment that has it"
        )
    return path


def _environment() -> dict[str, str]:
    """This environment's programs come first, also where it is not activated: stages call `frostline`."""
    beside = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([beside, os.environ.get("PATH", "")])}
