"""Where a score job writes, found out to be possible before work begins."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from frostline.errors import InputError
from frostline.files import printable
from frostline.scoring import journal, writers


def job_file(out: Path) -> Path:
    """The job file of an output: `scores.parquet.job.json` beside `scores.parquet`."""
    return out.with_name(out.name + ".job.json")


def require_writable(out: Path, words: Sequence[str]) -> None:
    """Find out now, not after hours, that the output cannot be written."""
    writers.require_format(out)
    if out.is_dir():
        raise InputError(f"--out {printable(out)}: is a folder; name a file in it")
    # realpath, for Path.resolve raises on a link to itself
    given = {os.path.realpath(word.removeprefix("@")) for word in words}
    if given & {os.path.realpath(path) for path in (out, job_file(out), journal.path_of(out))}:
        raise InputError(f"--out {printable(out)}: would overwrite the source; name another file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise InputError(
            f"--out {printable(out)}: cannot write there: {error.strerror}; choose a folder you may write to"
        ) from None
