"""What stages wrote at other revisions: from DVC's cache or remote, without touching the tree."""

import warnings
from pathlib import Path

from frostline.errors import FrostlineError


def content(path: Path, *, revision: str) -> bytes:
    """The bytes of a stage output (or a file in one) at a git revision, branch, tag or experiment.

    FrostlineError where the revision, the file in it, or its content cannot be had.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DVC's own libraries warn each other
        from dvc.api import read
        from dvc.exceptions import DvcException
        from scmrepo.exceptions import SCMError

    try:
        return bytes(read(path.as_posix(), rev=revision, mode="rb"))
    except (DvcException, SCMError, OSError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise FrostlineError(
            f"{path} at {revision}: {reason}; `git log` and `dvc exp list` name revisions, "
            "`dvc fetch --all-commits` brings their files"
        ) from None
