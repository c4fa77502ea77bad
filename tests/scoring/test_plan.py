"""A plan: fixed from its first moment, whatever its job does; options that cannot be are refused."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from frostline.errors import InputError
from frostline.scoring import plan, score_pass, sources
from frostline.scoring.journal import open_journal
from frostline.scoring.plan import Options, Plan
from helpers.images import encoded, folder
from helpers.models import model

PHOTOS = {f"{seed:02}.png": encoded(seed, height=20 + seed) for seed in range(9)}


def planned(place: Path, **options: Any) -> Plan:
    """The plan of a small job on the CPU."""
    folder(place / "photos", PHOTOS)
    (place / "model.onnx").write_bytes(model())
    source = sources.open_images([str(place / "photos")])
    return plan.make(source, place / "model.onnx", out=place / "s.csv", options=Options("cpu", **options))


def rows(of: Plan, out: Path, *, done: int = 0) -> pa.Table:
    """All rows of a job that goes on after so many."""
    with open_journal(out, of.identity, resume=True) as shards:
        items = plan.images_of(of.source)
        if done:
            score_pass.score(of, (next(items) for _ in range(done)), shards, batch_size=2)
            items = shards.without_rows(plan.images_of(of.source))
        score_pass.score(of, items, shards, batch_size=2)
        return pa.concat_tables(shards.tables())


def test_a_plan_is_not_used_up(tmp_path: Path) -> None:
    """Scored twice, or in two parts, the same plan gives the same rows: it holds nothing that work moves on."""
    whole = planned(tmp_path)
    identity = dict(whole.identity)
    first = rows(whole, tmp_path / "first.csv")
    assert first["path"].to_pylist() == sorted(PHOTOS)
    assert rows(whole, tmp_path / "second.csv").equals(first)
    assert rows(whole, tmp_path / "parts.csv", done=4).equals(first)
    assert whole.identity == identity


def test_a_plan_is_fixed(tmp_path: Path) -> None:
    """What decides its rows is settled when it is made, and no field can be assigned."""
    of = planned(tmp_path)
    assert of.identity == {
        "source": str(tmp_path / "photos"), "model": of.session.sha256, "precision": "float32",
        "top_k": 5, "min_confidence": 0.0, "features": False,
    }  # fmt: skip
    with pytest.raises(AttributeError):
        of.out = tmp_path / "other.csv"  # type: ignore[misc]


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "fp16"}, {"device": "gpu"}, {"engine": "spark"}, {"threads": 0}, {"batch_size": 0}, {"top_k": 0},
        {"min_confidence": 2.0}, {"ray_address": "auto"}, {"engine": "ray", "keep_features": True},
        {"drift_limit": 1.0},
    ],
)  # fmt: skip
def test_options_that_cannot_be(changes: dict[str, Any]) -> None:
    """Refused where they are made, by the name of the option."""
    name = next(iter(changes))
    with pytest.raises(InputError, match=f"--{name.replace('_', '-')}|--keep-features"):
        Options(**changes)


def test_only_what_decides_rows_stands_for_them() -> None:
    """Device, threads and engine may change when a job goes on; what a row holds may not."""
    assert Options(device="cpu", threads=2, engine="ray").rows == Options().rows
    assert Options(drift=True).rows != Options().rows
