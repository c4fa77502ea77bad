"""Against a real `mlflow server` on loopback: sync, streaming while training, a server that goes away."""

import contextlib
import functools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from frostline.tracking import (
    champion_days,
    download_model,
    live,
    machine,
    observed,
    publish,
    reachable,
    registry,
)
from frostline.tracking.session import session
from helpers.outputs import KEY, write
from helpers.servers import free_port, gathered, project, seen, server


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server for all tests here; each uses a dataset of its own."""
    with server(tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str) -> Path:
    """A project that uses the server."""
    root = project(tmp_path, monkeypatch)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    return root


class Forwarder:
    """A port that passes everything on to a server until it is closed, which cuts the lines."""

    def __init__(self, address: str) -> None:
        self.target = int(address.rpartition(":")[2])
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.sockets = [self.listener]
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.sockets += [near, far]
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        """Cut every line and stop listening."""
        for each in self.sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def test_publish_twice_and_download(root: Path, address: str) -> None:
    """The server decides where files go; the model comes back byte for byte."""
    write(root)
    first = publish(gathered(), uri=address)
    before = seen(address)
    assert (first.created, first.registered, first.version) == (True, True, 1)
    assert not publish(gathered(), uri=address).changed
    assert seen(address) == before
    assert len(before["runs"][0]["files"]) == 8
    assert (
        download_model("models:/tiny@challenger").read_bytes()
        == (root / "artifacts/models/tiny/model.onnx").read_bytes()
    )
    assert reachable(address) == ""


def test_a_champions_age_needs_no_client(root: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server says it itself; what it does not say, as of a model without champion, its client is asked."""
    write(root, "aged")
    made = time.time()
    publish(gathered("aged"), uri=address)
    assert champion_days("aged", uri=address) is None
    with session(address) as client:
        client.set_registered_model_alias("aged", "champion", "1")
    with monkeypatch.context() as patch:
        patch.setattr(registry, "session", None)
        days = champion_days("aged", uri=address)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", address)  # another one may stand there
    assert champion_days("aged", uri=address) == pytest.approx(days, abs=60 / 86400)
    assert days == pytest.approx((time.time() - made) / 86400, abs=60 / 86400)
    assert champion_days("nobody", uri=address) is None


def test_epochs_are_streamed_and_sync_adds_only_the_rest(root: Path, address: str) -> None:
    """A person watches the curve grow; afterwards there is one run with each point once."""
    write(root, "live", dataset="streamed")
    with live(key=KEY, classifier="live", dataset="streamed") as log:
        log(1, {"loss": 0.5, "accuracy": 0.25, "val_loss": 0.75, "val_accuracy": 0.125})
        with session(address) as client:
            found = client.get_experiment_by_name("streamed")
            run = client.search_runs([found.experiment_id])[0]
        assert (run.info.status, run.data.metrics["epoch/loss"]) == ("RUNNING", 0.5)
    published = publish(gathered("live"), uri=address)
    assert (published.run_id, published.created) == (run.info.run_id, False)
    run_seen = seen(address, "live", experiment="streamed")["runs"]
    assert len(run_seen) == 1
    assert run_seen[0]["status"] == "FINISHED"
    assert run_seen[0]["metrics"]["epoch/loss"] == [(1, "0.5"), (2, "0.4")]


def test_training_again_adds_no_point_twice(root: Path, address: str) -> None:
    """`dvc repro --force`, or a training that was killed and started again."""
    assert root.exists()
    for _ in range(2):
        with live(key=KEY, classifier="again", dataset="repeated") as log:
            log(1, {"loss": 0.5})
            log(2, {"loss": float("nan")})
    with session(address) as client:
        found = client.get_experiment_by_name("repeated")
        runs = client.search_runs([found.experiment_id])
        points = client.get_metric_history(runs[0].info.run_id, "epoch/loss")
    assert len(runs) == 1
    assert [point.step for point in points] == [1, 2]


def test_load_is_streamed_and_sync_adds_the_rest(
    root: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person watches how busy the machine is; every sample is there once in the end."""
    monkeypatch.setattr(machine, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(machine, "SECONDS", 0.05)
    write(root, "watched", dataset="watched")
    with live(key=KEY, classifier="watched", dataset="watched") as log:
        for epoch in (1, 2):
            time.sleep(0.1)
            log(epoch, {"loss": 0.5 if epoch == 1 else 0.4})
    look = functools.partial(seen, address, "watched", experiment="watched")
    assert len(look()["runs"][0]["metrics"]["system/cpu_utilization_percentage"]) >= 2
    publish(gathered("watched"), uri=address)
    found = observed(KEY)
    assert found
    [run] = look()["runs"]
    steps = [step for step, _ in run["metrics"]["system/cpu_utilization_percentage"]]
    assert steps == list(range(len(found.samples)))
    assert not publish(gathered("watched"), uri=address).changed


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError, "FAILED"), (KeyboardInterrupt, "KILLED"), (SystemExit, "FAILED")]
)
def test_a_training_that_ends_badly_is_shown_so(
    error: type[BaseException], status: str, root: Path, address: str
) -> None:
    """And its error goes on to whoever started it."""
    assert root.exists()
    with pytest.raises(error), live(key=KEY, classifier="ends", dataset=error.__name__):
        raise error
    with session(address) as client:
        found = client.get_experiment_by_name(error.__name__)
        assert [run.info.status for run in client.search_runs([found.experiment_id])] == [status]


def test_a_server_that_goes_away_costs_one_line(
    root: Path, address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Training goes on to its end, and a later sync has every point."""
    write(root, "cut", dataset="interrupted")
    forwarder = Forwarder(address)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", forwarder.address)
    with live(key=KEY, classifier="cut", dataset="interrupted") as log:
        log(1, {"loss": 0.5})
        forwarder.close()
        started = time.monotonic()
        for epoch in range(2, 50):
            log(epoch, {"loss": 0.5})
        assert time.monotonic() - started < 10
    said = capsys.readouterr().err
    assert said.startswith("epochs are no longer streamed, training goes on: ")
    assert said.count("\n") == 1
    publish(gathered("cut"), uri=address)
    runs = seen(address, "cut", experiment="interrupted")["runs"]
    assert [run["metrics"]["epoch/loss"] for run in runs] == [[(1, "0.5"), (2, "0.4")]]


def test_a_closed_port_costs_training_seconds_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The address is right, the server is not up."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    started = time.monotonic()
    with live(key=KEY, classifier="tiny", dataset="colours") as log:
        log(1, {"loss": 0.5})
    assert time.monotonic() - started < 10
    said = capsys.readouterr().err
    assert "Connection refused" in said
    assert said.count("\n") == 1
