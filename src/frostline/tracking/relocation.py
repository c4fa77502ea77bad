"""The project's own store after the repository was moved: its database still names the old place."""

import sqlite3
from contextlib import closing
from pathlib import Path

from frostline.tracking import store_uri

# Where MLflow (3.x) writes absolute places into its tables.
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
WAIT_SECONDS = 30.0


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
