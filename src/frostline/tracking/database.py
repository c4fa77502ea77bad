"""The database of an MLflow store: one writer at a time, whole from its first moment, right after a move."""

import contextlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from frostline.errors import FrostlineError
from frostline.tracking import store_uri

LOCK_SECONDS = 60.0  # for another process that makes the database
WAIT_SECONDS = 30.0  # for SQLite's own lock
# What a store has from its first use on: the experiment `Default`, or models where it is a registry alone.
HOLDING = ("experiments", "registered_models")
# Where MLflow (3.x) writes absolute places into its tables.
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


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


def make(uri: str) -> None:
    """Make the database of a sqlite store that has none, or one that holds nothing; others are left alone.

    MLflow makes its tables in forty steps, and one that was interrupted is refused ever after. So they are
    made in a file beside, which takes the database's name when all are there.
    """
    file = store_uri.database(uri)
    if file is None or not is_void(file):
        return
    with locked(uri, seconds=LOCK_SECONDS):
        if not is_void(file):
            return  # somebody else made it meanwhile
        beside = file.with_name(f"{file.name}.new")
        _remove(beside)
        _tables(beside)
        _remove(file)
        beside.replace(file)


def is_void(file: Path | None) -> bool:
    """Whether a database is still to be made: its file is missing, or has no row that anybody put there."""
    if file is None:
        return False
    if not file.exists():
        return True
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            known = [name for name in HOLDING if name in tables]
            rows = any(connection.execute(f"SELECT 1 FROM {name} LIMIT 1").fetchone() for name in known)
    except sqlite3.Error:
        return False  # a damaged or locked file: MLflow's own words about it follow
    return not rows and (bool(known) or tables <= {"alembic_version"})


def _tables(file: Path) -> None:
    """All of MLflow's tables, and its first experiment, in a new file."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    # MLflow writes the place of that experiment into its SQL as it stands: a URI has no quotes and line breaks.
    SqlAlchemyStore(store_uri.sqlite(file), (file.parent / "artifacts").as_uri())  # type: ignore[no-untyped-call]


def _remove(file: Path) -> None:
    """A database and what sqlite keeps beside it."""
    for name in (file.name, *(f"{file.name}-{part}" for part in ("journal", "wal", "shm"))):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(name).unlink()


def relocate(uri: str) -> None:
    """Let the project's own store name its files where they are now; any other store is left alone.

    MLflow keeps absolute places, so that a repository that was moved, copied or mounted elsewhere would
    look for its pictures and models in the old one. Only files below `artifacts/` beside the database are
    meant; where nothing has moved, this reads one small table.
    """
    file = store_uri.database(uri)
    if file is None or not store_uri.is_own(uri) or not file.is_file():
        return
    here = (file.parent / "artifacts").as_uri()
    try:
        with closing(sqlite3.connect(file, timeout=WAIT_SECONDS)) as connection:
            former = _former(connection, here)
            if former:
                with connection:
                    _rewrite(connection, former, here)
    except sqlite3.Error:
        return  # a damaged or locked file: MLflow's own words about it follow


def _former(connection: sqlite3.Connection, here: str) -> list[str]:
    """Other folders in which experiments keep files, each ending as this project's own does."""
    ending = "/" + "/".join(Path(here).parts[-3:])
    known = connection.execute("SELECT name, artifact_location FROM experiments").fetchall()
    others = {
        place.removesuffix(f"/{name}")
        for name, place in known
        if place and place.startswith("file://") and place.endswith(f"{ending}/{name}")
    }
    return sorted(others - {here})


def _rewrite(connection: sqlite3.Connection, former: list[str], here: str) -> None:
    for table, column in COLUMNS:
        for old in former:
            connection.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",
                (here, len(old) + 1, len(old) + 1, f"{old}/"),
            )
