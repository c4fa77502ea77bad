"""Files and hashes: nothing half-written ever stands under a final name."""

import codecs
import contextlib
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frostline import system
from frostline.errors import FrostlineError

# An ending such as `.jpg`, with a NUL or three after each of its letters.
_WIDE_ENDING = re.compile(rb"\.(\0{1,3})\w\1\w\1\w")
ABANDONED = 3600.0  # seconds after which nobody writes a file any more, where locks do not tell


def sha256(content: bytes | memoryview) -> str:
    """Hex SHA-256 of bytes (64 characters)."""
    return hashlib.sha256(content).hexdigest()


def sha256_file(path: Path) -> str:
    """Hex SHA-256 of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, two spaces, a final newline.

    Raises ValueError on NaN and infinities, which JSON cannot say.
    """
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def digest(value: Any) -> str:
    """Hex SHA-256 of a JSON-able value: equal values, equal digests, whatever their key order."""
    return sha256(canonical_json(value).encode())


def wide_encoding(start: bytes) -> str:
    """UTF-16 or UTF-32 where a text file begins as those do, with a byte order mark or without; else "".

    Without one ASCII tells, or the ending of a file's name.
    """
    if start.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if ending := _WIDE_ENDING.search(start[:4096]):
        return "UTF-32" if len(ending[1]) == 3 else "UTF-16"
    halves = start[:64:2], start[1:64:2]
    in_ascii = len(start) >= 16 and any(
        not any(half) and all(other) for half, other in (halves, halves[::-1])
    )
    return "UTF-16" if in_ascii or start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else ""


def printable(path: str | os.PathLike[str]) -> str:
    """A path as valid Unicode text: bytes that are not UTF-8 become ``\\xNN`` escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def from_here(path: Path) -> str:
    """A path as one would type it: relative below the current folder, else absolute."""
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Yield a path beside `path`, of the same ending, to write what will be `path`; gone after the block.

    The folder is made. A process that is killed leaves its file; the next one that writes `path` removes it, here
    and by `sweep`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep(path.parent, path.name)
    beside = path.with_name(f".{secrets.token_hex(4)}.{path.name}")  # same ending: some writers look at it
    with system.folder_lock(path.parent, shared=True):
        try:
            yield beside
        finally:
            with contextlib.suppress(OSError):
                beside.unlink(missing_ok=True)


def sweep(folder: Path, name: str | None = None) -> None:
    """Remove the temporary files of killed processes from a folder: those of one file's name, None: all.

    Whoever writes there holds a shared lock on the folder: with an exclusive one, all that lies there is abandoned.
    Else only what is old enough goes.
    """
    with contextlib.suppress(OSError), system.folder_lock(folder, shared=False) as alone:
        for path in _temporary_files(folder, name):
            with contextlib.suppress(OSError):  # gone already, or not ours to remove
                if alone or path.stat().st_mtime < time.time() - ABANDONED:
                    path.unlink()


def _temporary_files(folder: Path, name: str | None) -> list[Path]:
    """The files in a folder that have names as `temporary` gives them."""
    ours = re.compile(rf"\.[0-9a-f]{{8}}\.{'.+' if name is None else re.escape(name)}", re.DOTALL)
    with os.scandir(folder) as entries:
        return [
            Path(entry.path)
            for entry in entries
            if ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
        ]


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path` in one step.

    On any failure the temporary file is removed and `path` keeps its former content.
    A disk that is full or read-only becomes a FrostlineError naming the file.
    """
    try:
        with temporary(path) as beside:
            yield beside
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
            beside.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error


def cannot_write(path: Path, error: OSError) -> FrostlineError:
    """The error of a disk that is full or read-only, which names what was to be written."""
    return FrostlineError(
        f"cannot write {printable(path)}: {error.strerror or error}; "
        "free the disk or choose a folder you may write to, then run the command again"
    )


def empty(folder: Path) -> None:
    """Remove what an earlier run left in a folder of outputs, also what it was writing when it was killed."""
    try:
        for path in folder.iterdir() if folder.is_dir() else ():
            path.unlink()
    except OSError as error:
        raise FrostlineError(
            f"cannot empty {printable(folder)}: {error.strerror or error}; "
            "remove what is in it, then run the command again"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text under its final name, whole or not at all."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, value: Any) -> None:
    """Write a value as canonical JSON, whole or not at all."""
    write_text(path, canonical_json(value))


def read_json(path: Path, *, made_by: str) -> Any:
    """Read JSON that a stage wrote; a missing or damaged file is an error naming the stage to run."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise FrostlineError(f"{path} is missing; run `{made_by}`") from None
    except ValueError:  # neither UTF-8 nor JSON
        raise FrostlineError(f"{path} is damaged; run `{made_by}` again") from None
