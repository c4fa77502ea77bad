"""Calling git and DVC: this environment's programs, one-line errors, nothing left running."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from frostline.errors import FrostlineError, shell_command
from frostline.progress import say

if TYPE_CHECKING:
    import psutil

GRACE = 20.0  # seconds between asking a program to end and ending it
MARK = "FROSTLINE_STAGE_OF"  # in the environment of all that `follow` starts: the project it works in


class BusyError(FrostlineError):
    """Another DVC holds what this one needs: the one failure of a stage that waiting mends."""


class RemoteError(FrostlineError):
    """A remote, of DVC or of git, did not do what was asked: trying again may help."""


def run(
    *command: str,
    check: bool = True,
    settings: Mapping[str, str] | None = None,
    folder: Path | None = None,
    given: str | None = None,
) -> str:
    """What a program prints; FrostlineError with the last line of its complaint where it fails.

    `settings` go before what the environment says; it runs in `folder`, or here; `given` is its standard input.
    """
    done = subprocess.run(
        [program(command[0]), *command[1:]], capture_output=True, text=True, check=False,
        env={**environment(), **(settings or {})}, cwd=folder, input=given,
    )  # fmt: skip
    if check and done.returncode:
        raise FrostlineError(f"`{shell_command(*command)}` failed: {_reason(done.stderr)}")
    return done.stdout


def follow(*command: str, seconds: float | None = None) -> str:
    """What a program prints, passed on line by line as it comes; ended with all it started after `seconds`.

    BusyError where DVC's lock is held by another; FrostlineError where it fails or takes too long. Whatever
    ends this call ends the program too: a cancelled flow leaves no training behind.
    """
    lines = []
    with _group(*command) as running, _limit(running, seconds) as late:
        for line in running.stdout or ():
            say(line.rstrip("\n"))
            lines.append(line)
        running.wait()
    shown, text = shell_command(*command), "".join(lines)
    if late.is_set():
        raise FrostlineError(
            f"`{shown}` was ended after {seconds:g} seconds, its time limit; raise the limit"
        )
    if running.returncode and _blocked(text):
        raise BusyError(f"`{shown}` found the project busy; wait for the other `dvc`, then run it again")
    if running.returncode:
        raise FrostlineError(f"`{shown}` failed with exit code {running.returncode}; see above")
    return text


def _blocked(output: str) -> bool:
    """DVC's two locks: one for the project, one for each file that a stage reads or writes."""
    return "is busy, it is being blocked by" in output or "Unable to acquire lock" in output


@contextlib.contextmanager
def _group(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A program in a group of its own, which ends with the block, children included."""
    with subprocess.Popen(
        [program(command[0]), *command[1:]], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**environment(), MARK: str(Path.cwd())}, start_new_session=True,
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            end(running)


def end(running: "subprocess.Popen[str]", *, grace: float = GRACE) -> None:
    """End a program that leads its own group, and everything in the group."""
    if running.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGTERM)
    try:
        running.wait(grace)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def end_left_behind() -> list[str]:
    """End what `follow` started in this project, in this process or one that was killed; the commands.

    For whoever knows that nobody else is at work here: a stage whose flow was killed goes on by itself, and
    would write while the next run writes.
    """
    import psutil

    here = str(Path.cwd())
    running = [
        process
        for process in psutil.process_iter()
        if _marked(process) == here and process.pid != os.getpid()
    ]
    commands = []
    for process in running:
        with contextlib.suppress(psutil.Error):
            commands.append(" ".join(process.cmdline()))
            process.terminate()
    _, stubborn = psutil.wait_procs(running, timeout=GRACE)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=GRACE)
    return commands


def _marked(process: "psutil.Process") -> str:
    import psutil

    with contextlib.suppress(psutil.Error, OSError):
        return str(process.environ().get(MARK, ""))
    return ""


@contextlib.contextmanager
def _limit(running: "subprocess.Popen[str]", seconds: float | None) -> Iterator[threading.Event]:
    """An event that is set when the time was over and the program was ended for it."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        end(running)

    timer = threading.Timer(seconds or 0, stop)
    if seconds is not None:
        timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def program(name: str) -> str:
    """Where a program is; FrostlineError where it is nowhere."""
    path = shutil.which(name, path=environment()["PATH"])
    if path is None:
        raise FrostlineError(
            f"{name} is not on the path; install it, or activate the environment that has it"
        )
    return path


def environment() -> dict[str, str]:
    """This environment's programs come first, also where it is not activated: stages call `frostline`.

    DVC reports to its makers from its first command on, before a project can say that it should not.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1"}


def _reason(complaint: str) -> str:
    """Its last line, or DVC's own error, after which it may offer help. With --quiet DVC would say nothing at all."""
    lines = complaint.strip().splitlines() or ["no message"]
    return next(
        (line.removeprefix("ERROR: ") for line in lines[::-1] if line.startswith("ERROR: ")), lines[-1]
    )
