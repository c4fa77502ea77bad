"""Two classifiers in words: which images count, what is said, and what cannot be compared."""

import dataclasses

import numpy as np
import pytest

from frostline.errors import FrostlineError
from frostline.evaluation.pairwise import Side, told
from helpers.results import rows

LABELS = [row % 3 for row in range(120)]


def side(name: str, wrong: int, *, first: int = 0) -> Side:
    """A classifier that mistakes `wrong` of 120 images, from the `first` on."""
    return Side(
        name, rows(LABELS, [(label + (first <= row < first + wrong)) % 3 for row, label in enumerate(LABELS)])
    )


def test_better() -> None:
    """15 and no mistakes: 15 discordant images, p = 2 / 2^15, and both accuracies with intervals."""
    said = told([(side("old", 15), side("new", 0))]).splitlines()
    assert said[0] == "120 test images, the same for both"
    assert said[2].startswith("old  87.5% (80.4% to 92.3%)  loss ")
    assert said[5] == "new is better than old (McNemar p<0.001)"
    assert said[6].startswith("accuracy: -12.5 points (95%: ")
    assert said[6].endswith("right alone: old 0, new 15")
    assert said[8].startswith("with so many disagreements, 120 images show a difference of 9.0 points")


def test_not_distinguishable() -> None:
    """One mistake more is no difference at n=120, whoever comes first."""
    pair = side("a", 3), side("b", 4, first=50)
    for order in (pair, pair[::-1]):
        names = " and ".join(each.name for each in order)
        assert f"{names} are not distinguishable at n=120 (McNemar p=1.00)" in told([order])


def test_only_common_images_count() -> None:
    """Versions with other images, in another order and under other names: paired by content."""
    first, second = side("a", 0), side("b", 100)
    other = second.test.take(np.arange(60, 130 - 10)[::-1])
    other = dataclasses.replace(other, paths=tuple(f"moved/{path}" for path in other.paths))
    said = told([(first, Side("b", other))])
    assert said.startswith("60 test images that both have (of 120 and 60)")
    assert "right alone: a 40, b 0" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("cat", "dog", "elk")}, "a and b have other classes"),
        ({"ids": ("f" * 64,) * 120}, "a and b were tested on other images"),
        ({"labels": np.zeros(120, np.int64)}, "a and b were tested on other labels"),
    ],
)
def test_what_cannot_be_paired(change: dict[str, object], message: str) -> None:
    """One line says why."""
    other = dataclasses.replace(side("b", 3).test, **change)
    with pytest.raises(FrostlineError, match=message):
        told([(side("a", 2), Side("b", other))])


def test_seeds() -> None:
    """Three trainings of each: a line a training, the difference over images and trainings."""
    pairs = [(side("a", wrong), side("b", wrong + 20, first=30)) for wrong in (3, 4, 5)]
    said = told(pairs).splitlines()
    assert said[0] == "3 trainings of each, 120 test images, the same for all"
    assert said[2] == "training 1: a 97.5%, b 80.8%"
    assert said[6] == "a is better than b"
    assert said[7].startswith("accuracy: +16.7 points (95%: ")


def test_seeds_need_the_same_images() -> None:
    """A seed that drew other test images cannot be averaged with the others."""
    pair = side("a", 3), side("b", 9)
    fewer = [Side(each.name, each.test.take(np.arange(100))) for each in pair]
    with pytest.raises(FrostlineError, match="the test images differ between the revisions; give the splits"):
        told([pair, (fewer[0], fewer[1])])
