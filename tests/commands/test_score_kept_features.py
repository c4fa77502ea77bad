"""score --keep-features: each image once through a trunk, later models by their heads alone, rows the same."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from frostline import images
from frostline.commands import score
from frostline.errors import InputError
from frostline.features import inventory
from frostline.files import read_json
from frostline.runtime import parts
from frostline.runtime.sessions import Session
from frostline.scoring import feature_cache, local_sources, plan
from frostline.scoring.drift_stats import IMAGE_STATS
from helpers.images import archive, encoded, folder
from helpers.models import contract, model
from helpers.remarks import flip, remarks

KEEP: dict[str, Any] = {
    "device": "cpu", "precision": "auto", "batch_size": 4, "threads": None, "top_k": 2,
    "min_confidence": 0.0, "features": False, "keep_features": True,
}  # fmt: skip
PHOTOS = {f"a/{seed}.png": encoded(seed, height=21 + seed, width=47 - seed) for seed in range(5)}
BAD = {"a/empty.jpg": b"", "b/page.jpg": b"<!DOCTYPE html><html>not found</html>"}
MORE = {f"more/{seed:02}.png": encoded(seed, height=18 + seed, width=44 - seed) for seed in range(10, 30)}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos, two models on one trunk, an empty cache, chunks of a few images."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(feature_cache, "CHUNK", 7)
    folder(tmp_path / "photos", PHOTOS | BAD | MORE)
    lay(tmp_path / "first", model(features=True))
    lay(tmp_path / "later", model(contract(classifier="later"), features=True, scale=0.03))
    return tmp_path


def lay(at: Path, content: bytes) -> None:
    """A model with its parts."""
    at.mkdir()
    trunk, head = parts.make(content)
    for name, part in (("model", content), ("trunk", trunk), ("head", head)):
        (at / f"{name}.onnx").write_bytes(part)


def run(place: Path, name: str, source: str = "photos", **changes: Any) -> tuple[list[dict[str, Any]], Any]:
    """Rows of a job, and what its job file says of kept features."""
    out = place / "scores.parquet"
    score.run([str(place / source)], model=str(place / name / "model.onnx"), out=out, **(KEEP | changes))
    return pq.read_table(out).to_pylist(), read_json(Path(f"{out}.job.json"), made_by="score")[
        "feature_cache"
    ]


def counts(said: Any) -> tuple[int, int]:
    """Images from kept features, images forwarded."""
    return said["reused"], said["computed"]


def same(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    """Equal but for the tolerance of a probability."""
    assert [row["path"] for row in rows] == [row["path"] for row in others]
    for row, other in zip(rows, others, strict=True):
        assert {k: row[k] for k in ("status", "error", "label", "topk_labels", "model")} == {
            k: other[k] for k in ("status", "error", "label", "topk_labels", "model")
        }
        if row["probs"] is not None:
            assert np.abs(np.subtract(row["probs"], other["probs"])).max() < parts.TOLERANCE


def test_a_later_model_needs_its_head_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows equal the whole network's, for the first model and the later one, whose trunk is never opened."""
    good = len(PHOTOS) + len(MORE)
    rows, said = run(place, "first")
    assert counts(said) == (0, good)
    same(rows, run(place, "first", keep_features=False)[0])

    def refused(*_: Any, **__: Any) -> Session:
        raise AssertionError("the trunk was opened")

    for name in BAD:
        (place / "photos" / name).unlink()  # they would go to the decoder again
    with monkeypatch.context() as patch:
        patch.setattr(plan, "open_trunk_of", refused)
        rows, said = run(place, "later")
    assert counts(said) == (good, 0)
    same(rows, run(place, "later", keep_features=False)[0])


@pytest.mark.parametrize("seed", range(3))
def test_a_flipped_bit_anywhere_in_the_cache_changes_no_row(place: Path, seed: int) -> None:
    """Features, hashes of contents, descriptions: rows are those of an empty cache, and what was damaged is said."""
    rows, _ = run(place, "first")
    run(place, "later", "photos/more")  # another file of each kind or none: the cache as jobs leave it
    rng = np.random.default_rng(seed)
    for path in sorted((place / "cache").rglob("*.*")):
        if path.is_file():
            flip(path, int(rng.integers(path.stat().st_size)), int(rng.integers(8)))
            with remarks() as lines:
                same(run(place, "first")[0], rows)
            assert any(path.name in line for line in lines) or path.name == "key.json"
            assert list(inventory.damaged(place / "cache")) == []


