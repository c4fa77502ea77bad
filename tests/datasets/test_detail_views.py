"""Views of a thumbnail are what Pillow and SciPy make of it, in matrices."""

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from frostline.datasets import detail_views


@pytest.mark.parametrize("number", [0, 1, 9, 27, 31])
def test_views_are_what_pillow_and_scipy_make(number: int) -> None:
    """A window resized, less its blur, of mean 0 and length 1: the matrices do nothing else."""
    thumb = np.random.default_rng(number).integers(0, 256, (64, 64), np.uint8)
    across, down = detail_views._VIEWS[number]
    (left, right), (top, bottom) = detail_views._STRIPS[across], detail_views._STRIPS[down]
    whole = Image.fromarray(thumb.astype(np.float32))
    box = (64 * left, 64 * top, 64 * right, 64 * bottom)
    cut = np.asarray(whole.resize((48, 48), Image.Resampling.BILINEAR, box=box))
    detail = cut - gaussian_filter(cut, 2.5, mode="nearest")
    detail = (detail - detail.mean()) / np.linalg.norm(detail - detail.mean())
    np.testing.assert_allclose(detail_views.views(thumb)[number], detail.ravel(), atol=1e-5)
