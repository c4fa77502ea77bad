"""The detail of a picture, whole and cropped: what is left when its coarse light is taken away."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

from frostline.datasets.image_stats import THUMBNAIL

_SIDE, _BLUR = 48, 2.5  # pixels of a view's side, and of what counts as coarse light in it
# A view is a strip of the rows and a strip of the columns: the first is all of them, the others lack a twentieth.
_STRIPS = ((0.0, 1.0), *((start, start + 0.95) for start in (0.0, 0.0125, 0.025, 0.0375, 0.05)))
_CROPPED = range(1, len(_STRIPS))
_VIEWS = [
    (0, 0),
    *((across, down) for across in _CROPPED for down in _CROPPED),
    *((0, down) for down in _CROPPED[::2]),
    *((across, 0) for across in _CROPPED[::2]),
]
_ACROSS, _DOWN = np.array(_VIEWS).T


def views(thumbnail: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The detail of a (64, 64) grey thumbnail, whole and cropped: (32, 2304) rows of mean 0 and length 1."""
    pixels = thumbnail.astype(np.float32)
    sharp, blurred = ((strips @ pixels)[_DOWN] @ turned for strips, turned in _strips())
    flat: npt.NDArray[np.float32] = (sharp - blurred).reshape(len(_VIEWS), -1)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    return flat


@lru_cache(1)
def _strips() -> list[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
    """Pillow's resizing of a strip of 64 pixels to 48, sharp and with SciPy's blur after it: (6, 48, 64) for the rows,
    and (32, 64, 48) for the columns of each view.

    Both are linear, a row of pixels and a column alike: what they make of single pixels is all they do, and as
    matrices they take a quarter of the time.
    """
    from scipy.ndimage import gaussian_filter1d

    single = Image.fromarray(np.eye(THUMBNAIL, dtype=np.float32))
    boxes = [(0.0, THUMBNAIL * start, float(THUMBNAIL), THUMBNAIL * end) for start, end in _STRIPS]
    resized = [single.resize((THUMBNAIL, _SIDE), Image.Resampling.BILINEAR, box=box) for box in boxes]
    sharp = np.stack([np.asarray(strip, np.float32) for strip in resized])
    blurred: npt.NDArray[np.float32] = gaussian_filter1d(sharp, _BLUR, axis=1, mode="nearest")
    return [(strips, strips[_ACROSS].transpose(0, 2, 1)) for strips in (sharp, blurred)]


def likeness(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """The best correlation (-1 to 1) of any view of the one with the whole of the other, either way."""
    return float(max((one @ other[0]).max(), (other @ one[0]).max()))
