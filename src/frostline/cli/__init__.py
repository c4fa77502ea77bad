"""The command line: names, options and examples; each command hands over to a stage or to its module in commands.

A command lives in the module of its subject. Only this room prints.
"""

import contextlib
import gc
import io
import os
import signal
import sys
import threading
import warnings
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from frostline import progress
from frostline.cli import app
from frostline.cli.app import REPORTER, cli
from frostline.cli.lean_start import lean_libraries
from frostline.cli.stages import STAGES
from frostline.errors import FrostlineError, StuckError, visible

__all__ = ["STAGES", "cli", "main"]

INTERRUPTED = "interrupted; what was finished is kept, run the command again to go on"

for subject in (
    "stages",
    "scoring",
    "project",
    "data",
    "net",
    "registry",
    "sweep",
    "search",
):  # as help lists them
    import_module(f"frostline.cli.{subject}")


def main() -> None:
    """Run the command line; whatever goes wrong for a known reason is lines on stderr, never a traceback."""
    # A command imports and reads much that stays: looks for cycles every 700 new objects were a twentieth of its time.
    gc.set_threshold(50_000, 10, 10)
    _settle_streams()
    _settle_interrupts()
    progress.report_to(REPORTER)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries' remarks to developers are no news for users
    # Arrow's own allocators hold many times what rows need, and more as a job grows.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    start = _here()
    try:
        with lean_libraries():
            cli(standalone_mode=False)
    except click.exceptions.Abort:  # what click makes of Ctrl-C
        _explain(INTERRUPTED)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except FrostlineError as error:
        _explain(str(error))
        if isinstance(error, StuckError):
            _leave(error.exit_code)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.exit(141)
    except MemoryError:
        _explain("out of memory; use a smaller batch size or smaller images")
        sys.exit(1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _explain(
            f"{where}{error.strerror or error}; free the disk or check the path, then run the command again"
        )
        sys.exit(1)
    finally:
        app.say_where(start)


def _settle_streams() -> None:
    """Streams that take whatever is printed: closed ones lead nowhere, unknown letters are escaped."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # in this order, so that no file of ours gets the stream's number
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115, PTH123 - open until the end
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _here() -> Path | None:
    """The current folder, None where it is gone."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _settle_interrupts() -> None:
    """The first Ctrl-C ends what is at work, part by part; a second one, while that goes on, ends the process at once.

    Python's own end would wait for threads in native code, which the second one then breaks off half-way.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else somebody wants no interruptions
        signal.signal(signal.SIGINT, _unwind)


def _unwind(*_: object) -> NoReturn:
    signal.signal(signal.SIGINT, lambda *_: _leave(130, f"\nfrostline: {INTERRUPTED}"))
    raise KeyboardInterrupt


def _leave(code: int, message: str = "") -> NoReturn:
    """End the process without waiting for its threads: what is whole stands under its name, as after a kill."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # the interrupted code may be writing to it
            stream.flush()
    if message:
        os.write(2, f"{message}\n".encode())
    os._exit(code)


def _explain(message: str) -> None:
    for line in message.split("\n"):
        app.look_at(line)
        click.echo(f"frostline: {visible(line)}", err=True)
