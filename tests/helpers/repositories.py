"""Small git and DVC repositories for tests of the room that knows them."""

import contextlib
import functools
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from frostline.pipeline import processes

PIPELINE = """
stages:
  last: {cmd: cat b > c, deps: [b], outs: [c]}
  first: {cmd: cat data/* > a, deps: [data], outs: [a]}
  each:
    foreach: [x]
    do: {cmd: cat a > b, deps: [a], outs: [b]}
"""


def git(*arguments: str) -> str:
    """What a git command prints."""
    return subprocess.run(["git", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def dvc(*arguments: str) -> str:
    """What a DVC command prints."""
    return subprocess.run(["dvc", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def without_dvc(patch: pytest.MonkeyPatch) -> None:
    """Until the patch ends DVC, whose commands take seconds, is not called."""
    real = processes.run

    def run(*command: str, **options: Any) -> str:
        return "" if command[0] == "dvc" else real(*command, **options)

    patch.setattr(processes, "run", run)


def committed(message: str) -> None:
    """Commit all that is there."""
    git("add", "--all")
    git("commit", "--quiet", "--message", message)


def cached(root: Path, content: bytes, *, ending: str = "") -> str:
    """DVC's hash of a content that its cache has."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + ending
    path = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return md5


def listed(root: Path, files: Mapping[str, bytes]) -> str:
    """DVC's hash of a folder that its cache has."""
    entries = [{"md5": cached(root, content), "relpath": name} for name, content in files.items()]
    return cached(root, json.dumps(entries).encode(), ending=".dir")


@functools.cache
def _template(*, reproduced: bool, below: str) -> Path:
    """One repository to copy from: DVC's commands take seconds."""
    root = Path(tempfile.mkdtemp()) / "project"
    if reproduced:
        shutil.copytree(_template(reproduced=False, below=below), root)
    else:
        (root / below).mkdir(parents=True)
        subprocess.run(["git", "init", "--quiet", "--initial-branch", "main", str(root)], check=True)
    with contextlib.chdir(root / below):
        if reproduced:
            dvc("repro", "--quiet")
        else:
            _fill(root / below, ["--subdir"] if below else [])
    return root


def _fill(root: Path, options: list[str]) -> None:
    dvc("init", "--quiet", *options)
    (root / "data").mkdir()
    (root / "data/one").write_text("one\n")
    dvc("add", "--quiet", "data")
    (root / ".gitignore").write_text("/data\n/a\n/b\n/c\n")
    (root / "dvc.yaml").write_text(PIPELINE)
    committed("start")


def repository(
    root: Path, monkeypatch: pytest.MonkeyPatch, *, reproduced: bool = False, below: str = ""
) -> Path:
    """A git and DVC repository as current folder: a data folder and three stages in a row.

    `reproduced`: the stages have run, and dvc.lock is not in git yet. `below`: the project is this folder of a
    bigger git repository.
    """
    shutil.copytree(_template(reproduced=reproduced, below=below), root)
    monkeypatch.chdir(root / below)
    return root / below
