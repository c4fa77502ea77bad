"""Paired tests: McNemar and differences by hand and by scipy; non-inferiority, how often it is wrong and right."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import binom, binomtest, bootstrap

from frostline.evaluation import paired_tests
from frostline.evaluation.paired_tests import (
    judge,
    mcnemar,
    mean_difference,
    needed,
    over_seeds,
    power,
    readable,
)

PAIRS, IMAGES, MARGIN, LEVEL = 1000, 1000, 0.02, 0.05


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
def test_mcnemar_against_scipy(only_first: int, only_second: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exact test is scipy's two-sided binomial test of the discordant images, without importing scipy."""
    expected = binomtest(only_first, only_first + only_second, 0.5).pvalue
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    assert mcnemar(*answers(only_first, only_second)).p == pytest.approx(expected, rel=1e-9)


def test_mcnemar_agreement_does_not_count() -> None:
    """Images that both got right, or both wrong, change nothing."""
    assert mcnemar(*answers(2, 9)).p == mcnemar(*answers(2, 9, both=10_000)).p


def test_mcnemar_needs_pairs() -> None:
    """Different images cannot be paired."""
    with pytest.raises(ValueError, match="not paired"):
        mcnemar(np.zeros(3, bool), np.zeros(4, bool))


def test_mcnemar_false_alarms() -> None:
    """Of 2,000 pairs of equally good classifiers at most 5% (± simulation) are distinguished."""
    rng = np.random.default_rng(11)
    first, second = rng.random((2, 2000, 270)) < 0.9
    alarms = np.mean([mcnemar(a, b).p < 0.05 for a, b in zip(first, second, strict=True)])
    assert 0.01 < alarms < 0.055


def test_mean_difference_against_scipy() -> None:
    """scipy's percentile bootstrap of the same differences ends at the same place, but for the draws."""
    rng = np.random.default_rng(5)
    first, second = rng.exponential(size=(2, 300))
    found = mean_difference(first, second)
    theirs = bootstrap((first - second,), np.mean, method="percentile", rng=rng).confidence_interval
    assert found.value == pytest.approx((first - second).mean())
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    assert mean_difference(first, second) == found


def test_seeds_widen_the_interval() -> None:
    """Trainings that disagree leave more doubt than as many that agree."""
    images = np.random.default_rng(1).normal(0.1, 1, 400)
    alike, apart = (over_seeds(images + np.array(shift)[:, None]) for shift in ((0, 0, 0), (-0.2, 0, 0.2)))
    assert alike.value == pytest.approx(apart.value)
    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)


def test_seeds_that_never_differ() -> None:
    """Nothing varies: the mean is certain, and no square root of less than nothing is drawn."""
    assert over_seeds(np.full((2, 5), 0.25)).low == 0.25


def drawn(rng: np.random.Generator, *, difference: float, discordant: float) -> tuple[np.ndarray, np.ndarray]:
    """Two classifiers' answers to IMAGES images, the first truly better by `difference`."""
    gained, lost = (discordant + difference) / 2, (discordant - difference) / 2
    kind = rng.choice(4, IMAGES, p=[gained, lost, 0.9 * (1 - discordant), 0.1 * (1 - discordant)])
    return np.isin(kind, [0, 2]), np.isin(kind, [1, 2])


def test_a_thousand_pairs_at_the_margin_and_two_points_better() -> None:
    """Wrong promotions stay within the level; better challengers pass as often as `power` says.

    Each pair disagrees on another share of the images, 3% to 12%.
    """
    rng = np.random.default_rng(0)
    shares = rng.uniform(0.03, 0.12, PAIRS)
    rates, said = {}, {}
    for difference in (-MARGIN, 0.02):
        verdicts = [
            judge(*drawn(rng, difference=difference, discordant=share), margin=MARGIN, level=LEVEL)
            for share in shares
        ]
        rates[difference] = sum(verdict.passed for verdict in verdicts) / PAIRS
        powers = [
            power(IMAGES, discordant=share, difference=difference, margin=MARGIN, level=LEVEL)
            for share in np.linspace(0.03, 0.12, 20)
        ]
        said[difference] = float(np.mean(powers))
        assert rates[difference] == pytest.approx(said[difference], abs=0.02)
    print(
        f"promoted: at the margin {rates[-MARGIN]:.1%}, two points better {rates[0.02]:.1%}; exactly {said}"
    )
    assert rates[-MARGIN] <= LEVEL
    assert rates[0.02] > 0.95


