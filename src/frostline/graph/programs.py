"""Calling git and dvc, which belong to this environment."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from frostline.errors import FrostlineError


def run(*command: str, check: bool = True) -> str:
    """What a program prints; where it fails, a FrostlineError with the last line it said, or "" unchecked."""
    done = subprocess.run(
        [program(command[0]), *command[1:]], capture_output=True, text=True, check=False, env=environment()
    )
    if check and done.returncode:
        reason = (done.stderr.strip() or "no message").splitlines()[-1]
        raise FrostlineError(f"`{' '.join(command)}` failed: {reason}")
    return done.stdout


def program(name: str) -> str:
    """The path of a program; FrostlineError where there is none."""
    path = shutil.which(name, path=environment()["PATH"])
    if path is None:
        raise FrostlineError(
            f"{name} is not on the path; install it, or activate the environment that has it"
        )
    return path


def environment() -> dict[str, str]:
    """This environment's programs come first, also where it is not activated: stages call `frostline`."""
    beside = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": os.pathsep.join([beside, os.environ.get("PATH", "")])}
