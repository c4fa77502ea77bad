"""The commit that outputs belong to, asked from git."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Commit:
    """A commit (40 or 64 hex digits) and whether the tree differs from it."""

    sha: str
    dirty: bool


def commit(folder: Path) -> Commit | None:
    """The commit checked out at `folder`; None without git, a repository or a first commit."""
    sha = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    if not sha:
        return None
    return Commit(sha=sha, dirty=_git(folder, "status", "--porcelain") != "")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git prints; None where it fails or does not answer."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True, text=True, timeout=30, check=True,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()
