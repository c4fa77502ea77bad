"""What one image looks like: measures of the picture, not of its frame."""

import numpy as np
import pytest
from PIL import Image

from frostline.datasets.image_stats import ImageStats, image_stats
from helpers.images import encoded
from helpers.planted import saved


def seen(pixels: np.ndarray) -> ImageStats:
    return image_stats(saved(Image.fromarray(pixels.astype(np.uint8)), "PNG"))


@pytest.mark.parametrize("grey", [0, 20, 128, 255])
def test_flat_images_have_no_detail(grey: int) -> None:
    """At any brightness, up to the edges."""
    found = seen(np.full((90, 130, 3), grey))
    assert (found.brightness, found.contrast, found.sharpness) == (grey, 0.0, 0.0)


def test_detail_is_that_of_the_picture() -> None:
    """Stripes have more than a ramp, half as strong ones a quarter, whatever light they are in."""
    across = np.arange(128)[None, :, None] * np.ones((128, 1, 3))
    stripes = 40 * (across // 4 % 2)
    bright, dark, weak = (
        seen(stripes + 180).sharpness, seen(stripes + 10).sharpness, seen(stripes / 2 + 10).sharpness,
    )  # fmt: skip
    assert bright == pytest.approx(dark)
    assert weak == pytest.approx(dark / 4)
    assert seen(across).sharpness < 1 < weak


def test_without_measures_only_size_and_format() -> None:
    """What an audit that is off needs; bytes that are no image have their reason alone."""
    assert image_stats(encoded(3, height=31, width=47), measure=False) == ImageStats("", 31, 47, "PNG")
    assert image_stats(b"<html>") == ImageStats("not an image: starts with '<html>'")
