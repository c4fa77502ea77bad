"""Live views are the cached views' pictures, made anew each time."""

from pathlib import Path

import numpy as np
import pytest

from frostline.features import cut_model
from frostline.features.backends import Forward
from frostline.features.extraction import Images, View, features, pixels
from frostline.training.live_views import LiveViews
from helpers.networks import augmentation, residual

KEY = {"backbone": "small", "weights": "0" * 64}
TURNED = augmentation(rotation=30, zoom=0.2, horizontal_flip=True, views=5)


@pytest.mark.parametrize("number", [0, 3])
@pytest.mark.parametrize("chosen", [slice(None), np.array([7, 0, 7, 34]), slice(30, 33)])
def test_pictures_are_the_cached_views(of: Images, number: int, chosen: object) -> None:
    """View n rendered live is view n as it would be cached, bit for bit, in any order asked."""
    live = LiveViews(pixels(of), of.ids, TURNED, number, None)
    expected = pixels(of, view=View(TURNED, number))
    assert len(live) == 35
    np.testing.assert_array_equal(live[chosen], expected[chosen])


def test_rows_are_the_cached_features(of: Images) -> None:
    """Through a trunk too: same rows as from the cache."""
    model = cut_model.cut(residual(), "pool").trunk
    live = LiveViews(pixels(of), of.ids, TURNED, 2, Forward(model))
    expected = features(of, trunk=model, key=KEY, view=View(TURNED, 2))
    np.testing.assert_array_equal(live[:], expected[:])
    np.testing.assert_array_equal(live[np.array([33, 1])], expected[np.array([33, 1])])


def test_nothing_but_plain_pixels_is_kept(of: Images, tmp_path: Path) -> None:
    """Views that are shown once leave no rows behind."""
    live = LiveViews(pixels(of), of.ids, TURNED, 1, None)
    before = sorted((tmp_path / "cache").rglob("*.arrow"))
    live[:]
    assert sorted((tmp_path / "cache").rglob("*.arrow")) == before
    assert not (tmp_path / "cache" / "features").exists()
