"""A row by its image's name and the models of a file, in every format that `frostline score` writes."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from frostline.errors import InputError
from frostline.scoring import score_reader

ROWS = [
    {"path": "a.png", "status": "ok", "error": None, "label": "cat", "prob": 0.75, "model": "1" * 64},
    {
        "path": "b, c.png",
        "status": "error",
        "error": "empty file",
        "label": None,
        "prob": None,
        "model": "2" * 64,
    },
]


@pytest.fixture(params=score_reader.ENDINGS)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The rows above in one of the formats."""
    path = tmp_path / f"scores{request.param}"
    if request.param == ".parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    elif request.param == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    else:
        lines = ["path,status,error,label,prob,model", f"a.png,ok,,cat,0.75,{'1' * 64}"]
        path.write_text("\n".join([*lines, f'"b, c.png",error,empty file,,,{"2" * 64}']) + "\n")
    return path


def test_find(file: Path) -> None:
    """Whatever the format."""
    row = score_reader.find(file, "a.png")
    assert (row["label"], float(row["prob"]), row["model"]) == ("cat", 0.75, "1" * 64)
    assert score_reader.find(file, "b, c.png")["error"] == "empty file"
    with pytest.raises(InputError, match=r"has no row for 'd\.png'"):
        score_reader.find(file, "d.png")


def test_models(file: Path) -> None:
    """A file put together from two jobs names two."""
    assert score_reader.models(file) == ["1" * 64, "2" * 64]


@pytest.mark.parametrize("ending", score_reader.ENDINGS)
@pytest.mark.parametrize("content", [b"path,other\n1,2\n", b'{"path": "a"}\nb\n', b"\xff\x00", b"[1]\n[2]\n"])
def test_other_files(content: bytes, ending: str, tmp_path: Path) -> None:
    """One line that says what a score file is."""
    path = tmp_path / f"scores{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is no score file"):
        score_reader.models(path)


def test_long_rows(tmp_path: Path) -> None:
    """Features that are longer than a field of the csv module may be by itself."""
    path = tmp_path / "scores.csv"
    long = json.dumps([0.1] * 40_000)
    path.write_text(f'path,status,error,label,prob,model,features\na.png,ok,,cat,0.75,{"1" * 64},"{long}"\n')
    assert score_reader.find(path, "a.png")["label"] == "cat"
    [table] = score_reader.tables(path, ["features", "height"], needed=[])
    assert table.column_names == ["features"]
    assert len(table["features"][0]) == 40_000
