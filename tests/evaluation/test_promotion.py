"""The gate's checks: each passes and fails for its own reason, with its figures."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from frostline.config import Promotion
from frostline.evaluation.predictions import Predictions
from frostline.evaluation.promotion import Evidence, best, checks, paired, power_line

LIMITS = Promotion(margin=0.02, level=0.05, milliseconds=10.0, megabytes=5.0)
CLASSES = ("cat", "dog")
FINDINGS = {"leak": {"images": 3, "quarantined": 3}, "tiny": {"images": 2, "quarantined": 0}}
LEAK = {"leak": {"images": 3, "quarantined": 1}}


def said(wrong: set[int], *, images: range = range(600), split: str = "test") -> Predictions:
    """Answers to images named by their number; those in `wrong` are mistaken."""
    labels = np.array([number % 2 for number in images], np.int64)
    right = np.array([number not in wrong for number in images])
    probs = np.full((len(labels), 2), 0.25, np.float32)
    probs[np.arange(len(labels)), np.where(right, labels, 1 - labels)] = 0.75
    names = tuple(f"{number}.png" for number in images)
    return Predictions(
        CLASSES, names, tuple(f"{number:064x}" for number in images), (split,) * len(names), labels, probs
    )


def evidence(number: int, wrong: set[int], **changes: Any) -> Evidence:
    """A version whose every check passes, with changes."""
    values: dict[str, Any] = {
        "number": number,
        "sha256": "a" * 64,
        "contract": {"contract": 1, "classes": list(CLASSES), "decode": "one", "dataset": "d" * 64},
        "test": said(wrong),
        "agreement": {
            "model": "a" * 64,
            "image_difference": 1e-6,
            "feature_difference": 2e-6,
            "tolerance": 5e-5,
        },
        "audit": {"digest": "d" * 64, "images": 900, "quarantined": {"images": 3}, "findings": FINDINGS},
        "milliseconds": 4.0,
        "megabytes": 2.0,
    }
    return Evidence(**(values | changes))


def failed(challenger: Evidence, anchor: Evidence | None) -> dict[str, str]:
    """The failed checks and their figures."""
    return {check.name: check.figures for check in checks(challenger, anchor, LIMITS) if not check.passed}


def test_as_good_passes() -> None:
    """The same accuracy with a few other mistakes; every check is made."""
    one, other = evidence(2, {1, 2, 3}), evidence(1, {4, 5, 6})
    assert failed(one, other) == {}
    names = [check.name for check in checks(one, other, LIMITS)]
    assert names == ["not worse", "agreement", "contract", "latency", "size", "data audit"]


@pytest.mark.parametrize(
    ("changes", "name", "told"),
    [
        ({"test": said(set(range(40)))}, "not worse", "-6.50 points on 600 test images in common (1 gained, 40 lost)"),
        ({"test": said(set(), images=range(9000, 9400))}, "not worse", "no test image in common with version 1"),
        ({"test": said(set(), images=range(50))}, "not worse", "fewer than 180 images cannot prove it"),
        ({"sha256": "b" * 64}, "agreement", "no proof"),
        ({"agreement": None}, "agreement", "no proof"),
        (
            {"agreement": {"model": "a" * 64, "image_difference": 1e-3, "feature_difference": 0, "tolerance": 5e-5}},
            "agreement",
            "differs from the trained network by 0.001, allowed 5e-05",
        ),
        (
            {"contract": {"contract": 1, "classes": ["dog", "cat"], "decode": "one", "dataset": "d" * 64}},
            "contract",
            "other classes (the same in another order)",
        ),
        ({"milliseconds": 10.1}, "latency", "10.1 ms per image on one CPU session, allowed 10"),
        ({"milliseconds": float("nan")}, "latency", "nan ms"),
        ({"megabytes": 5.1}, "size", "5.1 MB, allowed 5"),
        ({"audit": None}, "data audit", "no summary"),
        (
            {"audit": {"digest": "d" * 64, "images": 9, "quarantined": {"images": 1}, "findings": LEAK}},
            "data audit",
            "9 images usable, 1 quarantined; kept: leak 2",
        ),
        (
            {"audit": {"digest": "e" * 64, "images": 1, "quarantined": {"images": 0}, "findings": {}}},
            "data audit",
            "another version",
        ),
    ],
)  # fmt: skip
def test_each_check_fails_alone(changes: dict[str, Any], name: str, told: str) -> None:
    """One thing wrong: that check and no other, with the figures."""
    found = failed(dataclasses.replace(evidence(2, {1}), **changes), evidence(1, {599}))
    assert list(found) == [name]
    assert told in found[name]


def test_the_first_model_must_beat_the_most_common_class() -> None:
    """Nobody is there to be compared with."""
    assert failed(evidence(1, {1}), None) == {}
    found = failed(evidence(1, set(range(300))), None)
    assert found == {
        "better than nothing": "first model: accuracy 50.00% (300/600); always the most common class: 50.00%"
    }


def test_a_first_model_with_few_test_images_says_so() -> None:
    """Later ones meet it on these images alone: whoever has too few learns it before it is champion."""
    few = dataclasses.replace(evidence(1, set()), test=said(set(), images=range(50)))
    [told] = [each.figures for each in checks(few, None, LIMITS) if each.name == "better than nothing"]
    assert told.endswith(
        "; a later one that is as good needs 180 in common, or a wider margin, to replace it"
    )


def test_images_are_paired_by_content_and_only_within_the_test_split() -> None:
    """Order, names and other images make no difference."""
    one = said({0, 5}, images=range(10))
    order = np.array([7, 5, 3, 9, 1])
    first, second = paired(one, said({3}, images=range(10)).take(order))
    assert first.tolist() == [True, True, False, True, True]
    assert second.tolist() == [True, False, True, True, True]


def test_champions_cannot_drift_down() -> None:
    """Each night a challenger a little worse than the champion: against the best one it is refused in time."""
    champions = [evidence(1, set())]
    for night in range(2, 12):
        challenger = evidence(night, set(range(4 * (night - 1))))
        if failed(challenger, best(champions, test=challenger.test)):
            break
        champions.append(challenger)
    assert len(champions) == 2  # 4 images lost pass, 8 do not
    assert not failed(
        evidence(3, set(range(8))), champions[-1]
    )  # against the present one it would have passed


def test_of_equally_good_champions_the_latest_counts() -> None:
    """And images that are no longer there do not."""
    old, new = evidence(1, {1}), evidence(2, {2})
    assert best([old, new], test=said(set())).number == 2
    assert best([old, new], test=said(set(), images=range(2, 9))).number == 1


def test_odds_name_both_chances() -> None:
    """Printed beside every decision."""
    line = power_line(evidence(2, {1, 2, 3}), evidence(1, {4, 5, 6}), LIMITS)
    assert line.startswith("power: an equally good challenger passes this test with a probability of 9")
    assert line.endswith("one 2 points better with 100% (600 images, 1.0% of them classified differently)")


def _nights(*, anchored: bool, nights: int = 40, images: int = 1500) -> tuple[float, int]:
    """The last champion's true accuracy, and promotions, when each night's challenger is truly a point worse
    than the present champion. A challenger repeats most of the champion's answers, as retrained models do."""
    rng = np.random.default_rng(8)
    chance = np.full(images, 0.95)  # of a right answer, image by image

    def answers(chance: np.ndarray) -> Predictions:
        right = luck < chance
        return said(set(np.flatnonzero(~right).tolist()), images=range(images))

    luck = rng.random(images)
    champions = [evidence(0, set(), test=answers(chance))]
    for night in range(1, nights + 1):
        luck = np.where(rng.random(images) < 0.06, rng.random(images), luck)
        challenger = evidence(night, set(), test=answers(chance - 0.01))
        against = best(champions, test=challenger.test) if anchored else champions[-1]
        if failed(challenger, against) == {}:
            champions.append(challenger)
            chance = chance - 0.01
    return float(chance.mean()), len(champions) - 1


def test_nightly_promotions_drift_down_only_without_the_anchor() -> None:
    """Forty nights: held against the present champion alone, the champions lose far more than the margin;
    held against the best there has been, they end within it and the luck of one test."""
    drifted, many = _nights(anchored=False)
    kept, few = _nights(anchored=True)
    assert drifted < 0.95 - 2 * LIMITS.margin
    assert kept >= 0.95 - LIMITS.margin
    assert 0 < few < many
