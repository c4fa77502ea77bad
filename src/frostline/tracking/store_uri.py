"""Where runs are kept, and whether that place answers. Nothing here needs MLflow."""

import json
import os
import re
import shutil
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from frostline import files, paths
from frostline.errors import FrostlineError, InputError, shell_command

VARIABLE = "MLFLOW_TRACKING_URI"
LOGIN = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
# Where one of these is set, only MLflow's own client knows how to reach a server.
ANOTHER_WAY = (
    "MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_WORKSPACE",
)  # fmt: skip
# One try to connect, and the whole probe (name look-up included): together well below 10 seconds.
CONNECT_SECONDS = 4.0
PROBE_SECONDS = 8.0
DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "mssql": 1433}


def store() -> str:
    """The URI of the tracking store: $MLFLOW_TRACKING_URI, else sqlite in the project's own folder.

    The project's own store is `.frostline/mlflow/`: `mlflow.db` and `artifacts/`. MLflow writes the
    absolute place of the artifacts into the database; see `database.relocate` for what a moved repository does.
    """
    if chosen := os.environ.get(VARIABLE, "").strip():
        return chosen
    return sqlite(folder() / "mlflow.db")


def sqlite(file: Path) -> str:
    """SQLAlchemy's URI of a sqlite file.

    A question mark would end the path there, so that the database came to lie somewhere else; SQLite's own URIs
    (https://www.sqlite.org/uri.html) can say it.
    """
    return f"sqlite:///file:{quote(str(file))}?uri=true" if "?" in str(file) else f"sqlite:///{file}"


def folder() -> Path:
    """The project's own store, in the real root also inside DVC's temporary checkouts."""
    root = os.environ.get("DVC_ROOT")
    try:
        return (Path(root) if root else paths.find_root(Path.cwd())).absolute() / ".frostline" / "mlflow"
    except InputError:
        raise InputError(
            f"no MLflow store: {Path.cwd()} is in no frostline project; run this inside one, "
            f"or set {VARIABLE} to your MLflow server"
        ) from None


def served() -> Path:
    """Where `frostline serve` keeps files of experiments that were made through it."""
    return folder() / "files"


def is_own(uri: str) -> bool:
    """Whether a URI names the project's own store."""
    try:
        return database(uri) == folder() / "mlflow.db"
    except InputError:
        return False


def is_server(uri: str) -> bool:
    """Whether a URI names an MLflow server (http or https)."""
    return uri.lower().startswith(("http://", "https://"))


def database(uri: str) -> Path | None:
    """The file of a sqlite URI as an absolute path; None for every other kind of store."""
    name = uri.removeprefix("sqlite:///")
    if name in {uri, ""}:
        return None
    path = name.split("?")[0]
    return Path(unquote(path.removeprefix("file:")) if path.startswith("file:") else path).absolute()


def artifact_location(uri: str, experiment: str) -> str | None:
    """Where a new experiment's files go; None where a server decides.

    Without it MLflow stores `<current folder>/mlruns` for good, wherever the first call came from.
    """
    if is_server(uri) or uri.startswith("databricks"):
        return None
    file = database(uri)
    beside = file.parent if file else folder()
    return (beside / "artifacts" / experiment).as_uri()


def lock_file(uri: str) -> Path:
    """One lock per store and machine: beside a sqlite file, else in the folder for temporary files.

    Two clones that share a store must share the lock too, so it cannot lie in either of them.
    """
    if file := database(uri):
        return file.with_name(file.name + ".lock")
    return Path(tempfile.gettempdir()) / f"frostline-{os.getuid()}-{files.sha256(uri.encode())[:16]}.lock"


def shown(uri: str) -> str:
    """A URI as it may be printed: without the password."""
    return re.sub(r"://([^:/@]*):[^@/]*@", r"://\1:***@", uri)


def where_to_look(uri: str) -> str:
    """The address of a server, or the command that shows the store.

    Not `mlflow ui`: it asks for no login, and runs programs for whoever can reach it, such as any user of
    this machine.
    """
    if is_server(uri):
        return shown(uri)
    beside = Path(sys.executable).with_name("frostline")
    program = "frostline" if shutil.which("frostline") or not beside.exists() else files.from_here(beside)
    return shell_command(program, "serve", "--mlflow-only")


