"""score, interrupted: whatever ends a job, going on gives the rows of a job that was not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from frostline.commands import score
from frostline.errors import FrostlineError, InputError
from frostline.runtime.sessions import Session, open_session
from frostline.scoring import journal, plan
from helpers.images import encoded, folder
from helpers.models import contract, model

OPTIONS: dict[str, Any] = {
    "device": "cpu", "precision": "auto", "batch_size": 4, "threads": None, "top_k": 2,
    "min_confidence": 0.0, "features": False,
}  # fmt: skip
PHOTOS = {f"{number:03d}.png": encoded(number, height=20 + number % 7) for number in range(40)} | {
    "013x.png": b"broken"
}
# The command with shards of a few rows, so that a short job has many.
CODE = (
    "import sys; from frostline.scoring import journal; journal.SHARD_ROWS = 8\n"
    "from frostline.cli import main; sys.argv[0] = 'frostline'; main()"
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with photos and a model."""
    folder(tmp_path / "photos", PHOTOS)
    (tmp_path / "tiny.onnx").write_bytes(model())
    return tmp_path


def run(place: Path, name: str, **changes: Any) -> list[dict[str, Any]]:
    """Score into a Parquet file and read it."""
    out = place / name
    given = {"model": str(place / "tiny.onnx"), "out": out, **OPTIONS} | changes
    score.run([str(place / "photos")], **given)
    return list(pq.read_table(out).to_pylist())


def failing_after(batches: int, patch: pytest.MonkeyPatch, error: Exception) -> None:
    """Make the network fail once it has taken some batches."""
    real, left = Session.run, [batches]

    def failing(session: Session, batch: np.ndarray) -> dict[str, np.ndarray]:
        left[0] -= 1
        if left[0] < 0:
            raise error
        return real(session, batch)

    patch.setattr(Session, "run", failing)


