"""What DVC's remotes have comes here, and what is here goes there."""

from pathlib import Path

from ruamel.yaml import YAML

from frostline.errors import FrostlineError, InputError
from frostline.pipeline.processes import RemoteError, run
from frostline.pipeline.worktree import DATA, remote


def pull(path: Path = DATA) -> str:
    """Bring what the remotes have and this machine lacks; says what it did in a few words.

    Results of stages come into DVC's cache only, from where `dvc repro` restores what fits. Data is put
    into the workspace only where it is not there at all: photos that were added since are never touched.
    RemoteError where the place does not answer.
    """
    absent = path.is_file() and not _output(path).exists()
    if absent:
        _ask("dvc", "pull", "--quiet", path.name)
    if remote():
        _ask("dvc", "fetch", "--quiet", "--run-cache")
    parts = [f"{_output(path)} was fetched"] if absent else []
    return ", ".join([*parts, f"looked at {remote()}" if remote() else "no default remote to look at"])


def push() -> str:
    """Put data, results and the run cache on the default remote; RemoteError where it does not answer."""
    name = remote()
    if not name:
        raise InputError("there is no default DVC remote to push to: dvc remote add -d NAME URL")
    _ask("dvc", "push", "--quiet", "--run-cache")
    return f"pushed to {name}"


def _output(path: Path) -> Path:
    """The folder that a .dvc file tracks."""
    content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    return path.parent / str(content["outs"][0]["path"])


def _ask(*command: str) -> None:
    """A command that talks to a remote: what fails there may work later."""
    try:
        run(*command)
    except FrostlineError as error:
        raise RemoteError(f"{error}; is the remote reachable?") from None
