"""The gallery: which errors, in which order, and what stands under them; heat over images, and maps."""

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
    assert len(figure.artists) == count


def test_captions() -> None:
    """Actual, predicted with its probability, the file with its folder."""
    figure = gallery.mistakes([SHOWN], classifier="pets", wrong=1, total=2, note="")
    assert words(figure)[-3:] == ["cat", "→ dog 98.7%", "deep/one.png"]
    assert gallery.short("one.png") == "one.png"


def test_pictures_are_the_images() -> None:
    """Every tile shows its own pixels in their own proportions."""
    given = shown(8)
    figure = gallery.mistakes(given, classifier="pets", wrong=8, total=9, note="")
    for image, mistake in zip(figure.artists, given, strict=True):
        np.testing.assert_array_equal(image.get_array(), mistake.pixels)
        height, width = mistake.pixels.shape[:2]
        assert image.get_window_extent().width / image.get_window_extent().height == pytest.approx(
            width / height
        )


def test_nothing_overlaps_or_leaves_the_page() -> None:
    """Tiles lie inside the figure and apart; captions of hostile names stay in their column."""
    hostile = dataclasses.replace(
        SHOWN, actual="M" * 90, predicted="$\\frac{" + "W" * 50, path="x/" + "猫\n" + "W" * 200
    )
    figure = gallery.mistakes([hostile] * 14, classifier="pets", wrong=14, total=20, note=RANDOM_WEIGHTS)
    style.png(figure)
    boxes, page = [image.get_window_extent() for image in figure.artists], figure.bbox
    assert len(boxes) == 14
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= page.x1 and box.y1 <= page.y1 for box in boxes)
    assert not any(a.overlaps(b) for index, a in enumerate(boxes) for b in boxes[:index])
    bottoms = [text.get_window_extent().y0 for text in figure.texts]
    assert min(bottoms) >= 0


def test_cold_places_are_the_image_in_grey() -> None:
    """Where all is hot, the brightest colour with the image's details as shade: no colour of its own is left."""
    image = pixels(1, height=20, width=28)
    grey = (image @ np.array([0.299, 0.587, 0.114]))[..., None]
    np.testing.assert_allclose(
        gallery.overlay(image, np.zeros((5, 7))), np.repeat(0.6 * grey, 3, axis=2), atol=0.51
    )
    hot = gallery.overlay(image, np.ones((5, 7)))
    brightest = np.array([0.988362, 0.998364, 0.644924])  # the end of matplotlib's inferno
    np.testing.assert_allclose(hot, brightest * (0.55 * 255 + 0.45 * grey), atol=1.5)


@pytest.mark.parametrize("level", [20, 120, 250])
def test_heat_is_seen_on_dark_and_on_bright_images(level: int) -> None:
    """Half the heat is a colour that no grey is."""
    image = np.full((24, 40, 3), level, np.uint8)
    warm = gallery.overlay(image, np.full((3, 4), 0.5)).astype(int)
    assert np.ptp(warm[12, 20]) > 45


def test_heat_is_placed_as_the_image_lies() -> None:
    """A hot top left corner of a coarse map colours the image's top left, not another."""
    image = np.full((24, 40, 3), 90, np.uint8)
    corner = np.zeros((3, 4))
    corner[0, 0] = 1
    changed = np.abs(gallery.overlay(image, corner).astype(int) - 54).sum(-1)
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
    """The image once, then its heat by class; the same bytes twice, others for another heat."""
    image = pixels(2, height=30, width=40)
    cold, hot = ([("cat 90%", np.full((3, 4), value)), ("dog 8%", np.eye(3, 4))] for value in (0.0, 1.0))
    how = {"title": "pets", "layer": "last", "note": ""}
    drawn = [style.png(gallery.heats(image, shown, **how)) for shown in (cold, cold, hot)]
    assert drawn[0] == drawn[1] != drawn[2]
    figure = gallery.heats(image, cold, **how)
    assert [axes.get_title("left") for axes in figure.axes] == ["the image", "cat 90%", "dog 8%"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), image)


def test_maps_show_the_image_once() -> None:
    """A row per layer beside it, with its name; the same bytes twice."""
    image = pixels(2, height=30, width=40)
    layers = {"first": np.random.default_rng(1).normal(size=(6, 8, 20)), "second": np.zeros((3, 4, 2))}
    figure = gallery.maps(image, layers, title="pets", note="")
    shown = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    assert sum(each.shape == image.shape for each in shown) == 1
    assert len(shown) == 1 + 12 + 2
    assert [text.get_text() for axes in figure.axes for text in axes.texts] == [
        "first\n6 x 8 x 20",
        "second\n3 x 4 x 2",
    ]
    assert style.png(figure) == style.png(gallery.maps(image, layers, title="pets", note=""))
