"""What stages wrote at other revisions: from DVC's cache or remote, without touching the tree."""

import warnings
from pathlib import Path

from frostline.errors import FrostlineError, InputError, first_line
from frostline.pipeline import worktree
from frostline.pipeline.processes import run


def content(path: Path, *, revision: str) -> bytes:
    """The bytes of a stage output (or a file in one) at a git revision, branch, tag or experiment.

    FrostlineError where the revision, the file in it, or its content cannot be had.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DVC's own libraries warn each other
        from dvc.api import read

    try:
        return bytes(read((worktree.place() / path).as_posix(), rev=revision, mode="rb"))
    except Exception as error:  # what the libraries of remotes raise shares no base
        raise FrostlineError(
            f"{path} at {revision}: {first_line(error)}; `git log` and `dvc exp list` name revisions, "
            "`dvc fetch --all-commits` brings their files"
        ) from None


def require_revision(revision: str) -> None:
    """InputError for what is no commit, branch, tag or experiment here."""
    # An experiment's name is the last part of a reference below refs/exps.
    known = run("git", "for-each-ref", "--format=%(refname)", "refs/exps").splitlines()
    if any(name.rpartition("/")[2] == revision for name in known):
        return
    asked = ("git", "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if not run(*asked, check=False).strip():
        raise InputError(f"no revision {revision!r}; `git log`, `git tag` and `dvc exp list` name them")
