"""The difference of two accuracies on the same images, by hand."""

import numpy as np
import pytest

from frostline.evaluation.paired_accuracy import accuracy_difference


def answers(only_first: int, only_second: int, *, both: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two classifiers' right answers with so many discordant images."""
    first = [True] * only_first + [False] * only_second + [True] * both
    second = [False] * only_first + [True] * only_second + [True] * both
    return np.array(first, dtype=bool), np.array(second, dtype=bool)


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


def test_it_needs_pairs() -> None:
    """Different images cannot be paired."""
    with pytest.raises(ValueError, match="not paired"):
        accuracy_difference(np.zeros(3, bool), np.zeros(4, bool))
