"""PSI and p-values by hand, false alarms that are rare, significant differences found and tiny ones let pass."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from frostline.scoring import drift as drifts
from frostline.scoring import drift_baseline
from frostline.scoring.drift import Drift, Tally, p_value, psi
from frostline.scoring.drift_baseline import INDICES
from helpers.drift import population

LIMITS = dict.fromkeys(INDICES, 0.25)
COUNTS = st.lists(st.integers(0, 1000), min_size=2, max_size=12).filter(any)


def drift(before: dict[str, np.ndarray], *after: dict[str, np.ndarray]) -> Drift:
    """The drift of some samples, counted one after another."""
    tally = Tally(drift_baseline.make(before, classes=4))
    for each in after:
        tally.add(each)
    return tally.drift(LIMITS)


def test_the_index_by_hand() -> None:
    """Shares 1/4, 1/4, 1/2 become 1/2, 1/4, 1/4: (1/4) ln 2 + 0 + (-1/4) ln(1/2) = (ln 2) / 2."""
    assert psi([25, 25, 50], [200, 100, 100]) == pytest.approx(math.log(2) / 2)
    # An empty bin is half an image: (9/10 - 1/2) ln(9/5) + (0.5/10 - 1/2) ln(1/10), the third in neither.
    assert psi([10, 10, 0], [9, 0, 0]) == pytest.approx(
        (1 - 0.5) * math.log(1 / 0.5) + (0.5 / 9 - 0.5) * math.log(0.5 / 9 / 0.5)
    )


@pytest.mark.parametrize("bins", [2, 3, 4, 11, 400])
@pytest.mark.parametrize("shift", [0, 0.1, 0.5])
def test_the_p_value_is_that_of_scipy_without_it(
    monkeypatch: pytest.MonkeyPatch, bins: int, shift: float
) -> None:
    """For odd and even numbers of bins, alike, apart and far apart: only few images need SciPy."""
    rng = np.random.default_rng(bins)
    before = rng.integers(50, 90, bins)
    after = (before * (1 + shift * rng.uniform(-1, 1, bins))).astype(int)
    wanted = stats.chi2_contingency([before, after], correction=False).pvalue
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert p_value(before.tolist(), after.tolist()) == pytest.approx(wanted, rel=1e-9)


def test_the_p_value_by_hand() -> None:
    """Ten of forty against thirty of forty: Pearson's chi-squared of that table is 20, of 1 degree of freedom."""
    assert p_value([10, 30], [30, 10]) == pytest.approx(7.744e-6, rel=1e-3)
    assert p_value([5, 0], [9, 0]) == 1


def test_few_images_can_be_an_alarm_too() -> None:
    """Features of another place: sixty images show it although seventeen histograms are compared."""
    far = population(60, seed=1)
    far["embedding"] = far["embedding"] + 20
    [shift] = [each for each in drift(population(60), far).shifts if each.index == "embedding"]
    assert shift.p_value < drifts.LEVEL
    assert shift.above_limit


@given(counts=COUNTS, factor=st.integers(1, 9))
def test_the_same_shares_are_no_drift(counts: list[int], factor: int) -> None:
    """Whatever the number of images."""
    whole = [2 * count for count in counts]  # above the half that an empty bin counts
    assert psi(whole, [factor * count for count in whole]) == pytest.approx(0, abs=0.6 / sum(whole) * 12 * 9)


@given(before=COUNTS, data=st.data())
def test_the_index_is_a_distance(before: list[int], data: st.DataObject) -> None:
    """Never negative, the same both ways, whatever the order of the bins."""
    after = data.draw(st.lists(st.integers(0, 1000), min_size=len(before), max_size=len(before)).filter(any))
    order = data.draw(st.permutations(range(len(before))))
    found = psi(before, after)
    assert found >= -1e-12
    assert psi(after, before) == pytest.approx(found)
    assert psi([before[i] for i in order], [after[i] for i in order]) == pytest.approx(found)


def test_the_test_images_themselves_are_none() -> None:
    """Exactly, in whatever order and pieces they come."""
    found = population(500)
    order = np.random.default_rng(3).permutation(500)
    pieces = [
        {name: values[some] for name, values in found.items()} for some in np.split(order, [7, 130, 131])
    ]
    whole, apart = drift(found, found), drift(found, *pieces)
    assert whole == apart
    assert [each.psi for each in whole.shifts] == [0] * len(INDICES)
    assert (whole.images, whole.baseline, whole.score, whole.alarm) == (500, 500, 0, False)


def test_darker_images_and_another_mix_are_alarms() -> None:
    """Of that index alone; 100 images are enough for a standard deviation."""
    dark = drift(population(1000), population(100, seed=1, darker=1))
    assert [each.index for each in dark.shifts if each.above_limit] == ["brightness"]
    mixed = drift(population(1000), population(100, seed=1, mix=(0.1, 0.2, 0.3, 0.4)))
    assert [each.index for each in mixed.shifts if each.above_limit] == ["answers"]
    assert mixed.alarm
    assert mixed.score > 0.25


def test_what_is_far_in_all_directions_shows() -> None:
    """Features of twice the spread: each projection keeps its mean, the distance does not."""
    far = population(300, seed=1)
    far["embedding"] = 2 * far["embedding"]
    assert [each.index for each in drift(population(1000), far).shifts if each.above_limit] == ["embedding"]


def test_a_large_job_finds_small_differences_significant_but_small() -> None:
    """A tenth of a deviation in 50,000 images: significant, and far below the limit."""
    found = drift(population(20_000), population(50_000, seed=1, darker=0.1))
    [brightness] = [each for each in found.shifts if each.index == "brightness"]
    assert brightness.significant
    assert 0.005 < brightness.psi < 0.02  # a tenth squared: the index of two such normal distributions
    assert not found.alarm


def test_no_limit_never_alarms() -> None:
    """It is measured all the same."""
    tally = Tally(drift_baseline.make(population(1000), classes=4))
    tally.add(population(300, seed=1, darker=2))
    found = tally.drift(LIMITS | {"brightness": None})
    assert not found.alarm
    assert found.score > 1


def alarms(before: int, now: int, draws: int) -> int:
    """How many of so many jobs of the same population as the test images are alarms."""
    return sum(
        drift(population(before, seed=seed), population(now, seed=10**6 + seed)).alarm
        for seed in range(draws)
    )


def test_false_alarms_are_rare() -> None:
    """At most 5% of 200 jobs of 200 images; six indices at 1 in 1000 each give about one."""
    assert alarms(1000, 200, 200) <= 3


@pytest.mark.slow
@pytest.mark.parametrize(("before", "now"), [(270, 200), (60, 25), (1000, 20), (1000, 5000)])
def test_false_alarms_are_rare_at_every_size(before: int, now: int) -> None:
    """Few images or many, on either side."""
    assert alarms(before, now, 200) <= 3


def test_rare_classes_give_no_false_alarms() -> None:
    """One image of a class with one in a thousand, among 20: the p-value is simulated, not taken from the curve."""
    assert p_value([500, 499, 1], [10, 9, 1]) > drifts.LEVEL
