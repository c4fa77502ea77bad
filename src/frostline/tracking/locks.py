"""Who writes to a store, one at a time on this machine."""

import contextlib
from collections.abc import Iterator

from frostline.errors import FrostlineError
from frostline.tracking import store_uri


@contextlib.contextmanager
def locked(uri: str, *, seconds: float) -> Iterator[None]:
    """One conversation that creates things at a time, for this store on this machine.

    It also keeps two first users of a fresh sqlite file from making it at once.
    """
    from filelock import FileLock, Timeout

    path = store_uri.lock_file(uri)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path, is_singleton=True)  # whoever has it may ask again
        lock.acquire(timeout=seconds)
    except Timeout:
        raise FrostlineError(
            f"another frostline has been writing to {store_uri.shown(uri)} for {seconds:g} seconds; "
            "run `frostline registry sync` when it is done"
        ) from None
    except OSError as error:
        raise FrostlineError(f"cannot lock {path}: {error.strerror}; make its folder writable") from error
    try:
        yield
    finally:
        lock.release()