def test_an_unchanged_file_is_not_even_read(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Place, size and time are enough; what cannot be read is tried again."""
    run(place, "first")
    reads: list[str] = []
    real = local_sources.read_regular
    monkeypatch.setattr(local_sources, "read_regular", lambda path: (reads.append(path), real(path))[1])
    run(place, "later")
    assert {Path(path).name for path in reads} == {Path(name).name for name in BAD}


def test_only_what_changed_is_forwarded(place: Path) -> None:
    """One edited file, one new one; moved and renamed files are known by their bytes."""
    everything = len(PHOTOS) + len(MORE)
    run(place, "first")
    (place / "photos/more/10.png").write_bytes(encoded(77, height=31, width=33))
    (place / "photos/new.png").write_bytes(encoded(78, height=32, width=31))
    (place / "photos/more/11.png").rename(place / "photos/renamed.png")
    rows, said = run(place, "later")
    assert counts(said) == (everything - 1, 2)
    same(rows, run(place, "later", keep_features=False)[0])
    (place / "photos").rename(place / "elsewhere")
    assert counts(run(place, "later", "elsewhere")[1]) == (everything + 1, 0)


def test_a_file_touched_back_is_told_by_its_size(place: Path) -> None:
    """Same time, other size: read again."""
    run(place, "first")
    file = place / "photos/more/12.png"
    times = file.stat()
    file.write_bytes(encoded(79, height=50, width=41))
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert counts(run(place, "first")[1])[1] == 1


def test_another_trunk_forwards_everything_and_says_so(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Features of one trunk are never taken for another's; one line says that none are kept yet."""
    run(place, "first")
    lay(place / "other", model(contract(height=30), features=True))
    capsys.readouterr()
    rows, said = run(place, "other")
    told = capsys.readouterr().out
    assert counts(said) == (0, len(PHOTOS) + len(MORE))
    assert f"no cached features of trunk {said['trunk'][:12]}" in told
    assert f"features: 0 from the cache, {len(PHOTOS) + len(MORE)} computed" in told
    same(rows, run(place, "other", keep_features=False)[0])


def test_archives_and_features_column(place: Path) -> None:
    """An archive's entries are known while the archive is the same; the column holds what is kept."""
    archive(place / "photos.zip", PHOTOS)
    first, _ = run(place, "first", "photos.zip", features=True)
    again, said = run(place, "first", "photos.zip", features=True)
    assert counts(said) == (len(PHOTOS), 0)
    assert first == again
    whole = run(place, "first", "photos.zip", features=True, keep_features=False)[0]
    for row, other in zip(first, whole, strict=True):
        assert np.allclose(row["features"], other["features"], atol=1e-4)


def test_a_lost_cache_only_costs_forwarding(place: Path) -> None:
    """Features gone but contents known, the other way round, and a damaged file: the same rows."""
    rows, _ = run(place, "first")
    for gone in ("features", "contents"):
        shutil.rmtree(place / "cache" / gone)
        same(run(place, "first")[0], rows)
    for file in (place / "cache/features").rglob("*.arrow"):
        file.write_bytes(file.read_bytes()[:100])
    again, said = run(place, "first")
    same(again, rows)
    assert counts(said) == (0, len(PHOTOS) + len(MORE))


def test_what_drift_compares_is_measured_once(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of images whose features are kept it is measured without their trunk, then known to models on any trunk."""
    good = len(PHOTOS) + len(MORE)
    run(place, "first")
    whole = run(place, "first", drift=True, drift_limit=9.0, keep_features=False)[0]
    rows, said = run(place, "first", drift=True, drift_limit=9.0)
    assert counts(said) == (good, 0)
    _measured_alike(rows, whole)
    (place / "photos/new.png").write_bytes(encoded(78, height=32, width=31))
    for name in BAD:
        (place / "photos" / name).unlink()  # they would go to the decoder again
    decoded: list[int] = []
    decode = images.decode
    monkeypatch.setattr(images, "decode", lambda *given, **how: (decoded.append(1), decode(*given, **how))[1])
    rows, said = run(place, "later", drift=True, drift_limit=9.0)
    assert (counts(said), len(decoded)) == ((good, 1), 1)
    _measured_alike(rows, run(place, "later", drift=True, drift_limit=9.0, keep_features=False)[0])


def _measured_alike(rows: list[dict[str, Any]], others: list[dict[str, Any]]) -> None:
    same(rows, others)
    for row, other in zip(rows, others, strict=True):
        assert {name: row[name] for name in IMAGE_STATS} == {name: other[name] for name in IMAGE_STATS}
        assert (row["error"] is None) == (row["height"] is not None) == (row["embedding"] is not None)
        if row["embedding"]:
            assert np.allclose(row["embedding"], other["embedding"], atol=1e-4)


def test_refused_in_one_line(place: Path) -> None:
    """No trunk beside the model, a precision without one."""
    (place / "alone.onnx").write_bytes(model(features=True))
    with pytest.raises(InputError, match=r"there is no head\.onnx beside .*score without --keep-features"):
        score.run([str(place / "photos")], model=str(place / "alone.onnx"), out=place / "x.csv", **KEEP)
    with pytest.raises(InputError, match="kept in float32 or bfloat16"):
        run(place, "first", precision="int8")
    assert not (place / "x.csv.parts").exists()
