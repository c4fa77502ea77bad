"""DVC's commands in processes that begin with DVC loaded: its own command line, a second of imports less each time."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

# What nearly every command imports, by name: the server cannot see this folder.
LOADED = (
    "__main__", "dvc._debug", "dvc.analytics", "dvc.cachemgr", "dvc.cli.parser", "dvc.daemon", "dvc.data_cloud",
    "dvc.dirs", "dvc.lock", "dvc.repo.artifacts", "dvc.repo.brancher", "dvc.repo.datasets", "dvc.repo.graph",
    "dvc.repo.index", "dvc.repo.metrics", "dvc.repo.open_repo", "dvc.repo.params", "dvc.repo.plots",
    "dvc.repo.stage", "dvc.repo.trie", "dvc.rwlock", "dvc.scm", "dvc.utils.strictyaml", "dvc_data.hashfile.build",
    "dvc_data.hashfile.db.local", "dvc_data.hashfile.status", "dvc_data.index", "dulwich.index", "dulwich.worktree",
    "fsspec.implementations.memory", "networkx", "platformdirs.unix", "rich.console", "ruamel.yaml",
)  # fmt: skip
KNOWN = {"capture_output", "text", "check", "env", "cwd", "input"}
DVC = str(Path(sys.executable).with_name("dvc"))
REAL = subprocess.run


def run(command: Any, **how: Any) -> subprocess.CompletedProcess[Any]:
    """`subprocess.run`, but this environment's DVC starts warm where its output is captured as text."""
    if (
        not how.get("capture_output")
        or not how.get("text")
        or not how.keys() <= KNOWN
        or isinstance(command, str)
    ):
        return REAL(command, **how)
    words, environment = [os.fspath(word) for word in command], how.get("env") or os.environ
    if Path(words[0]).name != "dvc" or shutil.which(words[0], path=environment.get("PATH")) != DVC:
        return REAL(command, **how)
    done = _warm(words, environment, how.get("cwd") or Path.cwd(), how.get("input") or "")
    if how.get("check"):
        done.check_returncode()
    return done


def _warm(
    words: Sequence[str], environment: Mapping[str, str], folder: str | os.PathLike[str], given: str
) -> subprocess.CompletedProcess[str]:
    context = get_context("forkserver")
    context.set_forkserver_preload(list(LOADED))
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place, name) for name in ("in", "out", "err")]
        for path, text in zip(streams, (given, "", ""), strict=True):
            path.write_text(text)
        arguments = (list(words), dict(environment), os.fspath(folder), list(map(str, streams)))
        process = context.Process(target=_dvc, args=arguments)
        process.start()
        process.join()
        code = process.exitcode
        process.close()
        return subprocess.CompletedProcess(words, code, *(path.read_text() for path in streams[1:]))


def _dvc(words: list[str], environment: dict[str, str], folder: str, streams: list[str]) -> None:
    """In the new process: as if `dvc` had been started so."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, path in enumerate(streams):
        opened = os.open(path, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = words
    from dvc.cli import main

    sys.exit(main(words[1:]))
