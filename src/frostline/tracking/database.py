"""A sqlite store's database: whole from its first moment, or not there at all."""

import contextlib
import sqlite3
from contextlib import closing
from pathlib import Path

from frostline.tracking import store_uri
from frostline.tracking.locks import locked

LOCK_SECONDS = 60.0
# What a store has from its first use on: the experiment `Default`, or models where it is a registry alone.
HOLDING = ("experiments", "registered_models")


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
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=f"sqlite:///{file}").search_experiments()


def _remove(file: Path) -> None:
    """A database and what sqlite keeps beside it."""
    for name in (file.name, *(f"{file.name}-{part}" for part in ("journal", "wal", "shm"))):
        with contextlib.suppress(FileNotFoundError):
            file.with_name(name).unlink()
