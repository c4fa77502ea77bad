"""The only room that knows DVC (and git, which it stands on): the state of the project's tree."""

import shutil
import subprocess
from pathlib import Path

from ruamel.yaml import YAML

from frostline import files
from frostline.errors import FrostlineError

DATA = Path("data.dvc")


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
    program = shutil.which(command[0])
    if program is None:
        raise FrostlineError(
            f"{command[0]} is not on the path; activate the environment (source .venv/bin/activate)"
        )
    done = subprocess.run([program, *command[1:]], capture_output=True, text=True, check=False)
    if check and done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise FrostlineError(f"`{' '.join(command)}` failed: {reason}")
    return done.stdout