@pytest.mark.parametrize("batches", [1, 2, 5, 9])
def test_going_on_equals_not_stopping(place: Path, batches: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every row of the interrupted job is one of the whole job's, bit for bit, and nothing is left beside."""
    monkeypatch.setattr(journal, "SHARD_ROWS", 8)
    whole = run(place, "whole.parquet")
    with monkeypatch.context() as patch:
        failing_after(batches + 1, patch, FrostlineError("the device is gone"))
        with pytest.raises(FrostlineError, match=r"the device is gone(; \d+ finished rows are kept)?"):
            run(place, "scores.parquet")
    assert not (place / "scores.parquet").exists()
    assert run(place, "scores.parquet", resume=True) == whole
    assert (place / "scores.parquet").read_bytes() == (place / "whole.parquet").read_bytes()
    assert sorted(path.name for path in place.iterdir()) == [
        "photos", "scores.parquet", "scores.parquet.job.json", "tiny.onnx", "whole.parquet",
        "whole.parquet.job.json",
    ]  # fmt: skip
    counts = json.loads((place / "scores.parquet.job.json").read_text())["counts"]
    assert (counts["found"], counts["scored"], counts["unreadable"]) == (41, 40, 1)


def interrupted(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that ended in the middle, with finished shards."""
    monkeypatch.setattr(journal, "SHARD_ROWS", 8)
    with monkeypatch.context() as patch:
        failing_after(6, patch, FrostlineError("gone"))
        with pytest.raises(FrostlineError, match="finished rows are kept"):
            run(place, "scores.parquet")


def test_another_model_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of two models never stand in one output."""
    interrupted(place, monkeypatch)
    (place / "tiny.onnx").write_bytes(model(scale=0.06))
    with pytest.raises(InputError, match="a job with another model; run it as it was begun"):
        run(place, "scores.parquet", resume=True)
    (place / "tiny.onnx").write_bytes(model())
    assert len(run(place, "scores.parquet", resume=True)) == 41


def test_a_changed_file_is_refused(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row stands for the file as it was; its shards stay."""
    interrupted(place, monkeypatch)
    (place / "photos/001.png").write_bytes(encoded(99))
    with pytest.raises(InputError, match=r"'001\.png' has another content or time; its \d+ finished rows"):
        run(place, "scores.parquet", resume=True)
    assert list((place / "scores.parquet.parts").glob("*.arrow"))


def test_a_vanished_folder_ends_the_job(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one row claims that a file could not be read; once the folder is back, the job goes on."""
    whole = run(place, "whole.parquet")
    monkeypatch.setattr(journal, "SHARD_ROWS", 8)
    real = Session.run

    def moving(session: Session, batch: np.ndarray) -> dict[str, np.ndarray]:
        if len(list((place / "scores.parquet.parts").glob("*.arrow"))) >= 1 and (place / "photos").exists():
            (place / "photos").rename(place / "away")
        return real(session, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", moving)
        with pytest.raises(FrostlineError, match=r"vanished while it was read; bring it back; \d+ finished"):
            run(place, "scores.parquet")
    (place / "away").rename(place / "photos")
    assert run(place, "scores.parquet", resume=True) == whole


def test_a_finished_job_is_not_scored_again(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--resume` on a finished output says so, and removes what a kill left of its shards; another model on it begins
    anew.
    """
    run(place, "scores.parquet")
    (place / ".0123abcd.scores.parquet.done").mkdir()
    opened = open_session(place / "tiny.onnx", device="cpu")
    with monkeypatch.context() as patch:
        failing_after(0, patch, AssertionError("scored again"))
        patch.setattr(plan, "open_session", lambda *_, **__: opened)
        run(place, "scores.parquet", resume=True)
    assert "is complete; without --resume it is scored anew" in capsys.readouterr().out
    assert not list(place.glob(".*"))
    (place / "tiny.onnx").write_bytes(model(contract(classifier="another")))
    run(place, "scores.parquet", resume=True)
    assert "40 images scored" in capsys.readouterr().out


def command(place: Path, out: str, *more: str) -> list[str]:
    """The command line of a job with small shards."""
    options = ["--device", "cpu", "--batch-size", "4", "--model", str(place / "tiny.onnx"), *more]
    return [sys.executable, "-c", CODE, "score", str(place / "photos"), "--out", str(place / out), *options]


def test_a_full_disk_keeps_what_is_finished(place: Path) -> None:
    """The system's limit on a file's size ends the job in one line; more room, and it goes on."""
    limited = (
        "import resource as r, signal as s\n"
        "s.signal(s.SIGXFSZ, s.SIG_IGN); r.setrlimit(r.RLIMIT_FSIZE, (6000, 6000))\n"
    )
    words = command(place, "scores.jsonl")
    words[2] = limited + words[2]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "cannot write" in done.stderr
    assert "41 finished rows are kept, go on with --resume" in done.stderr
    subprocess.run(command(place, "scores.jsonl", "--resume"), check=True, capture_output=True)
    subprocess.run(command(place, "whole.jsonl"), check=True, capture_output=True)
    assert (place / "scores.jsonl").read_bytes() == (place / "whole.jsonl").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_hundred_kills(place: Path) -> None:
    """SIGKILL of the process group, uniform in time over a whole job, merge included; then --resume."""
    started = time.monotonic()
    subprocess.run(command(place, "whole.jsonl"), check=True, capture_output=True)
    lasted = time.monotonic() - started
    whole = (place / "whole.jsonl").read_bytes()
    draw, ended, kept = random.Random(7), [], 0
    for _ in range(100):
        process = subprocess.Popen(
            command(place, "scores.jsonl", "--resume"),
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        time.sleep(draw.uniform(0, lasted))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        ended.append(process.returncode)
        kept += bool(list(place.glob("scores.jsonl.parts/*.arrow")))
        subprocess.run(command(place, "scores.jsonl", "--resume"), check=True, capture_output=True)
        assert (place / "scores.jsonl").read_bytes() == whole
        left = {path.name for path in place.iterdir()} - {"photos", "tiny.onnx"}
        assert left == {f"{name}.jsonl{more}" for name in ("scores", "whole") for more in ("", ".job.json")}
        for path in place.glob("scores.jsonl*"):
            path.unlink()
    assert ended.count(-signal.SIGKILL) > 60
    assert kept > 5, "kills must also hit jobs that have finished shards"
