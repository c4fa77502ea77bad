"""One image's bytes to all that the audit knows of it. Runs in worker processes: no state, no files."""

import multiprocessing
import os
import struct
import threading
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter, ImageStat

from frostline.images import ImageError, overview

# Changes whenever a statistic could: stands in the key of the cache.
STATS_VERSION = 3

THUMBNAIL = 64  # pixels of its side
_HASHED = 32  # side of what the perceptual hash sees
_CROP = 0.05

Window = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the sides
# The whole image, and what is left of it after a twentieth is cut off at any side.
_END = 1 - _CROP
WINDOWS: tuple[Window, ...] = (
    (0.0, 0.0, 1.0, 1.0), (_CROP / 2, _CROP / 2, 1 - _CROP / 2, 1 - _CROP / 2),
    (_CROP, 0.0, 1.0, 1.0), (0.0, 0.0, _END, 1.0), (0.0, _CROP, 1.0, 1.0), (0.0, 0.0, 1.0, _END),
    (_CROP, _CROP, 1.0, 1.0), (0.0, 0.0, _END, _END), (0.0, _CROP, _END, 1.0), (_CROP, 0.0, 1.0, _END),
)  # fmt: skip
HASH_BYTES = 8 * len(WINDOWS)

_LAPLACIAN = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


@dataclass(frozen=True, slots=True)
class ImageStats:
    """What is known of one image. `reason` says why it cannot be decoded, "" if it can; then the rest is empty.

    height, width: pixels. format: what the bytes are. brightness: mean grey, 0-255. contrast: its
    standard deviation. sharpness: variance of the Laplacian of the grey image at 128x128. hashes:
    64-bit perceptual hashes of WINDOWS. thumbnail: (64, 64) uint8 grey, as bytes.
    """

    reason: str = ""
    height: int = 0
    width: int = 0
    format: str = ""
    animated: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    sharpness: float = 0.0
    hashes: bytes = bytes(HASH_BYTES)
    thumbnail: bytes = bytes(THUMBNAIL * THUMBNAIL)


def image_stats(content: bytes, *, measure: bool = True) -> ImageStats:
    """Decode one image whole; without `measure` only its size and format are kept."""
    with warnings.catch_warnings(action="ignore"):  # odd metadata in whole images is no news
        try:
            decoded = overview(content)
        except ImageError as error:
            return ImageStats(reason=str(error))
    if not measure:
        return ImageStats("", decoded.height, decoded.width, decoded.format, decoded.animated)
    grey = Image.fromarray(decoded.grey)
    stat = ImageStat.Stat(grey)
    return ImageStats(
        reason="",
        height=decoded.height,
        width=decoded.width,
        format=decoded.format,
        animated=decoded.animated,
        brightness=_rounded(stat.mean[0]),
        contrast=_rounded(stat.stddev[0]),
        sharpness=_rounded(_sharpness(grey)),
        hashes=np.packbits(perceptual_hashes(grey), axis=-1).tobytes(),
        thumbnail=grey.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR).tobytes(),
    )


def _sharpness(grey: Image.Image) -> float:
    """Variance of the Laplacian, without the outermost pixels: Pillow leaves those as they were."""
    inner = (1, 1, grey.width - 1, grey.height - 1)
    return float(ImageStat.Stat(grey.filter(_LAPLACIAN).crop(inner)).var[0])


def stats_of_all(contents: list[bytes], measure: bool) -> list[ImageStats]:
    """What a worker does with one batch of files."""
    return [image_stats(content, measure=measure) for content in contents]


def end_with_parent() -> None:
    """Make this worker end as soon as the process that started it does: one that is killed tells nobody."""

    def wait() -> None:
        if parent := multiprocessing.parent_process():
            parent.join()
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def perceptual_hashes(grey: Image.Image) -> npt.NDArray[np.bool_]:
    """(10, 64) bits, a row for each of WINDOWS: imagehash's `phash`, all windows in one transform."""
    from scipy.fft import dctn

    side = grey.width
    small = np.stack(
        [
            np.asarray(grey.resize((_HASHED, _HASHED), Image.Resampling.BILINEAR, box=scaled(window, side)))
            for window in WINDOWS
        ]
    )
    low = dctn(small.astype(np.float64), axes=(1, 2))[:, :8, :8].reshape(len(WINDOWS), 64)
    bits: npt.NDArray[np.bool_] = low > np.median(low, axis=1, keepdims=True)
    return bits


def scaled(window: Window, side: int) -> Window:
    """A window in pixels of a square image."""
    left, top, right, bottom = window
    return side * left, side * top, side * right, side * bottom


def _rounded(value: float) -> float:
    """As the cache stores it, so that what comes from the cache equals what was just computed."""
    return float(struct.unpack("f", struct.pack("f", value))[0])
