"""Where runs are kept and whether that place answers."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy

from frostline.errors import FrostlineError, InputError
from frostline.tracking import reachable, store, store_uri, where_to_look
from helpers.servers import free_port, project


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return project(tmp_path / "a b", monkeypatch)


def test_default_store_is_absolute_and_in_the_project(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Called from below the root, the store is the root's all the same."""
    (root / "below").mkdir()
    monkeypatch.chdir(root / "below")
    assert store() == f"sqlite:///{root}/.frostline/mlflow/mlflow.db"
    assert store_uri.is_own(store())


@pytest.mark.parametrize("name", ["lab?b", "50% #1?x=1&y", "a%3Fb", "a b"])
def test_a_path_with_letters_of_addresses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whatever the folder is called, SQLAlchemy opens the file in it and no other."""
    root = project(tmp_path / name, monkeypatch)
    file = root / ".frostline/mlflow/mlflow.db"
    assert store_uri.database(store()) == file
    assert store_uri.is_own(store())
    file.parent.mkdir(parents=True)
    with sqlalchemy.create_engine(store()).connect() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE found (x INTEGER)"))
    assert file.is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_store_inside_a_temporary_checkout_is_the_real_projects(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DVC runs experiments in checkouts that vanish; $DVC_ROOT names the one that stays."""
    monkeypatch.chdir(project(tmp_path / "checkout", monkeypatch))
    monkeypatch.setenv("DVC_ROOT", str(root))
    assert store() == f"sqlite:///{root}/.frostline/mlflow/mlflow.db"


def test_the_users_store_wins_also_outside_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scorer on another machine has no project, only a server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", " http://team:5000 ")
    assert store() == "http://team:5000"
    assert not store_uri.is_own(store())


def test_no_project_and_no_server_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that names both ways out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with pytest.raises(InputError, match=r"no frostline project.*or set MLFLOW_TRACKING_URI") as caught:
        store()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("http://team:5000", None),
        ("databricks", None),
        ("sqlite:////srv/x/mlflow.db", "file:///srv/x/artifacts/colours"),
        ("sqlite:////srv/a%20b/c d.db?timeout=5", "file:///srv/a%2520b/artifacts/colours"),
    ],
)
def test_artifact_location(uri: str, expected: str | None) -> None:
    """Beside a sqlite file; a server's own choice elsewhere."""
    assert store_uri.artifact_location(uri, "colours") == expected


def test_artifacts_of_a_bare_database_go_to_the_project(root: Path) -> None:
    """Never to ./mlruns of whoever came first."""
    location = store_uri.artifact_location("postgresql://host/db", "colours")
    assert location == (root / ".frostline/mlflow/artifacts/colours").as_uri()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("postgresql://me:secret@host/db", "postgresql://me:***@host/db"),
        ("https://me:se:cret@host", "https://me:***@host"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
    ],
)
def test_passwords_are_not_shown(uri: str, expected: str) -> None:
    """Error lines end up in logs and chats."""
    assert store_uri.shown(uri) == expected


def test_two_stores_two_locks_one_store_one_lock() -> None:
    """The lock belongs to the store, not to the clone."""
    uris = ["http://one:1", "http://two:1", "sqlite:////srv/a.db", "sqlite:////srv/b.db"]
    assert len({store_uri.lock_file(uri) for uri in uris}) == 4
    assert store_uri.lock_file("sqlite:////srv/a.db") == Path("/srv/a.db.lock")


def test_where_to_look(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server's address, or the command that starts one; neither shows a password."""
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", str(root / "no environment/python"))
    assert where_to_look("http://me:secret@team:5000") == "http://me:***@team:5000"
    assert where_to_look(store()) == "frostline serve --mlflow-only"
    assert where_to_look("postgresql://me:secret@team/mlflow") == "frostline serve --mlflow-only"


def test_where_to_look_names_the_environments_own_program(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an activated environment `frostline` alone is not found."""
    program = root / ".venv/bin/frostline"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    assert where_to_look(store()).startswith(".venv/bin/frostline serve ")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("http://127.0.0.1:{port}", "Connection refused"),
        ("postgresql+psycopg2://u:p@127.0.0.1:{port}/db", "Connection refused"),
        ("http://no-such-host.invalid", "cannot be used"),
        ("http://[bad", "cannot be used"),
        ("./mlruns", "no longer keeps runs in plain folders"),
        ("file:///srv/mlruns", "no longer keeps runs in plain folders"),
        ("sqlite:///{folder}", "it is a folder"),
        ("sqlite:////dev/null/x/mlflow.db", "Not a directory"),
    ],
)
def test_what_does_not_answer_is_one_line_within_seconds(uri: str, said: str, tmp_path: Path) -> None:
    """MLflow itself would hold the command for four minutes."""
    started = time.monotonic()
    line = reachable(uri.format(port=free_port(), folder=tmp_path))
    assert said in line
    assert "then run `frostline registry sync`" in line
    assert "\n" not in line
    assert "u:p@" not in line
    assert time.monotonic() - started < 10


def test_a_port_that_listens_and_says_nothing_costs_seconds() -> None:
    """A hung server, or a firewall that swallows answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        started = time.monotonic()
        line = reachable(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert "timed out" in line
        assert time.monotonic() - started < 10


def test_a_name_server_that_hangs_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """No timeout of a socket covers the look-up of its name."""
    monkeypatch.setattr(store_uri, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(store_uri, "_ask", lambda uri: time.sleep(2) or uri)
    assert "no answer within 0.1 seconds" in reachable("http://somewhere")


def test_a_writable_sqlite_file_is_reachable(tmp_path: Path) -> None:
    """Also before its folder exists."""
    assert reachable(f"sqlite:///{tmp_path}/new/folder/mlflow.db") == ""
    store_uri.require(f"sqlite:///{tmp_path}/new/folder/mlflow.db")
    with pytest.raises(FrostlineError, match="it is a folder"):
        store_uri.require(f"sqlite:///{tmp_path}")


def test_importing_and_training_without_a_server_need_no_mlflow() -> None:
    """Its import takes seconds; `live` without a server must cost nothing."""
    program = (
        "import sys; from frostline import tracking\n"
        "with tracking.live(key='k', classifier='c', dataset='d') as log: log(1, {'loss': 1.0})\n"
        "print({'mlflow', 'filelock', 'onnx', 'sqlalchemy', 'urllib.request'} & {*sys.modules})"
    )
    environment = {"PATH": "", "MLFLOW_TRACKING_URI": "sqlite:////nowhere/mlflow.db"}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True
    )
    assert (done.stdout, done.stderr) == ("set()\n", "")
