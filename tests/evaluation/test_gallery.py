"""The gallery: which mistakes, in which order, and what stands under them."""

import dataclasses

import numpy as np
import pytest

from frostline.errors import RANDOM_WEIGHTS
from frostline.evaluation import gallery, style
from frostline.evaluation.gallery import Mistake
from helpers.images import pixels

SHOWN = Mistake(pixels(1, height=40, width=61), "cat", "dog", 0.987, "cat/deep/one.png")


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def shown(count: int) -> list[Mistake]:
    """Mistakes whose pictures all differ in size."""
    return [
        dataclasses.replace(SHOWN, pixels=pixels(number, height=9 + 17 * number, width=300 - 11 * number))
        for number in range(count)
    ]


def test_no_mistakes() -> None:
    """Nothing wrong: a picture that says so."""
    said = words(gallery.mistakes([], classifier="pets", wrong=0, total=1500, note=""))
    assert said == ["pets makes no mistake on 1,500 test images", "no mistakes to show"]


@pytest.mark.parametrize(
    ("count", "wrong", "title"),
    [
        (1, 1, "pets: the only mistake on 270 test images"),
        (5, 5, "pets: all 5 mistakes on 270 test images"),
        (24, 112, "pets: the 24 surest of 112 mistakes on 270 test images"),
    ],
)
def test_titles(count: int, wrong: int, title: str) -> None:
    """The title says how many of how many are shown."""
    figure = gallery.mistakes(shown(count), classifier="pets", wrong=wrong, total=270, note=RANDOM_WEIGHTS)
    assert words(figure)[:2] == [title, RANDOM_WEIGHTS]
    assert len(figure.axes) == count


def test_captions() -> None:
    """Actual, predicted with its probability, the file's own name."""
    figure = gallery.mistakes([SHOWN], classifier="pets", wrong=1, total=2, note="")
    assert words(figure)[-3:] == ["cat", "→ dog 98.7%", "one.png"]


def test_pictures_are_the_images() -> None:
    """Every tile shows its own pixels in their own proportions."""
    given = shown(8)
    figure = gallery.mistakes(given, classifier="pets", wrong=8, total=9, note="")
    for axes, mistake in zip(figure.axes, given, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), mistake.pixels)
        assert axes.get_aspect() == 1


def test_nothing_overlaps_or_leaves_the_page() -> None:
    """Tiles lie inside the figure and apart; captions of hostile names stay in their column."""
    hostile = dataclasses.replace(
        SHOWN, actual="M" * 90, predicted="$\\frac{" + "W" * 50, path="x/" + "猫\n" + "W" * 200
    )
    figure = gallery.mistakes([hostile] * 14, classifier="pets", wrong=14, total=20, note=RANDOM_WEIGHTS)
    style.png(figure)
    boxes = [axes.get_position() for axes in figure.axes]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= 1 and box.y1 <= 1 for box in boxes)
    assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[:index])
    bottoms = [text.get_window_extent().y0 for text in figure.texts]
    assert min(bottoms) >= 0
