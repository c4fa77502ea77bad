"""The login of this project's servers: made once, in a file that its owner alone can read, never printed."""

import base64
import contextlib
import os
import re
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from frostline import files
from frostline.errors import FrostlineError, InputError

NAME = "frostline"
FORM = re.compile(r"[!-9;-~]+:[!-~]{16,}")  # NAME:PASSWORD, as HTTP's basic login can carry them


def credential(folder: Path) -> str:
    """The login `NAME:PASSWORD` that lies in a folder; the first call makes it.

    InputError where somebody else could have read it, or where it is no login.
    """
    path = file(folder)
    with _explained(path):
        if not path.exists():
            _make(path)
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError(f"others may have read {path}; remove it, the next start makes another")
        login = path.read_text(encoding="utf-8", errors="replace").strip()
    if not FORM.fullmatch(login):
        raise InputError(
            f"{path} is no NAME:PASSWORD of 16 signs or more; remove it, the next start makes one"
        )
    return login


def file(folder: Path) -> Path:
    """Where the login of the servers whose files lie in a folder is kept."""
    return folder / "credential"


def authorization(login: str) -> dict[str, str]:
    """The header that a request carries; none without a login."""
    return {"authorization": f"Basic {base64.b64encode(login.encode()).decode()}"} if login else {}


def _make(path: Path) -> None:
    """Write a new login beside its place, then give it its name, unless another process was first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (
        files.temporary(path) as beside,
        os.fdopen(os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as new,
    ):
        new.write(f"{NAME}:{secrets.token_urlsafe(32)}\n")
        new.flush()
        os.fsync(new.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(beside)


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FrostlineError(f"the login {path} cannot be used: {error.strerror or error}") from error
