"""Image statistics: size as shown, brightness and sharpness by hand, projections that keep distances."""

import io

import numpy as np
import pytest
from PIL import Image

from frostline import images
from frostline.scoring import drift_stats
from helpers.images import encoded


def test_brightness_and_sharpness_by_hand() -> None:
    """White on black by Rec. 601; a Laplacian of one bright pixel: -4 at it, 1 beside, 0 elsewhere."""
    pixels = np.zeros((5, 7, 3), np.uint8)
    assert drift_stats.pixel_stats(pixels) == {"brightness": 0, "sharpness": 0}
    pixels[2, 3] = (255, 255, 255)
    found = drift_stats.pixel_stats(pixels)
    assert found["brightness"] == pytest.approx(255 / 35)
    assert found["sharpness"] == pytest.approx(255**2 * (16 + 4) / 15)  # mean 0 over the 3x5 inner pixels
    assert drift_stats.pixel_stats(np.full((4, 4, 3), (255, 0, 0), np.uint8))["brightness"] == pytest.approx(
        0.299 * 255
    )


def test_blur_is_less_sharp() -> None:
    """The same picture, averaged."""
    sharp = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    soft = np.array(Image.fromarray(sharp).resize((20, 30)).resize((60, 40)))
    assert drift_stats.pixel_stats(soft)["sharpness"] < drift_stats.pixel_stats(sharp)["sharpness"] / 10


def test_the_size_is_what_a_viewer_shows() -> None:
    """From the header alone, turned as EXIF says, equal to what decoding all of it tells."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = io.BytesIO()
    Image.new("RGB", (30, 20)).save(turned, "JPEG", exif=exif)
    for content in (encoded(1, height=31, width=90), turned.getvalue()):
        assert images.size(content) == images.probe(content)
    assert images.size(turned.getvalue()) == (30, 20)
    with pytest.raises(images.ImageError):
        images.size(b"<html>")
    stats = drift_stats.image_stats(turned.getvalue(), np.zeros((8, 8, 3), np.uint8))
    assert tuple(stats) == drift_stats.IMAGE_STATS
    assert (stats["height"], stats["width"]) == (30, 20)


def test_projections_keep_distances_and_never_change() -> None:
    """Within what 16 directions can do; the signs are those of every other machine."""
    features = np.random.default_rng(1).normal(size=(200, 3, 4, 50)).astype(np.float32)
    few = drift_stats.project(features)
    assert few.shape == (200, drift_stats.PROJECTIONS)
    pairs = [(a, a + 1) for a in range(199)]
    before = [np.linalg.norm(features[a] - features[b]) / np.sqrt(600) for a, b in pairs]
    after = [np.linalg.norm(few[a] - few[b]) / np.sqrt(drift_stats.PROJECTIONS) for a, b in pairs]
    assert np.mean(after) == pytest.approx(np.mean(before), rel=0.1)
    signs = drift_stats.project(np.eye(3, dtype=np.float32)) * np.sqrt(3)
    assert set(np.round(signs.ravel(), 5)) == {-1, 1}
    expected = ["+++++-+--+-----+", "-+----+++--++-++", "++++--++++-+-+++"]
    assert ["".join("+" if value > 0 else "-" for value in row) for row in signs] == expected


def test_a_sample_has_what_is_known() -> None:
    """Confidences in hundredths, answers by index; without image statistics and features only these two."""
    probs = np.array([[0.2, 0.8], [0.996, 0.004]], np.float32)
    found = drift_stats.sample(probs=probs, stats={}, embedding=None)
    assert set(found) == {"answers", "confidence"}
    assert found["answers"].ravel().tolist() == [1, 0]
    assert found["confidence"].ravel() == pytest.approx([0.8, 1.0])
    sizes = {name: np.array([4, 9], np.float32) for name in drift_stats.IMAGE_STATS}
    whole = drift_stats.sample(probs=probs, stats=sizes, embedding=np.zeros((2, 16), np.float32))
    assert {name: values.shape for name, values in whole.items()} == {
        "answers": (2, 1), "confidence": (2, 1), "size": (2, 2), "brightness": (2, 1), "sharpness": (2, 1),
        "embedding": (2, 16),
    }  # fmt: skip
