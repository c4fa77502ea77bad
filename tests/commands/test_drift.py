"""drift: test images again are none, darker ones and another mix alarm; files, job file, exit codes, bad input."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from frostline.commands import drift, score
from frostline.errors import InputError, LimitError
from frostline.runtime import parts
from frostline.scoring import drift_baseline, drift_report, score_reader
from frostline.scoring.drift import Shift
from frostline.scoring.drift_baseline import Histogram
from helpers.drift import photos, with_baseline
from helpers.models import CLASSES, model
from helpers.params import WHOLE, changed

OPTIONS: dict[str, Any] = {
    "device": "cpu", "precision": "auto", "batch_size": 16, "threads": None, "top_k": 2, "min_confidence": 0.0,
    "features": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A model that knows its 300 test images."""
    return with_baseline(
        photos(tmp_path_factory.mktemp("test") / "images", 300, seed=1), model(features=True)
    )


@pytest.fixture
def place(tested: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with that model and a params.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(tested)
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(WHOLE))
    return tmp_path


def scored(source: Path, out: str = "scores.parquet", **changes: Any) -> dict[str, Any]:
    """Score a folder; what the job file says of drift."""
    options = OPTIONS | {"drift": True} | changes
    score.run([str(source)], model="model.onnx", out=Path(out), **options)
    return said(out)


def said(out: str = "scores.parquet") -> dict[str, Any]:
    """What the job file says of drift."""
    return json.loads(Path(f"{out}.job.json").read_text())["drift"]


