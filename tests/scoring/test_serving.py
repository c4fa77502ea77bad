"""A served model gives the rows of `frostline score`, whatever form the images come in."""

import base64
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from frostline.pipeline import code_digest
from frostline.scoring import serving
from frostline.scoring.model import open_model
from helpers.images import encoded, folder
from helpers.models import CLASSES, model, telling_unknown


@pytest.fixture
def served(tmp_path: Path) -> serving.Served:
    """The tiny model, loaded as MLflow loads it."""
    (tmp_path / "model.onnx").write_bytes(model())
    return serving._load_pyfunc(str(tmp_path / "model.onnx"))


def said(served: serving.Served, *contents: Any, **params: Any) -> list[dict[str, Any]]:
    """The rows for these values of the column."""
    return served.predict(pd.DataFrame({"image": list(contents)}), params).to_dict("records")


def test_bytes_base64_and_lines_of_base64_are_the_same(served: serving.Served) -> None:
    """As Python gives them, as HTTP carries them, as some of MLflow's request forms leave them."""
    content = encoded(3, kind="jpeg")
    text = base64.b64encode(content)
    rows = said(
        served, content, text.decode(), base64.encodebytes(content).decode(), text, bytearray(content)
    )
    assert [row["status"] for row in rows] == ["ok"] * 5
    assert all(row == rows[0] for row in rows)
    assert rows[0]["label"] in CLASSES
    assert sum(rows[0]["probs"]) == pytest.approx(1, abs=1e-6)
    assert rows[0]["prob"] == max(rows[0]["probs"])


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "empty file"),
        ("!!", "not base64"),
        (7, "neither bytes nor base64: int"),
        (None, "neither bytes nor base64: NoneType"),
        (b"hello there", "not an image: starts with 'hello'"),
        (encoded(1)[:-30], "truncated PNG"),
    ],
)
def test_what_is_no_image_is_a_row(content: Any, error: str, served: serving.Served) -> None:
    """And its neighbours have their scores."""
    rows = said(served, encoded(1), content, encoded(2))
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert rows[1] == {"status": "error", "error": error, "label": None, "prob": None, "probs": None}


def test_more_than_a_batch_in_order(served: serving.Served) -> None:
    """Each row stays with its image."""
    contents = [encoded(number) for number in range(serving.BATCH + 3)]
    alone = [said(served, content)[0]["probs"] for content in contents]
    assert [row["probs"] for row in said(served, *contents)] == [
        pytest.approx(each, abs=1e-6) for each in alone
    ]


def test_nothing_in_nothing_out(served: serving.Served) -> None:
    """A request without images is no error."""
    assert said(served) == []


def test_the_shipped_code_runs_by_itself(tmp_path: Path) -> None:
    """The closure that MLflow's folder holds imports nothing else of frostline."""
    sources = code_digest.closure("frostline.scoring.serving")
    folder(tmp_path, {f"frostline/{p.relative_to(code_digest.PACKAGE)}": p.read_bytes() for p in sources})
    code = "import sys; sys.path[0] = sys.argv[1]\nimport frostline.scoring.serving as it; print(it.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip().startswith(str(tmp_path))
    rooms = {path.relative_to(code_digest.PACKAGE).parts[0] for path in sources}
    common = {"__init__.py", "errors.py", "files.py", "progress.py", "system.py"}
    assert rooms == common | {
        "features",
        "images",
        "runtime",
        "scoring",
    }  # what scoring computes with, and no more


def test_unknown_is_served_where_the_model_tells_it(tmp_path: Path) -> None:
    """The number of `frostline score`, and nothing for what is no image."""
    path = tmp_path / "model.onnx"
    path.write_bytes(telling_unknown())
    contents = [encoded(1), b"no image", encoded(2, kind="jpeg")]
    rows = said(serving._load_pyfunc(str(path)), *contents)
    with open_model(path, device="cpu") as opened:
        scored = opened.predict(contents).arrow.to_pylist()
    assert [row["unknown"] for row in rows] == [pytest.approx(row["unknown"]) for row in scored]
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert rows[1]["unknown"] is None
    assert 0 <= rows[0]["unknown"] <= 1


def test_a_request_may_ask_for_what_score_is_asked_for(tmp_path: Path) -> None:
    """Status, label and set are those of `frostline score` with the same options."""
    path = tmp_path / "model.onnx"
    path.write_bytes(telling_unknown())
    served, contents = serving._load_pyfunc(str(path)), [encoded(number) for number in range(6)]
    asked = {"unknown": 0.5, "coverage": 0.9, "min_confidence": 0.4}
    rows = said(served, *contents, b"no image", **asked)
    with open_model(path, device="cpu") as opened:
        scored = opened.predict([*contents, b"no image"], **asked).arrow.to_pylist()
    names = ("status", "error", "label", "prediction_set")
    assert [[row[name] for name in names] for row in rows] == [
        [row[name] for name in names] for row in scored
    ]
    assert len({row["status"] for row in rows}) > 1
    plain = said(served, *contents, unknown=None, min_confidence=None)
    assert {row["status"] for row in plain} == {"ok"}
    assert "prediction_set" not in plain[0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"unknown": 5}, "use a share above 0 and below 1"),
        ({"coverage": 0.95}, "no thresholds"),
        ({"unknown": 0.05}, "no output `unknown`"),
    ],
)
def test_what_a_model_cannot_say_is_refused_in_mlflows_way(
    asked: dict[str, float], message: str, served: serving.Served
) -> None:
    """Its server answers 400 with this line."""
    with pytest.raises(MlflowException, match=message) as refused:
        said(served, encoded(1), **asked)
    assert refused.value.get_http_status_code() == 400
