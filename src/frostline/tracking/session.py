"""One quiet, bounded conversation with MLflow, whose failures are one line."""

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from frostline import memory
from frostline.errors import FrostlineError, first_line
from frostline.tracking import database, served_files, store_uri

if TYPE_CHECKING:
    from mlflow import MlflowClient

# MLflow reports its use over the network, prints links and draws bars; none of it was asked for.
QUIET = {
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
# MLflow's own 7 retries of 120 seconds hold a command for minutes.
PATIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
}
# While training, a silent server may cost one epoch a few seconds, once.
HASTY = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}


@contextlib.contextmanager
def session(uri: str, *, limits: Mapping[str, str] = PATIENT) -> Iterator["MlflowClient"]:
    """A client of the store at `uri`; what MLflow raises comes out as a FrostlineError of one line.

    The environment is set for the time of the conversation, because MLflow's registry asks the
    default store, not the client's, where a logged model lies. What the user set himself stays.
    """
    settings = {name: value for name, value in {**QUIET, **limits}.items() if name not in os.environ}
    with _environment({**settings, store_uri.VARIABLE: uri}), _silence(), _explained(uri):
        database.relocate(uri)
        with memory.uncollected():
            database.make(uri)
            from mlflow import MlflowClient

            served_files.find(uri)
            client = MlflowClient(tracking_uri=uri, registry_uri=os.environ.get("MLFLOW_REGISTRY_URI", uri))
        yield client


def prepare(uri: str) -> None:
    """What a server needs that opens the store by itself: a whole database that names where its files are now."""
    database.relocate(uri)
    if database.is_void(store_uri.database(uri)):
        with session(uri):
            pass


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """No deprecations of MLflow's own libraries, no report on its migrations, also where it is imported."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _explained(uri: str) -> Iterator[None]:
    """MLflow passes on what its database, HTTP and cloud libraries raise: too many types to name."""
    try:
        yield
    except FrostlineError:
        raise
    except ModuleNotFoundError as error:
        raise FrostlineError(
            f"MLflow at {store_uri.shown(uri)} needs the package {error.name}: install frostline[train], "
            "or frostline[registry] to read models from a server"
        ) from error
    except Exception as error:
        if type(error).__module__ == "builtins" and not isinstance(error, OSError):
            raise  # a mistake of ours: hiding it would help nobody
        raise FrostlineError(
            f"MLflow at {store_uri.shown(uri)}: {_shortened(error)}; "
            "nothing is lost, run this again once that is solved"
        ) from error


def _shortened(error: Exception) -> str:
    text = first_line(error)
    return text if len(text) <= 300 else text[:297] + "..."