def reachable(uri: str) -> str:
    """ "" when the store can be used, else one line: what does not answer and what to do. ≤ 10 s."""
    scheme = uri.partition(":")[0].split("+")[0].lower() if ":" in uri else ""
    if is_server(uri):
        problem = _within(PROBE_SECONDS, lambda: _ask(uri))
    elif scheme in DATABASE_PORTS:
        problem = _within(PROBE_SECONDS, lambda: _knock(uri, DATABASE_PORTS[scheme]))
    elif scheme in {"", "file"} and "databricks" not in uri and not os.environ.get("MLFLOW_ALLOW_FILE_STORE"):
        problem = "MLflow no longer keeps runs in plain folders"
    else:
        problem = _file_problem(database(uri))
    if not problem:
        return ""
    return (
        f"MLflow's store {shown(uri)} cannot be used: {problem}; start or repair it, or set {VARIABLE} "
        "to another (unset: the project's own sqlite), then run `frostline registry sync`"
    )


def _within(seconds: float, probe: Callable[[], str]) -> str:
    """A probe's answer; a probe that hangs (a slow name server, say) is left behind."""
    answer: list[str] = []
    thread = threading.Thread(target=lambda: answer.append(probe()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answer[0] if answer else f"no answer within {seconds:g} seconds"


def _ask(uri: str) -> str:
    """What is wrong with a server; any answer but a server's own failure is good enough."""
    from urllib.error import HTTPError
    from urllib.request import urlopen

    try:
        with urlopen(f"{uri.rstrip('/')}/health", timeout=CONNECT_SECONDS):
            return _login_problem(uri)
    except HTTPError as error:
        return f"it answers {error.code} {error.reason}" if error.code >= 500 else ""
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", None) or error)
    except Exception as error:
        return f"it does not speak HTTP ({type(error).__name__})"


def _login_problem(uri: str) -> str:
    """What a server that wants a login says to ours; every other answer, and none, is left to the work itself."""
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    header = _login()
    if not header and (os.environ.get("MLFLOW_TRACKING_TOKEN") or "@" in urlsplit(uri).netloc):
        return ""
    try:
        with urlopen(Request(f"{uri.rstrip('/')}/version", headers=header), timeout=CONNECT_SECONDS):
            return ""
    except HTTPError as error:
        return f"it refused the login; set {' and '.join(LOGIN)}" if error.code == 401 else ""
    except Exception:
        return ""


def _login() -> dict[str, str]:
    """The header by which a server knows us; {} without a login."""
    login = ":".join(os.environ.get(name, "") for name in LOGIN)
    return {"authorization": f"Basic {b64encode(login.encode()).decode()}"} if login != ":" else {}


def asked(uri: str, path: str, **query: str) -> dict[str, Any]:
    """What a server answers to a GET of MLflow's REST API; {} where its client is to ask, or says what is wrong.

    The client takes a second or two to import, for an answer of some milliseconds.
    """
    from urllib.request import Request, urlopen

    if not is_server(uri) or "@" in urlsplit(uri).netloc or any(os.environ.get(name) for name in ANOTHER_WAY):
        return {}
    place = f"{uri.rstrip('/')}/api/2.0/mlflow/{path}?{urlencode(query)}"
    try:
        with urlopen(Request(place, headers=_login()), timeout=CONNECT_SECONDS) as answer:
            return dict(json.load(answer))
    except Exception:
        return {}


def _knock(uri: str, port: int) -> str:
    import socket

    try:
        parts = urlsplit(uri)
        with socket.create_connection((parts.hostname or "localhost", parts.port or port), CONNECT_SECONDS):
            return ""
    except (OSError, ValueError) as error:
        return str(error)


def _file_problem(file: Path | None) -> str:
    """What keeps a sqlite file from being written."""
    if file is None:
        return ""
    if file.is_dir():
        return "it is a folder"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return f"{error.strerror}: {file.parent}"
    target = file if file.exists() else file.parent
    return "" if os.access(target, os.W_OK) else f"{files.printable(target)} cannot be written"


def require(uri: str) -> None:
    """Raise FrostlineError with `reachable`'s line where the store cannot be used."""
    if problem := reachable(uri):
        raise FrostlineError(problem)
