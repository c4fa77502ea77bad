"""Choosing one of many: the cheapest of equals, and what luck is worth."""

import numpy as np
import pytest

from frostline.evaluation import selection
from frostline.evaluation.selection import Judged


def judged(
    right: np.ndarray, *, cost: list[float], loss: list[float] | None = None, groups: object = None
) -> Judged:
    """Candidates of so many columns, each image for itself unless groups say otherwise."""
    count, candidates = right.shape
    numbers = np.arange(count) if groups is None else np.asarray(groups)
    return Judged(right, np.array(loss or [1.0] * candidates), np.array(cost), numbers)


def columns(*wrong: set[int], count: int = 100) -> np.ndarray:
    """A column for each set of images that are told wrongly."""
    return np.stack([[image not in some for image in range(count)] for some in wrong], axis=1)


def test_the_cheapest_within_one_standard_error() -> None:
    """By differences on the same images: of two that are wrong on the same ones, one image more is none of luck's."""
    same = judged(columns({0, 1}, {0, 1, 2}), cost=[9.0, 5.0])
    assert same.close.tolist() == [True, False]  # difference 0.01, error sqrt(1 - 0.01) / 100
    assert (same.best, same.chosen) == (0, 0)
    mixed = judged(columns({0, 1}, {2, 3, 4}, set(range(5, 20))), cost=[9.0, 5.0, 1.0])
    assert mixed.close.tolist() == [True, True, False]  # difference 0.01, error sqrt(5 - 0.01) / 100
    assert (mixed.best, mixed.chosen) == (0, 1)


def test_of_equally_cheap_ones_the_lowest_loss() -> None:
    """Loss tells more than accuracy between what is alike."""
    some = judged(columns({0, 1}, {2, 3, 4}), cost=[5.0, 5.0], loss=[0.3, 0.2])
    assert (some.best, some.chosen) == (0, 1)


def test_copies_are_one_piece_of_evidence() -> None:
    """A difference on ten copies of one image may be luck; on ten images it is none."""
    right = columns(set(), set(range(10)))
    assert judged(right, cost=[2.0, 1.0]).close.tolist() == [True, False]
    mixed = columns(set(range(10, 15)), set(range(10)))
    assert judged(mixed, cost=[2.0, 1.0]).close.tolist() == [True, False]  # 0.05, error sqrt(15 - 0.25) / 100
    groups = [0] * 10 + list(range(1, 91))
    assert judged(mixed, cost=[2.0, 1.0], groups=groups).close.tolist() == [
        True,
        True,
    ]  # about sqrt(100 + 5) / 100


def test_luck_is_taken_out() -> None:
    """Fifty coins: the best of them seems good, and is expected to be a coin."""
    right = np.random.default_rng(3).random((60, 50)) < 0.5
    some = judged(right, cost=list(range(50)))
    flattered = right[:, some.chosen].mean()
    promised = selection.expected(some)
    assert flattered > 0.56
    assert abs(promised.value - 0.5) < 0.06 < flattered - 0.5
    assert promised.low < 0.5 < promised.high
    assert selection.expected(some) == promised


def test_one_candidate_has_wilsons_interval() -> None:
    """There was nothing to choose from."""
    promised = selection.expected(judged(columns(set(range(10))), cost=[1.0]))
    assert (promised.value, round(promised.low, 4), round(promised.high, 4)) == (0.9, 0.8256, 0.9448)


def test_the_promise_holds() -> None:
    """Of 40 searches among candidates of known accuracy, the chosen one's true accuracy is in 36 intervals or more."""
    rng, truth = np.random.default_rng(0), np.linspace(0.7, 0.85, 12)
    inside = 0
    for _ in range(40):
        some = judged(rng.random((200, 12)) < truth, cost=[1.0] * 12)
        promised = selection.expected(some, draws=60)
        inside += promised.low <= truth[some.chosen] <= promised.high
    assert inside >= 36


def test_the_front() -> None:
    """Nothing on it is beaten in one and equalled in the other."""
    accuracy, cost = np.array([0.9, 0.8, 0.95, 0.9, 0.7]), np.array([2.0, 1.0, 9.0, 3.0, 1.0])
    assert selection.front(accuracy, cost).tolist() == [True, True, True, False, False]


@pytest.mark.parametrize("count", [1, 2])
def test_hardly_any_images(count: int) -> None:
    """A promise of almost nothing is wide, and no error."""
    promised = selection.expected(judged(np.ones((count, 3), bool), cost=[1.0, 2.0, 3.0]))
    assert 0 <= promised.low <= promised.value <= promised.high <= 1
