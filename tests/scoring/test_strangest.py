"""The images least like the test images: by their features, else by what else is known of them."""

import contextlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from frostline.scoring import drift_baseline, strangest
from frostline.scoring.drift_baseline import Baseline
from frostline.scoring.sources import open_images
from frostline.scoring.strangest import SHOWN, Strange
from helpers.drift import population
from helpers.images import encoded, folder

COUNT = 50


@pytest.fixture(scope="module")
def baseline() -> Baseline:
    """Of a thousand test images of four classes."""
    return drift_baseline.make(population(1000), classes=4)


def rows(count: int = COUNT) -> pa.Table:
    """Names and probabilities."""
    return pa.table({"path": [f"{n}.png" for n in range(count)], "probs": [[0.7, 0.1, 0.1, 0.1]] * count})


def found(sample: dict[str, np.ndarray], baseline: Baseline) -> list[Strange]:
    """The strangest of one table."""
    return strangest.strangest([], rows(), sample, baseline)


def test_what_is_far_in_features_comes_first(baseline: Baseline) -> None:
    """With its prediction; at most a dozen."""
    sample = population(COUNT, seed=3)
    sample["embedding"][7] *= 20
    first, *others = found(sample, baseline)
    assert (first.path, first.predicted, first.prob) == ("7.png", int(sample["answers"][7, 0]), 0.7)
    assert first.strangeness > 5 > others[0].strangeness
    assert len(others) == SHOWN - 1
    assert strangest.measure(sample, baseline) == "embedding"


def test_without_features_light_and_sharpness_tell(baseline: Baseline) -> None:
    """Beyond the range of the test images, in its widths; without these, a low confidence."""
    sample = {name: values for name, values in population(COUNT, seed=3).items() if name != "embedding"}
    sample["brightness"][9] = 1000
    assert found(sample, baseline)[0].path == "9.png"
    few = {name: sample[name] for name in ("answers", "confidence")}
    few["confidence"][11] = 0.1
    assert found(few, baseline)[0] == Strange(0.9, "11.png", int(few["answers"][11, 0]), 0.7)
    assert [strangest.measure(each, baseline) for each in (sample, few)] == ["brightness", "confidence"]


def test_it_does_not_depend_on_how_rows_arrive(baseline: Baseline) -> None:
    """The strangest of all, table after table; among images that are alike too."""
    sample, table = population(COUNT, seed=4), rows()
    sample["embedding"][5:40] = sample["embedding"][5] * 9
    whole = strangest.strangest([], table, sample, baseline)
    apart: list[Strange] = []
    for some in (slice(0, 20), slice(20, 21), slice(21, COUNT)):
        piece = {name: values[some] for name, values in sample.items()}
        apart = strangest.strangest(apart, table[some], piece, baseline)
    assert apart == whole


def test_pictures_that_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their own proportions, never enlarged; a damaged one and one that is gone are left out, as what takes long."""
    place = folder(tmp_path / "photos", {"a.png": encoded(1, height=300, width=600), "b.png": b"<html>"})
    with contextlib.closing(open_images([str(place)])) as source:
        shown = strangest.photos(source, ["a.png", "b.png", "c.png"])
    assert {name: pixels.shape for name, pixels in shown.items()} == {"a.png": (128, 256, 3)}
    assert strangest.photos(None, ["a.png"]) == {}
    monkeypatch.setattr(strangest, "SECONDS", -1.0)
    with contextlib.closing(open_images([str(place)])) as source:
        assert strangest.photos(source, ["b.png"]) == {}
