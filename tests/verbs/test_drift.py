"""drift: files beside the scores, figures in the job file, exit code 3 above the limit, one line for bad input."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline import files, paths
from frostline.errors import InputError, LimitError
from frostline.records import predictions
from frostline.records.predictions import Predictions
from frostline.verbs import drift

SHA = "a" * 64


def probs(share: float, count: int, seed: int) -> np.ndarray:
    """Of two classes; the first is answered in this share."""
    draws = np.random.default_rng(seed)
    top = draws.uniform(0.6, 0.99, count)
    first = np.where(draws.random(count) < share, top, 1 - top)
    return np.stack([first, 1 - first], axis=1).astype(np.float32)


def scored(path: Path, share: float, *, count: int = 300, model: str = SHA) -> Path:
    """Scores with one unreadable row, and their job file."""
    rows = [*probs(share, count, 5).tolist(), None]
    table = pa.table({"probs": pa.array(rows, pa.list_(pa.float32())), "model": [model] * len(rows)})
    pq.write_table(table, path)
    files.write_json(path.with_name(path.name + ".job.json"), {"job": 1, "labels": {}})
    return path


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A classifier's predictions, of which only the test split is the baseline, and its export."""
    monkeypatch.chdir(tmp_path)
    count = 400
    said = Predictions(
        classes=("cat", "dog"),
        paths=tuple(f"{n}.jpg" for n in range(2 * count)),
        ids=tuple(f"{n:064x}" for n in range(2 * count)),
        splits=("train",) * count + ("test",) * count,
        labels=np.zeros(2 * count, np.int64),
        probs=np.concatenate([probs(1.0, count, 1), probs(0.5, count, 2)]),
    )
    for folder in (paths.classifier("pets"), paths.model("pets")):
        folder.mkdir(parents=True)
    predictions.write(said, paths.classifier("pets") / "predictions.parquet")
    files.write_json(paths.model("pets") / "agreement.json", {"model": SHA})


def test_the_same_mix_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files are written, the job file keeps what it held, nothing is raised."""
    out = scored(tmp_path / "scores.parquet", 0.5)
    drift.run(out, model="pets", limit=0.1)
    assert "drift 0.000 of 300 images, limit 0.1" in capsys.readouterr().out
    values = json.loads((tmp_path / "scores.parquet.drift.json").read_text())
    assert (values["images"], values["baseline"], values["alarm"]) == (300, 400, False)
    assert json.loads((tmp_path / "scores.parquet.job.json").read_text()) == {
        "job": 1,
        "labels": {},
        "drift": values,
    }
    assert "No drift beyond" in (tmp_path / "scores.parquet.drift.html").read_text()


def test_another_mix_is_an_alarm(tmp_path: Path) -> None:
    """Exit code 3, and the files are there all the same; a higher limit lets it pass."""
    out = scored(tmp_path / "scores.parquet", 0.9)
    with pytest.raises(LimitError, match=r"drift 0\.\d+ of 300 images, limit 0.1: see .*drift.html") as alarm:
        drift.run(out, model="pets", limit=0.1)
    assert alarm.value.exit_code == 3
    assert json.loads((tmp_path / "scores.parquet.drift.json").read_text())["alarm"]
    drift.run(out, model="pets", limit=0.9)


def test_bad_input_is_one_line(tmp_path: Path) -> None:
    """No such file, no Parquet, another model's scores, not one image."""
    with pytest.raises(InputError, match="cannot be read"):
        drift.run(tmp_path / "none.parquet", model="pets", limit=0.1)
    (tmp_path / "x.parquet").write_text("no")
    with pytest.raises(InputError, match=r"name a \.parquet output"):
        drift.run(tmp_path / "x.parquet", model="pets", limit=0.1)
    with pytest.raises(InputError, match=r"scored by another model \(bbbb"):
        drift.run(scored(tmp_path / "s.parquet", 0.5, model="b" * 64), model="pets", limit=0.1)
    with pytest.raises(InputError, match="not one image"):
        drift.run(scored(tmp_path / "s.parquet", 0.5, count=0), model="pets", limit=0.1)
