"""Statistics of an image for drift: its size, brightness and sharpness, and a projection of its features. Pure."""

import functools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from frostline import images

IMAGE_STATS = ("height", "width", "brightness", "sharpness")
PROJECTIONS = 16
_STEP = 0.01  # of a confidence: less is arithmetic, of another precision or processor
_LUMA = np.array([299, 587, 114], np.int32)  # Rec. 601, in thousandths

Floats = npt.NDArray[np.float32]
Sample = Mapping[str, Floats]  # by index, (n, k): k numbers of each of n images


def image_stats(content: bytes, pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """IMAGE_STATS of an image file: its size as a viewer shows it, `pixel_stats` of its (H, W, 3) decoded pixels."""
    height, width = images.size(content)
    return {"height": height, "width": width, **pixel_stats(pixels)}


def pixel_stats(pixels: npt.NDArray[np.uint8]) -> dict[str, float]:
    """Brightness, the mean grey, and sharpness, the variance of the grey's Laplacian, both of 0 to 255 levels.

    Of the pixels that the network gets, so that a small image blown up shows. The Laplacian's variance as a
    measure of focus: J. L. Pech-Pacheco et al., 15th International Conference on Pattern Recognition (2000),
    volume 3, 314-317.
    """
    grey = pixels @ _LUMA  # whole thousandths: the same on every machine
    inner = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return {
        "brightness": float(grey.mean() / 1000),
        "sharpness": float((around - 4 * inner).var() / 1e6) if inner.size else 0.0,
    }


def project(features: Floats) -> Floats:
    """(n, ...) features on PROJECTIONS fixed directions, (n, PROJECTIONS): distances between images survive.

    Each direction adds all features with random signs: D. Achlioptas, Journal of Computer and System Sciences
    66 (2003) 671-687.
    """
    flat = features.reshape(len(features), -1).astype(np.float32, copy=False)
    signs = _signs(flat.shape[1])
    return np.asarray(flat @ signs / np.float32(np.sqrt(flat.shape[1])), np.float32)


@functools.lru_cache(maxsize=2)
def _signs(width: int) -> Floats:
    """(width, PROJECTIONS) of -1 and 1; NumPy promises the raw stream of a bit generator for good."""
    raw = np.random.PCG64(0).random_raw(-(-width * PROJECTIONS // 64)).astype("<u8").view(np.uint8)
    bits = np.unpackbits(raw, count=width * PROJECTIONS, bitorder="little").reshape(width, PROJECTIONS)
    return bits.astype(np.float32) * 2 - 1


def sample(*, probs: Floats, stats: Mapping[str, Floats], embedding: Floats | None) -> dict[str, Floats]:
    """What is compared of n images, by index: as far as it is known.

    probs: (n, C). stats: IMAGE_STATS, each (n,), or nothing. embedding: what `project` gave.
    """
    values = {
        "answers": probs.argmax(axis=1)[:, None].astype(np.float32),
        "confidence": np.round(probs.max(axis=1) / _STEP)[:, None].astype(np.float32) * np.float32(_STEP),
    }
    if stats:
        height, width, brightness, sharpness = (np.asarray(stats[name], np.float32) for name in IMAGE_STATS)
        values["size"] = np.stack([np.sqrt(height * width), width / height], axis=1)
        values["brightness"], values["sharpness"] = brightness[:, None], sharpness[:, None]
    if embedding is not None:
        values["embedding"] = np.asarray(embedding, np.float32)
    return values
