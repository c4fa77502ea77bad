"""What flows show: pictures and links of what stages left, counts and drift of a score job."""

import base64
from pathlib import Path
from typing import Any

import pytest

from frostline import files
from frostline.automation import artifacts


def index(**changes: Any) -> dict[str, Any]:
    """One index of a job file's drift."""
    return {"title": "brightness", "psi": 0.5, "limit": 0.25, "p_value": 0.0, "above_limit": True} | changes


@pytest.mark.parametrize(
    ("drift", "score", "rows", "line"),
    [
        ({}, None, 0, ""),
        ({"drift": None}, None, 0, ""),
        ({"drift": {"score": 0.0, "indices": {"a": index(psi=0.1, above_limit=False)}}}, 0.0, 1, ""),
        (
            {
                "drift": {
                    "score": 0.5,
                    "indices": {"a": index(), "b": index(limit=None, above_limit=False)},
                }
            },
            0.5,
            2,
            "brightness: PSI 0.500 is above 0.25",
        ),
    ],
)
def test_what_a_job_says(
    tmp_path: Path, drift: dict[str, Any], score: float | None, rows: int, line: str
) -> None:
    """Also of a job that was not compared."""
    job = tmp_path / "s.parquet.job.json"
    files.write_json(job, {"job": 1, **drift})
    assert artifacts.drift(job) == score
    assert len(artifacts.indices(job)) == rows
    assert artifacts.above_limits(job) == line


def test_how_many_are_unknown(tmp_path: Path) -> None:
    """Also of a job of a version that could not tell."""
    job = tmp_path / "s.parquet.job.json"
    for values, count in (({"counts": {"unknown": 3}}, 3), ({"counts": {"found": 3}}, 0), ({}, 0)):
        files.write_json(job, values)
        assert artifacts.unknown(job) == count


def test_what_stages_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that are there, each whole inside its address; a job's counts; drift only where it is told."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plots/a").mkdir(parents=True)
    (tmp_path / "plots/a/curves.png").write_bytes(b"PNG")
    title, picture = artifacts.pictures("a").split("\n\n")
    assert title == "curves"
    assert picture.startswith("![curves of a](data:image/png;base64,")
    assert base64.b64decode(picture.rstrip(")").split(",")[1]) == b"PNG"
    assert artifacts.pictures("b") == ""
    job = tmp_path / "job.json"
    job.write_text('{"counts": {"found": 3, "skipped": null}, "labels": {"cat": 2}}')
    assert artifacts.scores(job) == [{"what": "found", "images": 3}, {"what": "label cat", "images": 2}]
    assert artifacts.drift(job) is None
    assert artifacts.metrics(["a"]) == []
    assert artifacts.links({"a": "http://127.0.0.1/x", "b": ""}) == "- [a in MLflow](http://127.0.0.1/x)"
    (tmp_path / "reports/comparison").mkdir(parents=True)
    (tmp_path / "reports/comparison/comparison.md").write_text("# Title\n\n![accuracies](comparison.png)\n")
    (tmp_path / "reports/comparison/comparison.png").write_bytes(b"PNG")
    assert "![accuracies](data:image/png;base64,UE5H)" in artifacts.links({})
