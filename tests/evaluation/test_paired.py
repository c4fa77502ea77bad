"""Two classifiers on the same images: McNemar by hand and by scipy, differences, and several seeds."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from frostline.evaluation.paired import accuracy_difference, mcnemar, mean_difference, over_seeds


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


def test_accuracy_difference_by_hand() -> None:
    """9 against 2 of 100: 0.07, and Bonett and Price's interval worked out on paper."""
    found = accuracy_difference(*answers(9, 2, both=89))
    ahead, behind = 10 / 102, 3 / 102
    half = 1.959964 * ((ahead + behind - (ahead - behind) ** 2) / 102) ** 0.5
    assert found.value == pytest.approx(0.07)
    assert (found.low, found.high) == pytest.approx((ahead - behind - half, ahead - behind + half))


def test_no_difference_is_still_uncertain() -> None:
    """Two classifiers that agree on 50 images may differ on others: the interval is not a point."""
    found = accuracy_difference(*answers(0, 0, both=50))
    assert found.value == 0
    assert found.low < -0.02 < 0.02 < found.high


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
