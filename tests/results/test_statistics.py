"""Statistics: known values, scipy as referee, and the coverage that a 95% interval promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from frostline.results.statistics import mcnemar, wilson


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


def answers(only_first: int, only_second: int, *, both: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two classifiers' right answers with so many discordant images."""
    first = [True] * only_first + [False] * only_second + [True] * both
    second = [False] * only_first + [True] * only_second + [True] * both
    return np.array(first, dtype=bool), np.array(second, dtype=bool)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (1, 0, 1.0),  # 2 · 1/2
        (5, 0, 2 / 32),
        (0, 6, 2 / 64),
        (1, 5, 2 * (1 + 6) / 64),
        (4, 4, 1.0),  # 2 · P(≤ 4 of 8) > 1
    ],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    """Small cases, counted out."""
    found = mcnemar(*answers(only_first, only_second, both=11))
    assert (found.only_first, found.only_second) == (only_first, only_second)
    assert found.p == pytest.approx(p)


@pytest.mark.parametrize(("only_first", "only_second"), [(3, 9), (121, 59), (700, 812), (0, 900)])
def test_mcnemar_against_scipy(only_first: int, only_second: int) -> None:
    """The exact test is scipy's two-sided binomial test of the discordant images."""
    expected = binomtest(only_first, only_first + only_second, 0.5).pvalue
    assert mcnemar(*answers(only_first, only_second)).p == pytest.approx(expected, rel=1e-9)


def test_mcnemar_agreement_does_not_count() -> None:
    """Images that both got right, or both wrong, change nothing."""
    assert mcnemar(*answers(2, 9)).p == mcnemar(*answers(2, 9, both=10_000)).p


def test_mcnemar_needs_pairs() -> None:
    """Different images cannot be paired."""
    with pytest.raises(ValueError, match="not paired"):
        mcnemar(np.zeros(3, bool), np.zeros(4, bool))


def test_mcnemar_false_alarms() -> None:
    """Of 2,000 pairs of equally good classifiers at most 5% (± simulation) are told apart."""
    rng = np.random.default_rng(11)
    first, second = rng.random((2, 2000, 270)) < 0.9
    alarms = np.mean([mcnemar(a, b).p < 0.05 for a, b in zip(first, second, strict=True)])
    assert 0.01 < alarms < 0.055
