"""Intervals: published values, scipy as referee, and their edges. Their coverage is in test_coverage.py."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln, stdtrit
from scipy.stats import binomtest

from frostline.evaluation.statistics import (
    Estimate,
    difference,
    f1,
    in_logits,
    log_factorials,
    mean,
    mean_of_shares,
    proportion,
    t975,
    wilson,
)  # fmt: skip


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0000),
    ],
)
def test_wilson_published(right: int, total: int, low: float, high: float) -> None:
    """Newcombe's published intervals, and the mirror image of his 0 of 29 (0 to 0.1170)."""
    found = wilson(right, total)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("right", "total"), [(0, 1), (1, 1), (3, 7), (263, 270), (270, 270), (99_999, 100_000)]
)
def test_wilson_against_scipy(right: int, total: int) -> None:
    """scipy computes the same interval on its own."""
    expected = binomtest(right, total).proportion_ci(0.95, method="wilson")
    found = wilson(right, total)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_the_share(pair: tuple[int, int]) -> None:
    """0 ≤ low ≤ share ≤ high ≤ 1; mirrored when right and wrong are exchanged."""
    right, total = pair
    found, mirrored = wilson(right, total), wilson(total - right, total)
    assert 0 <= found.low <= right / total <= found.high <= 1
    assert found.low == pytest.approx(1 - mirrored.high, abs=1e-12)


@pytest.mark.parametrize(("right", "total"), [(0, 0), (-1, 5), (6, 5)])
def test_wilson_refuses(right: int, total: int) -> None:
    """What is no proportion is no number either."""
    with pytest.raises(ValueError, match="no proportion"):
        wilson(right, total)


@pytest.mark.parametrize(("share", "total"), [(0.5, 40), (0.9, 270), (0.97, 270), (0.99, 600)])
def test_wilson_coverage(share: float, total: int) -> None:
    """Of 4,000 simulated test sets 95% ± 2.5 points hold the true accuracy."""
    drawn = np.random.default_rng(7).binomial(total, share, 4000)
    ends = {count: wilson(int(count), total) for count in np.unique(drawn)}
    covered = np.mean([ends[count].low <= share <= ends[count].high for count in drawn])
    assert 0.925 <= covered <= 0.975


def test_proportion_of_nothing() -> None:
    """A share of nothing is None, not 0."""
    assert proportion(0, 0) is None
    assert proportion(81, 263) == Estimate(81 / 263, wilson(81, 263).low, wilson(81, 263).high)


def test_f1_by_hand() -> None:
    """8 hits, 2 misses, 4 false alarms: 16 / 22; the ends follow those of 8 in 14."""
    found, share = f1(8, 2, 4), wilson(8, 14)
    assert found
    assert found.value == pytest.approx(16 / 22)
    assert (found.low, found.high) == pytest.approx(
        (2 * share.low / (1 + share.low), 2 * share.high / (1 + share.high))
    )
    assert f1(0, 0, 0) is None


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0000),
    ],
)
def test_difference_published(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    """R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, table II, method 10."""
    ends = [proportion(*first), proportion(*second)]
    found = difference(*[each for each in ends if each])
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_mean_without_skew_is_students() -> None:
    """Symmetric values: Student's interval, here of 1, 2, 3 with t = 4.3027 at 2 degrees of freedom."""
    found = mean(np.array([1.0, 2.0, 3.0]), least=-9, most=9)
    half = 4.302653 / 3**0.5
    assert (found.value, found.low, found.high) == pytest.approx((2, 2 - half, 2 + half), abs=1e-5)


def test_mean_of_a_long_tail_leans_to_it() -> None:
    """The upper end lies further away than the lower, as a rare large loss may have been missed."""
    found = mean(np.random.default_rng(0).exponential(size=200) ** 2, least=0, most=99)
    assert found.high - found.value > 1.2 * (found.value - found.low)


@pytest.mark.parametrize(
    ("values", "ends"), [([0.4], (0.0, 2.0)), ([0.4, 0.4], (0.4, 0.4)), ([0.0, 2.0], (0.0, 2.0))]
)
def test_mean_keeps_to_what_is_possible(values: list[float], ends: tuple[float, float]) -> None:
    """One value says nothing of spread, equal values have none, and no end leaves the range."""
    found = mean(np.array(values), least=0.0, most=2.0)
    assert (found.low, found.high) == ends


@pytest.mark.parametrize("freedom", [1.5, 2, 29.9, 30, 30.5, 47, 100, 999, 12_345.6, 10**6])
def test_students_quantile_is_scipys(freedom: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """To 1e-7 from 30 degrees of freedom on, where scipy, 0.2 s to import, is not asked; below, the same number."""
    wanted = float(stdtrit(freedom, 0.975))
    if freedom >= 30:
        monkeypatch.setitem(sys.modules, "scipy.special", None)
    assert t975(freedom) == pytest.approx(wanted, abs=1e-7 if freedom >= 30 else 0)


def test_log_factorials_are_those_of_the_gamma_function() -> None:
    """ln n! = ln Γ(n + 1), from ln 0! = 0 on."""
    found = log_factorials(1000)
    assert (len(found), found[0]) == (1001, 0)
    assert found == pytest.approx(gammaln(np.arange(1001) + 1), rel=1e-14)


def test_mean_of_shares_by_hand() -> None:
    """The distances to the ends combine like the sides of a right angle."""
    found = mean_of_shares([Estimate(0.8, 0.5, 0.9), Estimate(0.6, 0.2, 1.0)])
    assert (found.value, found.low) == pytest.approx((0.7, 0.7 - 0.5 / 2))
    assert found.high == pytest.approx(0.7 + np.hypot(0.1, 0.4) / 2)


def test_areas_at_the_end() -> None:
    """Nothing out of order: only the number of images says how far from 1 the truth may be."""
    found = in_logits(1.0, 0.0, images=50)
    assert (found.low, found.high) == (wilson(50, 50).low, 1.0)
    inside = in_logits(0.9, 0.0004, images=50)
    assert 0.85 < inside.low < 0.9 < inside.high < 0.94
