"""Where a score job writes, found out to be possible before work begins."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from frostline.errors import InputError
from frostline.files import printable
from frostline.scoring import writers

# A job's files: the output's name and each of these.
ENDINGS = ("", ".job.json", ".drift.json", ".drift.html", ".html")


def job_file(out: Path) -> Path:
    """The job file of an output: `scores.parquet.job.json` beside `scores.parquet`."""
    return _beside(out, ".job.json")


def drift_file(out: Path) -> Path:
    """The figures of drift: `scores.parquet.drift.json`."""
    return _beside(out, ".drift.json")


def drift_page(out: Path) -> Path:
    """The page about drift: `scores.parquet.drift.html`."""
    return _beside(out, ".drift.html")


def score_page(out: Path) -> Path:
    """The page to look at: `scores.parquet.html`."""
    return _beside(out, ".html")


def parts(out: Path) -> Path:
    """The folder of rows while a job runs: `scores.parquet.parts`."""
    return _beside(out, ".parts")


def _beside(out: Path, ending: str) -> Path:
    return out.with_name(out.name + ending)


def require_writable(out: Path, words: Sequence[str]) -> None:
    """Find out now, not after hours, that the output cannot be written."""
    writers.require_format(out)
    if out.is_dir():
        raise InputError(f"--out {printable(out)}: is a folder; name a file in it")
    # realpath, for Path.resolve raises on a link to itself
    given = {os.path.realpath(word.removeprefix("@")) for word in words}
    if given & {os.path.realpath(path) for path in (out, job_file(out), parts(out))}:
        raise InputError(f"--out {printable(out)}: would overwrite the source; name another file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise InputError(
            f"--out {printable(out)}: cannot write there: {error.strerror}; choose a folder you may write to"
        ) from None
