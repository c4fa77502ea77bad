"""Prediction sets hold the actual class as often as they promise."""

import numpy as np
import pytest

from evaluation.test_temperature import drawn
from frostline.evaluation import prediction_sets, temperature
from frostline.runtime import answers

SPLITS = 1000


@pytest.mark.parametrize("tempered", [False, True])
def test_a_thousand_splits_cover_as_promised(tempered: bool) -> None:
    """Split conformal prediction: the mean coverage over splits is the promise, from above by at most 1 / (n + 1).

    So it is too where the same held-out images gave a temperature.
    """
    rng, rows, level, held = np.random.default_rng(0), drawn(4000, scale=2.0), 0.9, 150
    covered = []
    for _ in range(SPLITS if not tempered else SPLITS // 10):
        order = rng.permutation(len(rows))[: 2 * held]
        before, after = rows.take(order[:held]), rows.take(order[held:])
        value = temperature.fit(before).value if tempered else 1.0
        probs = temperature.apply(before.probs, value)
        threshold = prediction_sets.thresholds(before.labels, probs)[f"{level:g}"]
        members = answers.members(temperature.apply(after.probs, value), threshold)
        covered.append(members[np.arange(held), after.labels].mean())
    chance = 3 * np.std(covered) / np.sqrt(len(covered))
    assert level - chance <= np.mean(covered) <= level + 1 / (held + 1) + chance


def test_thresholds_are_the_exact_ranks() -> None:
    """Of 19 images the lowest probability of an actual class is the threshold of 95%; higher levels are left out."""
    probs = np.stack([np.linspace(0.05, 0.95, 19), 1 - np.linspace(0.05, 0.95, 19)], axis=1).astype(
        np.float32
    )
    found = prediction_sets.thresholds(np.zeros(19, np.int64), probs)
    assert found["0.95"] == pytest.approx(0.05, rel=1e-5)
    assert found["0.9"] == pytest.approx(0.1, rel=1e-5)
    assert "0.96" not in found
    assert prediction_sets.thresholds(np.zeros(0, np.int64), probs[:0]) == {}


def test_sets_are_never_empty() -> None:
    """The most probable class is always in."""
    members = answers.members(np.array([[0.4, 0.35, 0.25], [0.9, 0.06, 0.04]], np.float32), 0.95)
    assert members.tolist() == [[True, False, False], [True, False, False]]


def test_measured_tells_all_and_each_class() -> None:
    """For each level the whole and then every class that has images."""
    held, test = drawn(1000), drawn(1000, seed=1, split="test")
    found = prediction_sets.thresholds(held.labels, held.probs)
    rows = list(prediction_sets.measured(test, found))
    assert [(row.promised, row.name) for row in rows[:4]] == [(0.8, ""), (0.8, "a"), (0.8, "b"), (0.8, "c")]
    whole = {row.promised: row for row in rows if not row.name}
    assert all(row.coverage.high >= level for level, row in whole.items())
    assert whole[0.99].size > whole[0.8].size >= 1
    assert sum(row.images for row in rows[1:4]) == 1000
