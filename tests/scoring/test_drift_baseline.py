"""The baseline: tenths, numbers that many share, projections that never differ; one text, small and exact."""

import json

import numpy as np
import pytest

from frostline.errors import InputError
from frostline.scoring import drift_baseline
from frostline.scoring.drift_baseline import Histogram
from helpers.drift import population


def test_tenths_hold_a_tenth_each() -> None:
    """Of numbers that all differ; what lies outside falls into the first and the last."""
    made = drift_baseline.make(population(1000), classes=4)
    [brightness] = made.histograms["brightness"]
    assert len(brightness.counts) == 10
    assert all(abs(count - 100) <= 1 for count in brightness.counts)
    found = brightness.count(np.array([-1e9, 1e9], np.float32))
    assert found.tolist() == [1, *[0] * 8, 1]


def test_a_number_that_all_share_has_its_own_bin() -> None:
    """Images of one size: larger and smaller ones fall beside it."""
    found = population(300) | {"size": np.tile(np.array([[200, 1]], np.float32), (300, 1))}
    made = drift_baseline.make(found, classes=4)
    side, _ = made.histograms["size"]
    assert side.counts == (0, 300, 0)
    assert side.count(np.array([199.9, 200, 200, 200.1], np.float32)).tolist() == [1, 2, 1]


def test_answers_have_a_bin_a_class() -> None:
    """Also those that were never answered."""
    made = drift_baseline.make(
        population(50) | {"answers": np.array([[0], [2], [2]] * 10, np.float32)}, classes=4
    )
    assert made.histograms["answers"] == (Histogram((0.5, 1.5, 2.5), (10, 0, 20, 0)),)


def test_a_projection_that_never_differs_tells_nothing() -> None:
    """Up to arithmetic: another processor's last digits must not be an alarm."""
    found = dict(population(200))
    found["embedding"] = found["embedding"].copy()
    found["embedding"][:, 3] = 5
    made = drift_baseline.make(found, classes=4)
    assert made.deviation[3] == 0
    other = found["embedding"] + np.float32([0, 0, 0, 1e-5] + [0] * 12)
    assert all(
        (a == b).all() for a, b in zip(
            made.count(found)["embedding"], made.count(found | {"embedding": other})["embedding"], strict=True
        )
    )  # fmt: skip


def test_there_and_back() -> None:
    """JSON is exact: the same images fall into the same bins; a few kilobytes, whatever their number."""
    found = population(2000)
    made = drift_baseline.make(found, classes=4)
    text = drift_baseline.to_json(made)
    assert drift_baseline.from_json(text) == made
    assert len(text) < 8000
    counted = drift_baseline.from_json(text).count(found)
    for name, histograms in made.histograms.items():
        assert [tuple(each) for each in counted[name]] == [each.counts for each in histograms]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", json.dumps({"version": 2}), '{"version":1,"histograms":[]}']
)
def test_what_is_no_baseline(text: str) -> None:
    """One line that says what to do."""
    with pytest.raises(InputError, match=r"baseline for drift is broken .*export the model again"):
        drift_baseline.from_json(text)