@pytest.mark.parametrize("margin", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("level", [0.01, 0.05, 0.1])
def test_the_level_holds_exactly(margin: float, level: float) -> None:
    """Summed over every outcome: whatever the share that differs, too bad a challenger passes this rarely."""
    rates = [
        power(images, discordant=discordant, difference=-margin, margin=margin, level=level)
        for images in (60, 100, 300, 1000)
        for discordant in np.linspace(margin, 0.6, 9)
    ]
    assert max(rates) <= level


def test_the_correction_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the level does not hold: the test above can fail."""
    monkeypatch.setattr(paired_tests, "HALF", 0.0)
    rates = [
        power(images, discordant=discordant, difference=-0.01, margin=0.01, level=0.05)
        for images in (100, 200, 300)
        for discordant in np.linspace(0.01, 0.5, 30)
    ]
    assert max(rates) > 0.05


@pytest.mark.parametrize(
    ("gained", "lost", "images", "passed"),
    [
        (0, 0, 1000, True),
        (0, 0, 50, False),  # nothing lost, yet too few images to say
        (0, 8, 1000, True),
        (0, 14, 1000, False),
        (30, 31, 1000, True),
        (30, 60, 1000, False),
        (60, 30, 1000, True),
        (0, 1000, 1000, False),
        (1000, 0, 1000, True),
    ],
)
def test_plain_cases(gained: int, lost: int, images: int, passed: bool) -> None:
    """The verdict, its counts and its bound agree with each other."""
    first, second = np.zeros(images, bool), np.zeros(images, bool)
    first[:gained] = True
    second[images - lost :] = True
    verdict = judge(first, second, margin=0.02, level=0.05)
    assert (verdict.gained, verdict.lost, verdict.images) == (gained, lost, images)
    assert verdict.passed is passed
    assert verdict.bound <= verdict.difference == (gained - lost) / images


@given(
    st.integers(5, 400).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(0, n // 2), st.integers(0, n // 2))
    )
)
def test_the_bound_is_where_the_test_turns(counts: tuple[int, int, int]) -> None:
    """A margin just beyond the bound passes, one just short of it does not."""
    images, gained, lost = counts
    first, second = np.zeros(images, bool), np.zeros(images, bool)
    first[:gained], second[images - lost :] = True, True
    bound = judge(first, second, margin=0.1, level=0.05).bound
    assert -1 <= bound <= (gained - lost) / images
    for margin, passed in ((-bound + 1e-4, True), (-bound - 1e-4, False)):
        if 0 < margin < 1:
            assert judge(first, second, margin=margin, level=0.05).passed is passed


def test_needed_is_the_least_that_can_pass() -> None:
    """A challenger that loses nothing passes with so many images and not with one less."""
    least = needed(margin=0.02, level=0.05)
    for images, passed in ((least, True), (least - 1, False)):
        same = np.ones(images, bool)
        assert judge(same, same, margin=0.02, level=0.05).passed is passed


@pytest.mark.parametrize(("discordant", "difference"), [(0.05, 0.0), (0.3, -0.02), (0.02, 0.02), (1.0, 0.1)])
def test_power_is_the_sum_over_all_outcomes(
    discordant: float, difference: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By SciPy's binomial distributions, without SciPy, which takes a quarter of a second to import."""
    wanted = 0.0
    for total in range(25):
        for gained in range(total + 1):
            challenger = np.arange(24) < gained
            other = (np.arange(24) >= gained) & (np.arange(24) < total)
            share = (discordant + difference) / (2 * discordant)
            chance = binom.pmf(total, 24, discordant) * binom.pmf(gained, total, share)
            if chance > 1e-12:
                wanted += chance * judge(challenger, other, margin=0.2, level=0.05).passed
    for name in ("scipy", "scipy.special"):
        monkeypatch.setitem(sys.modules, name, None)
    found = power(24, discordant=discordant, difference=difference, margin=0.2, level=0.05)
    assert found == pytest.approx(wanted, abs=1e-6)


def test_the_quantile_is_that_of_scipy() -> None:
    """At levels that people ask for, and far out."""
    for level in (0.5, 0.05, 0.001, 1e-9):
        assert paired_tests._quantile(level) == pytest.approx(ndtri(1 - level), rel=1e-13, abs=1e-16)


def test_power_grows() -> None:
    """With images, with the advantage, and with agreement."""
    base = {"discordant": 0.06, "difference": 0.0, "margin": 0.02, "level": 0.05}
    assert power(300, **base) < power(1000, **base) < power(3000, **base)
    assert power(1000, **base) < power(1000, **(base | {"difference": 0.01}))
    assert power(1000, **(base | {"discordant": 0.2})) < power(1000, **base)


def test_readable() -> None:
    """Signs and points as a person reads them."""
    same = np.ones(1000, bool)
    worse = same.copy()
    worse[:30] = False
    said = readable(judge(worse, same, margin=0.02, level=0.05))
    assert said.startswith(
        "-3.00 points on 1,000 test images in common (0 gained, 30 lost); 95% lower bound -4."
    )
    assert said.endswith(", allowed -2.00")


@pytest.mark.parametrize(("one", "other"), [((3,), (4,)), ((0,), (0,)), ((2, 2), (2, 2))])
def test_what_is_not_paired(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """A mistake of the caller."""
    with pytest.raises(ValueError, match="not paired"):
        judge(np.ones(one, bool), np.ones(other, bool), margin=0.02, level=0.05)
