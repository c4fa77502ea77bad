"""The paired test: how often it is wrong, how often it is right, and what it says of plain cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.evaluation import noninferiority
from frostline.evaluation.noninferiority import judge, needed, power, readable

PAIRS, IMAGES, MARGIN, LEVEL = 1000, 1000, 0.02, 0.05


def drawn(rng: np.random.Generator, *, difference: float, discordant: float) -> tuple[np.ndarray, np.ndarray]:
    """Two classifiers' answers to IMAGES images, the first truly better by `difference`."""
    gained, lost = (discordant + difference) / 2, (discordant - difference) / 2
    kind = rng.choice(4, IMAGES, p=[gained, lost, 0.9 * (1 - discordant), 0.1 * (1 - discordant)])
    return np.isin(kind, [0, 2]), np.isin(kind, [1, 2])


def test_a_thousand_pairs_at_the_margin_and_two_points_better() -> None:
    """Wrong promotions stay within the level; better challengers pass as often as `power` says.

    Each pair is told apart by another share of the images, 3% to 12%.
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
    """Summed over every outcome: whatever the share told apart, too bad a challenger passes this rarely."""
    rates = [
        power(images, discordant=discordant, difference=-margin, margin=margin, level=level)
        for images in (60, 100, 300, 1000)
        for discordant in np.linspace(margin, 0.6, 9)
    ]
    assert max(rates) <= level


def test_the_correction_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the level does not hold: the test above can fail."""
    monkeypatch.setattr(noninferiority, "HALF", 0.0)
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
        "-3.00 points on 1,000 test images in common (0 gained, 30 lost); at 95% not below -4."
    )
    assert said.endswith(", allowed -2.00")


@pytest.mark.parametrize(("one", "other"), [((3,), (4,)), ((0,), (0,)), ((2, 2), (2, 2))])
def test_what_is_not_paired(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    """A mistake of the caller."""
    with pytest.raises(ValueError, match="not paired"):
        judge(np.ones(one, bool), np.ones(other, bool), margin=0.02, level=0.05)