@pytest.mark.parametrize("out", ["scores.parquet", "scores.jsonl", "scores.csv"])
def test_more_of_the_same_is_none(place: Path, out: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Every format of output; JSON and page lie beside it, all indices are there."""
    found = scored(photos(place / "new", 100, seed=2), out)
    assert (found["alarm"], found["images"], found["baseline"]) == (False, 100, 300)
    assert found["indices"].keys() == drift_baseline.INDICES.keys()
    assert [each["bin"] for each in found["indices"]["answers"]["shares"]] == list(CLASSES)
    assert f"none of 6 measures is significant in 100 images: see {out}.drift.html" in capsys.readouterr().out
    assert json.loads(Path(f"{out}.drift.json").read_text()) == found
    page = Path(f"{out}.drift.html").read_text()
    assert "No drift above the limits" in page
    assert "None of 6 measures is significant." in page
    assert "largest significant" not in page


def test_kept_features_give_the_same_figures(
    place: Path, tested: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At first and with all known: the head of a model knows no test images, the model beside it does."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(place / "cache"))
    for name, part in zip(("trunk", "head"), parts.make(tested), strict=True):
        (place / f"{name}.onnx").write_bytes(part)
    new = photos(place / "new", 50, seed=2)
    whole = scored(new)
    for _ in range(2):
        kept = scored(new, keep_features=True)
        assert kept["images"] == 50
        assert {name: index["psi"] for name, index in kept["indices"].items()} == {
            name: pytest.approx(index["psi"], abs=1e-3) for name, index in whole["indices"].items()
        }


def test_darkened_images_are_an_alarm(place: Path) -> None:
    """Exit code 3; every row is there, also the unreadable one, and the figures too."""
    new = photos(place / "new", 100, seed=2, light=0.5)
    (new / "bad.png").write_bytes(b"<html>")
    with pytest.raises(LimitError, match=r"brightness.* above the limit; drift .*drift\.html") as alarm:
        scored(new)
    assert alarm.value.exit_code == 3
    rows = pq.read_table("scores.parquet")
    assert rows["status"].to_pylist().count("ok") == 100
    assert rows["brightness"].null_count == 1
    assert rows.schema.names[-5:] == ["height", "width", "brightness", "sharpness", "embedding"]
    found = said()
    assert found["images"] == 100
    assert found["indices"]["brightness"]["above_limit"]
    assert not found["indices"]["size"]["significant"]
    assert "Drift above a limit" in Path("scores.parquet.drift.html").read_text()
    with pytest.raises(LimitError, match="above the limit"):  # a finished job says it again
        scored(new, resume=True)


def test_another_mix_is_an_alarm(place: Path) -> None:
    """Only red: answers and what the network sees; a limit that is high enough lets it pass, so does none."""
    new = photos(place / "new", 100, seed=2, mix=(0.0, 0.0, 1.0))
    with pytest.raises(LimitError, match="predicted classes"):
        scored(new)
    assert said()["indices"]["answers"]["shares"][2]["job"] > 0.9
    assert scored(new, drift_limit=50.0)["score"] > 0.25
    none = {f"drift.{name}": None for name in drift_baseline.INDICES}
    Path("params.yaml").write_text(yaml.safe_dump(changed(WHOLE, none)))
    assert not scored(new)["alarm"]


@pytest.mark.parametrize("ending", [".parquet", ".jsonl", ".csv", ".CSV"])
def test_the_command_reads_what_score_wrote(
    place: Path, ending: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same figures in every format; without the columns of --drift only answers and confidence are compared."""
    monkeypatch.setattr(score_reader, "ROWS", 40)  # several tables
    new = photos(place / "new", 100, seed=2)
    (new / "bad.png").write_bytes(b"<html>")
    before = scored(new, f"scores{ending}")
    drift.run(Path(f"scores{ending}"), model="model.onnx")
    assert said(f"scores{ending}") == before
    score.run([str(new)], model="model.onnx", out=Path(f"plain{ending}"), **OPTIONS)
    capsys.readouterr()
    drift.run(Path(f"plain{ending}"), model="model.onnx", limit=0.3)
    assert said(f"plain{ending}")["indices"].keys() == {"answers", "confidence"}
    assert "confidence: PSI " in capsys.readouterr().out


def test_bins_are_named_with_their_units() -> None:
    """Ranges; one number where many images share it; tenths where numbers would mean nothing."""
    after = float(str(np.nextafter(np.float32(2), np.float32(np.inf))))

    def bins(index: str, edges: tuple[float, ...], place: int = 0) -> list[str]:
        counts = (1,) * (len(edges) + 1)
        shift = Shift(index, 0.0, 1.0, None, Histogram(edges, counts), counts, place)
        return [share["bin"] for share in drift_report._index(shift, ["cat", "dog"])["shares"]]

    assert bins("size", (100.4, 150.0)) == ["below 100 px", "100 px to 150 px", "from 150 px"]
    assert bins("size", (2.0, after), 1) == ["below 2.00", "exactly 2.00", "above 2.00"]
    assert bins("brightness", (81.56, 96.4)) == ["below 82", "82 to 96", "from 96"]
    assert bins("confidence", (0.57, 0.995)) == ["below 57%", "57% to 99.5%", "from 99.5%"]
    assert bins("answers", (0.5,)) == ["cat", "dog"]
    assert bins("embedding", tuple(range(9)), 3)[::9] == ["lowest tenth", "highest tenth"]
    assert bins("embedding", tuple(range(9)), 16) == [
        "nearest tenth", *map(str, range(2, 10)), "farthest tenth",
    ]  # fmt: skip
    assert bins("sharpness", ()) == ["all"]


def test_the_strangest_images_are_shown(place: Path) -> None:
    """Those farthest from the test images, with pictures; afterwards too, as long as the folder is there."""
    new = photos(place / "new", 30, seed=2)
    for number in range(3):
        Image.new("RGB", (90, 40 + number), "white").save(new / f"{number:03}.png")
    shown = scored(new)["strangest"]
    assert {one["path"] for one in shown[:3]} == {"000.png", "001.png", "002.png"}
    assert [one["strangeness"] for one in shown] == sorted(
        (one["strangeness"] for one in shown), reverse=True
    )
    page = Path("scores.parquet.drift.html")
    assert page.read_text().count("data:image/jpeg") == len(shown) == 12
    first = page.read_text()
    drift.run(Path("scores.parquet"), model="model.onnx", limit=50.0)
    assert page.read_text().count("data:image/jpeg") == 12
    new.rename(place / "away")
    drift.run(Path("scores.parquet"), model="model.onnx", limit=50.0)
    assert "could not be read again" in page.read_text()
    assert "could not be read again" not in first


def test_a_model_without_baseline(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line; the rows are there, and nothing is an alarm. The command has nothing else to do: it refuses."""
    Path("model.onnx").write_bytes(model())
    score.run([str(photos(place / "new", 3, seed=2, light=0.1))], model="model.onnx", out=Path("s.parquet"),
              **OPTIONS, drift=True)  # fmt: skip
    assert capsys.readouterr().out.splitlines()[-1] == drift_report.NO_BASELINE
    assert pq.read_table("s.parquet").num_rows == 3
    assert not list(place.glob("s.parquet.drift*"))
    with pytest.raises(InputError, match=r"model\.onnx: drift is not measured: .* export it again"):
        drift.run(Path("s.parquet"), model="model.onnx")


def test_bad_input_is_one_line(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such file, no score file, another model's scores, no limits, options that exclude each other."""
    for ending in (".parquet", ".jsonl", ".csv", ".txt"):
        with pytest.raises(InputError, match="is no score file"):
            drift.run(Path(f"none{ending}"), model="model.onnx")
        Path(f"x{ending}").write_text("no\n1\n")
        with pytest.raises(InputError, match="name what `frostline score` wrote"):
            drift.run(Path(f"x{ending}"), model="model.onnx")
    new = photos(place / "new", 2, seed=2)
    score.run([str(new)], model="model.onnx", out=Path("s.parquet"), **OPTIONS)
    Path("other.onnx").write_bytes(Path("model.onnx").read_bytes() + b"")
    Path("model.onnx").write_bytes(with_baseline(new, model(features=True)))
    with pytest.raises(InputError, match=r"scored by another model \(\w{12}\)"):
        drift.run(Path("s.parquet"), model="model.onnx")
    with pytest.raises(InputError, match="--drift-limit 1: only with --drift"):
        scored(new, drift=False, drift_limit=1.0)
    Path("params.yaml").rename("former.yaml")
    with pytest.raises(InputError, match=r"no params\.yaml here .* name one limit"):
        scored(new)
    Path("former.yaml").rename("params.yaml")
    monkeypatch.setattr(drift_report, "find_spec", lambda name: None if name == "scipy" else object())
    with pytest.raises(Exception, match=r"drift needs scipy, .*frostline\[drift\]"):
        scored(new)
