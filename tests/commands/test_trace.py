"""trace: an image of a dataset is found by its content, with its class, its split and who learnt from it."""

import re
from pathlib import Path
from typing import Any

import pytest

from frostline import files, paths
from frostline.commands import trace
from frostline.datasets.decision_log import DecisionLog
from frostline.errors import InputError
from helpers.repositories import committed, listed, repository
from helpers.results import dataset

LOCK = """
schema: '2.0'
stages:
  preprocess@pets:
    cmd: x
    deps: [{path: data/pets, md5: 11111111111111111111111111111111.dir}]
    outs: [{path: artifacts/datasets/pets, md5: %(found)s, nfiles: 1}]
  train@tiny:
    cmd: x
    deps: [{path: artifacts/datasets/pets, md5: %(found)s}]
    outs: []
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose committed lock holds a dataset that a classifier was trained on."""
    root = repository(tmp_path / "project", monkeypatch)
    dataset("pets")
    manifest = (paths.dataset("pets") / "manifest.parquet").read_bytes()
    (root / "dvc.lock").write_text(LOCK % {"found": listed(root, {"manifest.parquet": manifest})})
    (root / ".gitignore").write_text("/data\n/artifacts\n")
    committed("Pets")
    return root


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("dog/train-1.png", ["class dog, train", "used     trained with it: tiny"]),
        ("cat/validation-6.png", ["class cat, validation", "used     measured with it: tiny"]),
    ],
)
def test_a_photo(name: str, said: list[str], root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever it lies now; with the commit and the commands that bring the images back."""
    photo = root.parent / "some.png"
    photo.write_bytes((root / "data/pets" / name).read_bytes())
    trace.run(photo)
    told = capsys.readouterr().out
    assert f"image    {files.sha256_file(photo)}: {name}" in told
    assert all(line in told for line in said)
    assert re.search(r"^commit   [0-9a-f]{40}  .* Pets$", told, re.M)
    assert re.search(r"^  the images  dvc get \. data/pets --rev ", told, re.M)


def test_what_was_decided_about_a_photo(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every decision, also one that was taken back, and how its commit is found."""
    photo = root / "data/pets/dog/train-1.png"
    sha256 = files.sha256_file(photo)
    log = DecisionLog(paths.DECISIONS, dataset="pets", who="Ada <a@b>")
    log.decide("label", sha256=sha256, path="dog/train-1.png", old="dog", new="cat")
    log.undo()
    trace.run(photo)
    told = capsys.readouterr().out
    assert re.search(r"^decided  \d{4}-\d\d-\d\d by Ada <a@b>: label: dog → cat$", told, re.M)
    assert re.search(r"^decided  .*: undo: dog → cat$", told, re.M)
    assert f"git log -S {sha256} -- decisions.csv" in told


def test_a_photo_that_nobody_knows(root: Path) -> None:
    """One line that says how its row of scores is traced."""
    (root / "other.png").write_bytes(b"other")
    with pytest.raises(InputError, match=r"no dataset has it; .*trace SCORES --path other\.png"):
        trace.run(Path("other.png"))


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"status": "ok", "label": "cat", "prob": 0.9, "error": None}, "cat (0.9000)"),
        ({"status": "unknown", "label": None, "prob": 0.9, "error": None}, "unknown, no label"),
        ({"status": "abstained", "label": None, "prob": "0.6", "error": None}, "abstained, no label"),
        ({"status": "error", "label": None, "prob": None, "error": "empty file"}, "error: empty file"),
    ],
)
def test_what_a_row_of_scores_says(row: dict[str, Any], said: str) -> None:
    """Only what could not be read is an error."""
    answer = trace._answer(row)
    assert answer.startswith(said)
    assert "None" not in answer
