"""The login of a project's servers: made once, for its owner alone."""

import stat
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from frostline.automation.credential import authorization, credential, file
from frostline.errors import FrostlineError, InputError


def test_made_once(tmp_path: Path) -> None:
    """Twenty starts at once agree on one login, which only its owner can read; nothing else stays."""
    folder = tmp_path / "a/prefect"
    with ThreadPoolExecutor(20) as pool:
        [login] = set(pool.map(credential, [folder] * 20))
    name, _, password = login.partition(":")
    assert (name, len(password)) == ("frostline", 43)
    assert credential(folder) == login
    assert stat.S_IMODE(file(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert list(folder.iterdir()) == [file(folder)]
    assert credential(tmp_path / "b") != login


def test_of_ones_own(tmp_path: Path) -> None:
    """A login that somebody wrote is taken as it is."""
    file(tmp_path).touch(0o600)
    file(tmp_path).write_text("me:correct-horse-battery\n")
    assert credential(tmp_path) == "me:correct-horse-battery"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_that_others_may_have_read(tmp_path: Path, mode: int) -> None:
    """It is not used, and the line names the file, not the login."""
    secret = credential(tmp_path).partition(":")[2]
    file(tmp_path).chmod(mode)
    with pytest.raises(InputError, match=r"others may have read .*credential; remove it") as told:
        credential(tmp_path)
    assert secret not in str(told.value)


@pytest.mark.parametrize(
    "text", ["", "\n", "frostline", "frostline:short", ":nameless-and-long-enough", "a:b\nc:d"]
)
def test_that_is_none(tmp_path: Path, text: str) -> None:
    """An empty or damaged file lets nobody in, least of all everybody."""
    file(tmp_path).touch(0o600)
    file(tmp_path).write_text(text)
    with pytest.raises(InputError, match="is no NAME:PASSWORD"):
        credential(tmp_path)


def test_that_cannot_be_kept(tmp_path: Path) -> None:
    """A file where the folder should be is one line."""
    (tmp_path / "prefect").touch()
    with pytest.raises(FrostlineError, match=r"the login .*credential cannot be used: "):
        credential(tmp_path / "prefect")


def test_the_header() -> None:
    """HTTP's basic login; without a login there is none."""
    assert authorization("") == {}
    [(name, value)] = authorization("me:secret").items()
    assert (name, b64decode(value.removeprefix("Basic "))) == ("authorization", b"me:secret")
