"""A score job on one page: what is shown of whose rows, and that a hostile name stays text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from frostline.errors import InputError
from frostline.scoring import job_runner, score_page
from frostline.scoring.plan import Options
from helpers import models


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A good row: the class by its number, surer with each."""
    prob = 0.5 + number / 200
    label, other = ("cat", "dog")[:: 1 if number % 2 else -1]
    ranks = {"topk_labels": [label, other], "topk_probs": [prob, 1 - prob]}
    values = {
        "path": f"{number:03d}.jpg",
        "status": "ok",
        "error": None,
        "label": label,
        "prob": prob,
        **ranks,
    }
    return {**values, "unknown": number / 100, "prediction_set": [label], **changes}


def summary(rows: list[dict[str, Any]]) -> score_page.Summary:
    made = score_page.Summary()
    for one in rows:
        made.add(one)
    return made


def test_what_is_shown_of_a_hundred_rows() -> None:
    """The surest, the least sure, the furthest; of each class both ends; unreadable ones with their reason."""
    bad = row(7, status="error", error="truncated JPEG", label=None, prob=None, unknown=None)
    far = row(3, path="street.jpg", status="unknown", label=None, unknown=0.999)
    made = summary([*(row(number) for number in range(100)), bad, far])
    assert [one["path"] for one in made.confident.rows()][:2] == ["099.jpg", "098.jpg"]
    assert [one["path"] for one in made.unsure.rows()][:2] == ["000.jpg", "001.jpg"]
    assert made.far.rows()[0]["path"] == "street.jpg"
    assert "street.jpg" not in [one["path"] for one in made.unsure.rows()]
    assert [one["path"] for one in made.of_class("cat")] == [
        f"{number:03d}.jpg" for number in (99, 97, 95, 5, 3, 1)
    ]
    assert made.counts == {"ok": 100, "error": 1, "unknown": 1}
    assert made.unreadable == [bad]


def test_equal_rows_are_shown_by_path_whatever_their_order() -> None:
    """The same rows make the same page."""
    rows = [row(50, path=f"{number:02d}.png") for number in range(40)]
    paths = [one["path"] for one in summary(rows).confident.rows()]
    assert paths == [f"{number:02d}.png" for number in range(score_page.SHOWN)]
    assert [one["path"] for one in summary(rows[::-1]).confident.rows()] == paths


def test_what_is_unknown_has_no_set() -> None:
    """A set promises the actual class, which an image of no class has not."""
    rows = [
        row(1, prediction_set=["cat", "owl"]),
        row(2, status="unknown", label=None, prediction_set=["cat"]),
    ]
    html = score_page.page(summary(rows), scores="s.csv", model="m", pictures={})
    assert "set: cat, owl" in html
    assert "set: cat<" not in html


def test_names_stay_text() -> None:
    """A file may be called like a script."""
    evil = "<script>alert(1)</script>.jpg"
    html = score_page.page(summary([row(1, path=evil)]), scores="s.csv", model="m", pictures={})
    assert "<script>alert" not in html
    assert "&lt;script&gt;" in html


def test_a_model_that_tells_no_unknown_has_no_such_part() -> None:
    """Its rows lack the column."""
    rows = [
        {key: value for key, value in row(n).items() if key not in ("unknown", "prediction_set")}
        for n in range(3)
    ]
    html = score_page.page(summary(rows), scores="s.csv", model="m", pictures={})
    assert 'id="unknown"' not in html
    assert 'id="unsure"' in html


@pytest.mark.parametrize("ending", ["parquet", "csv", "jsonl"])
def test_a_job_writes_its_page(tmp_path: Path, ending: str) -> None:
    """Beside the output, with a picture of each photo; of a job that was complete before too."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, colour in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255)]):
        Image.new("RGB", (40, 30), colour).save(photos / f"{number}.png")
    (photos / "broken.jpg").write_bytes(b"no image")
    model = tmp_path / "model.onnx"
    model.write_bytes(models.model())
    out = tmp_path / f"scores.{ending}"
    asked = {"model": str(model), "out": out, "device": "cpu", "batch_size": 2, "page": True}
    job_runner.run([str(photos)], **asked)
    page = out.with_name(f"scores.{ending}.html")
    html = page.read_text()
    assert html.count("data:image/jpeg") >= 3
    assert "broken.jpg" in html
    page.unlink()
    job_runner.run([str(photos)], resume=True, **asked)
    assert page.read_text() == html


def test_a_list_that_is_read_once_still_has_pictures(tmp_path: Path) -> None:
    """Its names are paths."""
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "list.txt").write_text(str(tmp_path / "a.png"))
    model = tmp_path / "model.onnx"
    model.write_bytes(models.model())
    out = tmp_path / "scores.csv"
    job_runner.run(
        [f"@{tmp_path / 'list.txt'}"], model=str(model), out=out, device="cpu", batch_size=1, page=True
    )
    assert "data:image/jpeg" in out.with_name("scores.csv.html").read_text()


@pytest.mark.parametrize(
    ("name", "value"), [("unknown", 0.0), ("unknown", 1.0), ("coverage", 0.0), ("coverage", 1.5)]
)
def test_shares_out_of_range_are_refused(name: str, value: float) -> None:
    """By the option's name."""
    with pytest.raises(InputError, match=f"--{name}"):
        Options(**{name: value})
