"""A trial run ends, whatever the model does: with its answer, its error, or in time with one line."""

import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from frostline.errors import FrostlineError, InputError
from frostline.runtime import placement, trial
from frostline.runtime.engine import Setup
from frostline.runtime.sessions import open_session
from helpers.images import encoded
from helpers.models import endless


def nothing() -> None:
    """There is nothing to stop."""


def test_an_answer_and_an_error_pass() -> None:
    """As if it had not run in a thread of its own."""
    assert trial.run(lambda: 7, device="cpu", stop=nothing) == 7
    with pytest.raises(FrostlineError, match="it broke"):
        trial.run(lambda: exec("raise FrostlineError('it broke')"), device="cpu", stop=nothing)


def test_what_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of a processor, not of a GPU, which compiles first; work that heeds `stop` has ended."""
    monkeypatch.setattr(trial, "SECONDS", 0.05)
    ended = threading.Event()
    with pytest.raises(InputError, match=r"longer than 0\.05 s"):
        trial.run(ended.wait, device="openvino", stop=ended.set)
    assert ended.is_set()
    assert trial.run(lambda: time.sleep(0.1), device="cuda", stop=nothing) is None


def test_a_model_with_an_endless_loop_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And its thread ends."""
    monkeypatch.setattr(trial, "SECONDS", 0.2)
    threads = threading.active_count()
    with pytest.raises(InputError, match=r"model: a trial image took longer than 0\.2 s"):
        open_session(endless(nodes=True), device="cpu")
    assert threading.active_count() == threads


def test_a_loop_that_nothing_stops_ends_with_the_command(tmp_path: Path) -> None:
    """ONNX Runtime looks between nodes, and it has none: one line all the same, and the exit code of a wrong file."""
    (tmp_path / "model.onnx").write_bytes(endless(nodes=False))
    (tmp_path / "photo.png").write_bytes(encoded(1))
    command = (
        "import sys; from frostline import cli; from frostline.runtime import trial; "
        "trial.SECONDS = trial.GRACE = 0.2; "
        "sys.argv[1:] = 'score', 'photo.png', '--model', 'model.onnx', '--device', 'cpu'; cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    [line] = done.stderr.splitlines()
    assert "model.onnx: a trial image took longer than 0.2 s" in line


BRIGHT = (
    "import sys; from frostline import cli; from frostline.runtime import trial; "
    "trial.SECONDS = trial.GRACE = trial.SLICE = 0.2; "
    "sys.argv[1:] = 'score', '.', '--model', 'model.onnx', '--device', 'cpu', '--batch-size', '1', '--out', 's.csv'; "
    "cli.main()"
)


@pytest.mark.parametrize("nodes", [True, False], ids=["which heeds", "which heeds nothing"])
def test_a_loop_that_begins_with_a_later_image(nodes: bool, tmp_path: Path) -> None:
    """One line, whether or not ONNX Runtime can end it, and the process ends."""
    (tmp_path / "model.onnx").write_bytes(endless(nodes=nodes, bright=True))
    (tmp_path / "a.png").write_bytes(encoded(1))
    Image.new("RGB", (20, 20), "white").save(tmp_path / "b.png")
    done = subprocess.run(
        [sys.executable, "-c", BRIGHT], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "frostline: a batch took longer than 0.2 s" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "s.csv").exists()


def test_patience_does_not_count_what_came_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer, an error, and one that comes when the others are asked for already."""
    monkeypatch.setattr(trial, "SLICE", 0.05)
    patience = trial.Patience(30.0, nothing)
    with ThreadPoolExecutor(1) as pool:
        assert patience.result(pool.submit(lambda: 7)) == 7
        assert patience.result(pool.submit(time.sleep, 0.2)) is None
        with pytest.raises(ZeroDivisionError):
            patience.result(pool.submit(lambda: 1 / 0))


def test_where_nodes_run_is_found_out_in_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The profile of a device that is to be proven."""
    monkeypatch.setattr(trial, "SECONDS", 0.2)
    with pytest.raises(InputError, match="loop without end"):
        placement.prove(Setup(endless(nodes=True), "cpu", "float32"))
