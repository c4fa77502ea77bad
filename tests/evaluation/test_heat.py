"""Heat over images: cold places stay as they are, hot ones take the colour; pictures are the same each time."""

import numpy as np

from frostline.evaluation import heat, style
from frostline.evaluation.heat import Heated
from helpers.images import pixels


def test_cold_places_are_the_image() -> None:
    """Without heat nothing changes; where all is hot, 65% of the brightest colour lies over the image."""
    image = pixels(1, height=20, width=28)
    np.testing.assert_array_equal(heat.laid_over(image, np.zeros((5, 7))), image)
    hot = heat.laid_over(image, np.ones((5, 7)))
    brightest = np.array([0.988362, 0.998364, 0.644924]) * 255  # the end of matplotlib's inferno
    np.testing.assert_allclose(hot, 0.35 * image + 0.65 * brightest, atol=1.5)


def test_heat_is_placed_as_the_image_lies() -> None:
    """A hot top left corner of a coarse map colours the image's top left, not another."""
    image = np.full((24, 40, 3), 90, np.uint8)
    corner = np.zeros((3, 4))
    corner[0, 0] = 1
    changed = np.abs(heat.laid_over(image, corner).astype(int) - 90).sum(-1)
    assert changed[:8, :10].sum() > 10 * changed[12:, 20:].sum()
    assert changed[0, 0] == changed.max()


def test_strongest_channels() -> None:
    """Those that vary most, at most a dozen, ties in their own order."""
    values = np.zeros((4, 5, 20))
    values[0, 0, 7], values[0, 0, 3] = 9, 5
    assert heat.strongest(values)[:3] == [7, 3, 0]
    assert len(heat.strongest(values)) == heat.CHANNELS
    assert heat.strongest(values[..., :2]) == [0, 1]


def test_pictures_are_reproducible() -> None:
    """The same bytes twice, others for another heat; an empty gallery can be drawn too."""
    image = pixels(2, height=30, width=40)
    cold, hot = (Heated(image, np.full((3, 4), value), "cat 90%", "a/b.png") for value in (0.0, 1.0))
    how = {"title": "pets", "layer": "last", "note": ""}
    drawn = [style.png(heat.overlays([each] * 4, **how)) for each in (cold, cold, hot)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert style.png(heat.overlays([], **how)).startswith(b"\x89PNG")
    layers = {"first": np.random.default_rng(1).normal(size=(6, 8, 20)), "second": np.zeros((3, 4, 2))}
    two = [style.png(heat.maps(image, layers, title="pets", note="")) for _ in range(2)]
    assert two[0] == two[1]
