"""What flows show of a score job's drift: a number, a table, a line."""

from pathlib import Path
from typing import Any

import pytest

from frostline import files
from frostline.automation import outputs


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
    assert outputs.drift(job) == score
    assert len(outputs.indices(job)) == rows
    assert outputs.above_limits(job) == line
