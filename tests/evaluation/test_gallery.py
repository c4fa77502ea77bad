"""The gallery: which errors, in which order, and what stands under them; heat over images, and maps."""

import dataclasses

import numpy as np
import pytest

from frostline.errors import RANDOM_WEIGHTS
from frostline.evaluation import gallery, style
from frostline.evaluation.gallery import Mistake, Overlay
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
    assert said == ["pets: no errors on 1,500 test images", "no errors to show"]


@pytest.mark.parametrize(
    ("count", "wrong", "title"),
    [
        (1, 1, "pets: the only error on 270 test images"),
        (5, 5, "pets: all 5 errors on 270 test images"),
        (24, 112, "pets: the 24 most confident of 112 errors on 270 test images"),
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


def test_cold_places_are_the_image() -> None:
    """Without heat nothing changes; where all is hot, 65% of the brightest colour lies over the image."""
    image = pixels(1, height=20, width=28)
    np.testing.assert_array_equal(gallery.overlay(image, np.zeros((5, 7))), image)
    hot = gallery.overlay(image, np.ones((5, 7)))
    brightest = np.array([0.988362, 0.998364, 0.644924]) * 255  # the end of matplotlib's inferno
    np.testing.assert_allclose(hot, 0.35 * image + 0.65 * brightest, atol=1.5)


def test_heat_is_placed_as_the_image_lies() -> None:
    """A hot top left corner of a coarse map colours the image's top left, not another."""
    image = np.full((24, 40, 3), 90, np.uint8)
    corner = np.zeros((3, 4))
    corner[0, 0] = 1
    changed = np.abs(gallery.overlay(image, corner).astype(int) - 90).sum(-1)
    assert changed[:8, :10].sum() > 10 * changed[12:, 20:].sum()
    assert changed[0, 0] == changed.max()


def test_strongest_channels() -> None:
    """Those that vary most, at most a dozen, ties in their own order."""
    values = np.zeros((4, 5, 20))
    values[0, 0, 7], values[0, 0, 3] = 9, 5
    assert gallery.strongest(values)[:3] == [7, 3, 0]
    assert len(gallery.strongest(values)) == gallery.CHANNELS
    assert gallery.strongest(values[..., :2]) == [0, 1]


def test_heat_is_reproducible() -> None:
    """The same bytes twice, others for another heat; an empty gallery can be drawn too."""
    image = pixels(2, height=30, width=40)
    cold, hot = (Overlay(image, np.full((3, 4), value), "cat 90%", "a/b.png") for value in (0.0, 1.0))
    how = {"title": "pets", "layer": "last", "note": ""}
    drawn = [style.png(gallery.overlays([each] * 4, **how)) for each in (cold, cold, hot)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert style.png(gallery.overlays([], **how)).startswith(b"\x89PNG")
    layers = {"first": np.random.default_rng(1).normal(size=(6, 8, 20)), "second": np.zeros((3, 4, 2))}
    two = [style.png(gallery.maps(image, layers, title="pets", note="")) for _ in range(2)]
    assert two[0] == two[1]
