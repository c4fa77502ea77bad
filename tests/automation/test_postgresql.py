"""MLflow and Prefect on a private PostgreSQL, started by the tests as a user without rights."""

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from frostline.automation import servers, supervisor
from frostline.tracking import publish, reachable
from helpers.outputs import write
from helpers.servers import free_port, gathered, project, seen

LOGIN = "frostline:a-login-of-these-tests"
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
# As root PostgreSQL refuses to run.
USER: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL is not installed: apt-get install postgresql"),
]


def postgres(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs to its end."""
    done = subprocess.run(
        [PROGRAMS[-1] / program, *arguments], check=False, capture_output=True, text=True, cwd="/", **USER
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """Host, port and user of a server with the databases mlflow and prefect."""
    folder = Path(tempfile.mkdtemp())
    if USER:
        shutil.chown(folder, *USER.values())
    who = USER.get("user") or pwd.getpwuid(os.getuid()).pw_name
    port, data = str(free_port()), str(folder / "data")
    postgres("initdb", "--pgdata", data, "--auth", "trust", "--username", who)
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    with contextlib.ExitStack() as stack:
        postgres(
            "pg_ctl", "--pgdata", data, "--wait", "--log", str(folder / "log"), "--options", options, "start"
        )
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(postgres, "pg_ctl", "--pgdata", data, "--wait", "--mode", "immediate", "stop")
        for name in ("mlflow", "prefect"):
            postgres("createdb", "--host", "127.0.0.1", "--port", port, "--username", who, name)
        yield f"{who}@127.0.0.1:{port}"


def test_mlflow(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sync into PostgreSQL: one run, one version, and nothing more the second time."""
    root = project(tmp_path, monkeypatch)
    write(root)
    uri = f"postgresql://{cluster}/mlflow"
    assert reachable(uri) == ""
    first = publish(gathered(), uri=uri)
    before = seen(uri)
    assert (first.created, first.version) == (True, 1)
    assert not publish(gathered(), uri=uri).changed
    assert seen(uri) == before


def test_prefect(cluster: str, tmp_path: Path) -> None:
    """Its server comes up on PostgreSQL, runs a flow, and has it afterwards."""
    port = free_port()
    environment = {
        **servers.environment(api_port=port, mlflow_port=1, login=LOGIN),
        "PREFECT_HOME": str(tmp_path),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": f"postgresql+asyncpg://{cluster}/prefect",
    }
    code = "from prefect import flow\n@flow\ndef kept(): return 1\nprint(kept())"
    with supervisor.running(servers.prefect(port=port, login=LOGIN), environment=environment, logs=tmp_path):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True,
            check=False, cwd=tmp_path,
        )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "1", done.stderr
    found = subprocess.run(
        ["psql", "--host", "127.0.0.1", "--port", cluster.rpartition(":")[2], "--username",
         cluster.partition("@")[0], "--tuples-only", "--command", "select state_type from flow_run", "prefect"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ["COMPLETED"]
