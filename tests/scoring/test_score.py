"""frostline.score: what the command does, without a word."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import frostline
from frostline import progress
from frostline.commands import score as command
from frostline.errors import FrostlineError, InputError
from helpers.images import encoded, folder
from helpers.models import model

PHOTOS = {f"{seed}.png": encoded(seed) for seed in range(5)} | {"bad.jpg": b"<html>"}
QUICK = {"device": "cpu", "batch_size": 2}


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A tiny model file."""
    path = tmp_path / "tiny.onnx"
    path.write_bytes(model(features=True))
    return path


@pytest.mark.parametrize("ending", ["parquet", "jsonl", "csv"])
def test_the_command_s_own_file(
    tmp_path: Path, network: Path, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same bytes and counts; rows read back whole; nothing on any stream."""
    root = folder(tmp_path / "photos", PHOTOS)
    reporter = progress.report_to(progress.SILENT)  # as it is in Python that is not the command line's
    job = frostline.score(root, model=network, out=tmp_path / f"api.{ending}", features=True, **QUICK)
    assert capfd.readouterr() == ("", "")
    progress.report_to(reporter)
    command.run([str(root)], model=str(network), out=tmp_path / f"cli.{ending}", features=True, **QUICK)
    assert (tmp_path / f"api.{ending}").read_bytes() == (tmp_path / f"cli.{ending}").read_bytes()
    assert job.values == json.loads((tmp_path / f"api.{ending}.job.json").read_text())
    assert job.values["counts"]["scored"] == 5
    command.run([str(root)], model=str(network), out=tmp_path / "all.parquet", features=True, **QUICK)
    assert job.scores.arrow.equals(pq.read_table(tmp_path / "all.parquet"))


def test_in_memory(tmp_path: Path, network: Path) -> None:
    """Without out nothing is written; several sources are named as the command names them."""
    one, two = folder(tmp_path / "one", PHOTOS), folder(tmp_path / "two", {"x.png": encoded(7)})
    before = sorted(tmp_path.rglob("*"))
    scores = frostline.score([one, two], model=network, top_k=1, **QUICK)
    assert sorted(tmp_path.rglob("*")) == before
    command.run([str(one), str(two)], model=str(network), out=tmp_path / "s.parquet", top_k=1, **QUICK)
    assert scores.arrow.equals(pq.read_table(tmp_path / "s.parquet"))
    assert scores.paths[-1] == f"{two}/x.png"


def test_errors(tmp_path: Path, network: Path) -> None:
    """What is asked for wrongly, and what could not be done."""
    root = folder(tmp_path / "photos", {"bad.jpg": b"<html>"})
    with pytest.raises(InputError, match="features"):
        frostline.score(root, model=network, features=True)  # type: ignore[call-overload]
    with pytest.raises(InputError):
        frostline.score(tmp_path / "none", model=network)
    with pytest.raises(InputError):
        frostline.score(root, model=network, out=tmp_path / "s.xml")
    with pytest.raises(FrostlineError, match="none of 1"):
        frostline.score(root, model=network, out=tmp_path / "s.csv", **QUICK)
    assert frostline.score(root, model=network, **QUICK).errors.keys() == {"bad.jpg"}


def test_resume(tmp_path: Path, network: Path) -> None:
    """A job that is complete is left as it is."""
    root = folder(tmp_path / "photos", PHOTOS)
    first = frostline.score(root, model=network, out=tmp_path / "s.csv", **QUICK)
    again = frostline.score(root, model=network, out=tmp_path / "s.csv", resume=True, **QUICK)
    assert again.values == first.values
