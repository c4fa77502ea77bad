"""Epoch by epoch into MLflow while training runs, where a server listens; otherwise nothing at all."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from frostline.errors import FrostlineError
from frostline.progress import note
from frostline.tracking import run_contents, runs, store_uri
from frostline.tracking.content import Point, epoch_metric, missing, storable
from frostline.tracking.database import locked
from frostline.tracking.observations import Observed, observing
from frostline.tracking.runs import RunIdentity
from frostline.tracking.session import HASTY, session

if TYPE_CHECKING:
    from mlflow import MlflowClient

Log = Callable[[int, Mapping[str, float]], None]
# Training does not wait longer for a sync that is under way.
LOCK_SECONDS = 5.0


@contextlib.contextmanager
def live(*, key: str, classifier: str, dataset: str) -> Iterator[Log]:
    """Yield `log(epoch, metrics)`, which streams to the run of this key; epoch from 1.

    Observations of the training, the machine's load among them, are kept for `frostline registry sync`.
    It streams only to an http(s) server that answers within seconds; without one it costs
    nothing, not even MLflow's import. Nothing that goes wrong stops training: one line on stderr, and the
    points come with `frostline registry sync`, from history.csv.
    """
    uri = os.environ.get(store_uri.VARIABLE, "").strip()
    with observing(key) as observed:
        stream = _Stream(uri, observed, alive=store_uri.is_server(uri))
        stream.attempt(lambda: store_uri.require(uri))
        stream.attempt(lambda: stream.open(key=key, classifier=classifier, dataset=dataset))
        status = "FAILED"
        try:
            yield stream.log
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            stream.attempt(lambda: stream.close(status))


class _Stream:
    """The run being written to, for as long as its server answers."""

    def __init__(self, uri: str, observed: Observed, *, alive: bool) -> None:
        self.uri, self.observed, self.alive = uri, observed, alive
        self.sent_samples = len(observed.samples)
        self.run_id = ""
        self.sent: list[Point] = []

    def attempt(self, action: Callable[[], Any]) -> None:
        """Do it if the server is still there; its first failure is reported once and is the last try."""
        if not self.alive:
            return
        try:
            action()
        except FrostlineError as error:
            self.alive = False
            note(f"epochs are no longer streamed, training goes on: {error}")

    def session(self) -> "contextlib.AbstractContextManager[MlflowClient]":
        return session(self.uri, limits=HASTY)

    def open(self, *, key: str, classifier: str, dataset: str) -> None:
        """Find or create the run and remember the points it has: training again adds none twice."""
        with locked(self.uri, seconds=LOCK_SECONDS), self.session() as client:
            run, _ = runs.find_or_create(client, self.uri, RunIdentity(key, classifier, dataset))
            self.run_id = run.info.run_id
            self.sent = run_contents.history(
                client, run, {name for name in run.data.metrics if name.startswith("epoch/")}
            )
            run_contents.log(client, self.run_id, tags=run_contents.commit_tags(run, self.observed.commit))
            client.update_run(self.run_id, "RUNNING")

    def log(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Stream one epoch's metrics, and how busy the machine was."""
        points = [(epoch_metric(name), epoch, storable(float(value))) for name, value in metrics.items()]
        self.attempt(lambda: self._send(missing(points, self.sent)))

    def _send(self, points: list[Point]) -> None:
        load = self.observed.points(since=self.sent_samples)
        if not points and not load:
            return
        with self.session() as client:
            from mlflow.entities import Metric

            now = int(time.time() * 1000)
            client.log_batch(self.run_id, [Metric(name, value, now, step) for name, step, value in points])
            run_contents.log_timed(client, self.run_id, load)
        self.sent += points
        self.sent_samples = 1 + max((step for _, step, _, _ in load), default=self.sent_samples - 1)

    def close(self, status: str) -> None:
        with self.session() as client:
            client.set_terminated(self.run_id, status)
