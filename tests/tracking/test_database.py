"""MLflow's database: made beside and renamed, so that a kill leaves none that later syncs refuse."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy

from frostline.tracking import database, prepare, store_uri
from frostline.tracking.database import locked
from frostline.tracking.session import session
from helpers.servers import sqlite

CHILD = "import sys; from frostline.tracking.session import session\nwith session(sys.argv[1]): pass"


def tables(file: Path) -> int:
    """How many tables a database has, 0 where there is none yet."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.Error:
        return 0


def killed(uri: str, file: Path, *, when: Callable[[], bool]) -> None:
    """A first use of a store, killed when `file` is as `when` says."""
    with subprocess.Popen([sys.executable, "-c", CHILD, uri], env=os.environ) as child:
        until = time.monotonic() + 60
        while child.poll() is None and not when() and time.monotonic() < until:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL, f"{file} was whole before the kill"


@pytest.mark.slow
def test_killed_while_it_is_made(tmp_path: Path) -> None:
    """Under its own name there is nothing yet; the next use has a whole one and leaves nothing beside it."""
    file = tmp_path / "mlflow.db"
    uri, beside = f"sqlite:///{file}", tmp_path / "mlflow.db.new"
    for least in (3, 25):
        killed(uri, file, when=lambda least=least: tables(beside) >= least)
        assert not file.exists()
        assert beside.exists()
    with session(uri) as client:
        assert [found.name for found in client.search_experiments()] == ["Default"]
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlflow.db.lock"}


@pytest.mark.slow
def test_one_that_an_earlier_version_left_half_made_begins_anew(tmp_path: Path) -> None:
    """It made its tables under the final name."""
    file = tmp_path / "mlflow.db"
    uri, beside = f"sqlite:///{file}", tmp_path / "mlflow.db.new"
    killed(uri, file, when=lambda: tables(beside) >= 12)
    beside.rename(file)
    prepare(uri)
    with session(uri) as client:
        assert [found.name for found in client.search_experiments()] == ["Default"]


@pytest.mark.slow
def test_a_path_that_sql_obeys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Quotes of both kinds, a line break and a colon: the store is made there, and its first experiment beside it."""
    place = tmp_path / 'it\'s "here" #1 50%\n:b'
    place.mkdir()
    monkeypatch.chdir(place)
    database.make(store_uri.sqlite(place / "mlflow.db"))
    with closing(sqlite3.connect(place / "mlflow.db")) as connection:
        ((location,),) = connection.execute("SELECT artifact_location FROM experiments").fetchall()
    assert location == f"{(place / 'artifacts').as_uri()}/0"


def test_a_path_with_a_question_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is made in its own folder, not at the address's end beside it."""

    def store(tracking_uri: str, _: str) -> None:
        """Opens a store as MLflow does."""
        with sqlalchemy.create_engine(tracking_uri).begin() as connection:
            connection.execute(sqlalchemy.text("CREATE TABLE experiments (x INTEGER)"))

    name = "mlflow.store.tracking.sqlalchemy_store"
    monkeypatch.setitem(sys.modules, name, SimpleNamespace(SqlAlchemyStore=store))
    file = tmp_path / "lab?b/mlflow.db"
    database.make(store_uri.sqlite(file))
    assert tables(file) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["lab?b"]


def made(file: Path, *statements: str) -> Path:
    """A database by these statements."""
    with closing(sqlite3.connect(file)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    return file


EXPERIMENTS = "CREATE TABLE experiments (name TEXT)"
MODELS = "CREATE TABLE registered_models (name TEXT)"


@pytest.mark.parametrize(
    ("statements", "void"),
    [
        ((), True),
        ((EXPERIMENTS, MODELS), True),
        (("CREATE TABLE alembic_version (version_num TEXT)",), True),
        ((EXPERIMENTS, "INSERT INTO experiments VALUES ('Default')"), False),
        ((EXPERIMENTS, MODELS, "INSERT INTO registered_models VALUES ('tiny')"), False),
        (("CREATE TABLE notes (text TEXT)",), False),
    ],
)
def test_what_holds_nothing(statements: tuple[str, ...], void: bool, tmp_path: Path) -> None:
    """Tables without a row; never what somebody put something into, or another program's database."""
    assert database.is_void(made(tmp_path / "some.db", *statements)) is void


def test_files_that_are_no_database(tmp_path: Path) -> None:
    """A missing and an empty file are to be made; what is damaged is left for MLflow to name."""
    assert database.is_void(tmp_path / "missing.db")
    assert not database.is_void(None)
    (tmp_path / "empty.db").touch()
    assert database.is_void(tmp_path / "empty.db")
    (tmp_path / "damaged.db").write_bytes(b"no database at all" * 99)
    assert not database.is_void(tmp_path / "damaged.db")


def test_a_whole_one_is_left_alone(tmp_path: Path) -> None:
    """Byte for byte."""
    uri = sqlite(tmp_path)
    before = (tmp_path / "mlflow.db").read_bytes()
    database.make(uri)
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_who_has_the_lock_may_ask_again_and_nobody_else(tmp_path: Path) -> None:
    """Publishing makes the database while it has the store's lock."""
    uri, refused = f"sqlite:///{tmp_path}/mlflow.db", []

    def other() -> None:
        try:
            with locked(uri, seconds=0.05):
                pass
        except Exception as error:  # what it is, is looked at below
            refused.append(str(error))

    with locked(uri, seconds=1):
        with locked(uri, seconds=1):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert "another frostline has been writing" in refused[0]
