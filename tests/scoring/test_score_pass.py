"""A pass over images: a row for each, in order, whatever the batches; what cannot be read is a row too."""

from pathlib import Path

import pyarrow as pa

from frostline.scoring import plan, score_pass, sources
from frostline.scoring.journal import open_journal
from frostline.scoring.plan import Options
from frostline.scoring.rows import FINGERPRINT
from helpers.images import encoded, folder
from helpers.models import model

PHOTOS = {f"{seed}.png": encoded(seed, height=20 + seed) for seed in range(5)} | {"bad.png": b"no image"}


def passed(place: Path, batch_size: int, **options: bool) -> pa.Table:
    """All rows of a pass over the photos, as the journal has them."""
    folder(place / "photos", PHOTOS)
    (place / "model.onnx").write_bytes(model())
    source = sources.open_images([str(place / "photos")])
    out = place / "scores.csv"
    of = plan.make(source, place / "model.onnx", out=out, options=Options("cpu", **options))
    with open_journal(out, of.identity, resume=False) as shards:
        score_pass.score(of, plan.images_of(source), shards, batch_size=batch_size)
        assert shards.done == len(PHOTOS)
        table = pa.concat_tables(shards.tables())
    assert table.drop_columns([FINGERPRINT]).schema.names == score_pass.scorer_of(of).schema.names
    return table


def test_a_row_for_each_image(tmp_path: Path) -> None:
    """In the order of the source, with what tells later whether the file is still the same."""
    found = passed(tmp_path, 2)
    assert found["path"].to_pylist() == sorted(PHOTOS)
    assert [row["path"] for row in found.to_pylist() if row["error"]] == ["bad.png"]
    assert all(found[FINGERPRINT].to_pylist())


def test_batches_do_not_matter(tmp_path: Path) -> None:
    """One image at a time, some, or more than there are: the same rows."""
    one, some, many = (
        passed(tmp_path / str(size), size).drop_columns([FINGERPRINT]).to_pylist() for size in (1, 2, 16)
    )
    for row, *others in zip(one, some, many, strict=True):
        for other in others:
            assert (row["path"], row["label"], row["error"]) == (
                other["path"],
                other["label"],
                other["error"],
            )


def test_what_drift_compares_is_measured_for_it_alone(tmp_path: Path) -> None:
    """Its columns are there where they were asked for."""
    plain, measured = (
        set(passed(tmp_path / str(drift), 4, drift=drift).column_names) for drift in (False, True)
    )
    assert plain < measured
