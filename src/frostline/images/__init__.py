"""The only decoder and the only resizer: training, scoring and every check see the same pixels.

One policy for every file: EXIF orientation is applied; 16-bit channels keep their high byte (linear,
never clipped); transparency is laid on white, as paper and browsers show it, so that the colours
hidden under it never reach a network; CMYK, palette and grey become RGB; of an animation the first
frame counts; colour profiles are ignored. Pillow does the work, with bilinear filtering that
averages when it shrinks. A JPEG of more than twice the size that is asked for is decoded at a half, a
quarter or an eighth, which libjpeg does in integers that are the same everywhere. AVIF and HEIC are
refused: how their colours become RGB differs between builds by rounding.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import PIL
from PIL import Image

from frostline.errors import FrostlineError
from frostline.images import reasons
from frostline.images.pillow_limits import own_limits

# Changes whenever pixels could: our own policy, then the decoder.
DECODE_VERSION = f"frostline-2/pillow-{PIL.__version__.split('.')[0]}"

# Only formats whose decoders give the same pixels on every machine; EPS would even start a program.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM")

MAX_PIXELS = 200_000_000  # the largest phone cameras; 600 MB once decoded
MAX_SIDE = 65_535  # JPEG's own limit; Pillow's resizer counts in float32 and errs on far longer sides

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION = 0x0112  # the EXIF tag
_SIDEWAYS = (5, 6, 7, 8)  # height and width change places

_MOVING = ("GIF", "PNG", "WEBP", "TIFF")  # a JPEG's second picture is a preview or a depth map
_OVERVIEW = 128


class ImageError(FrostlineError):
    """One image cannot be used; the message is a short reason without any path."""


@own_limits()
def decode(content: bytes, *, height: int, width: int, resize: str) -> np.ndarray:
    """An image file's bytes as a (height, width, 3) uint8 RGB array, 0-255.

    `resize`: ``squash`` changes the aspect ratio, ``crop`` fills the frame and cuts what is over at
    the centre, ``pad`` shows the whole image with black borders. Raises ImageError for bytes that
    are no whole image, ValueError for an unknown `resize`.
    """
    if resize not in _RESIZERS:
        raise ValueError(f"resize must be one of {', '.join(_RESIZERS)}; is {resize!r}")
    upright = _turned(*_loaded(content, least=(2 * height, 2 * width))[:2])
    return np.array(_RESIZERS[resize](upright, width, height), dtype=np.uint8)


@dataclass(frozen=True)
class Overview:
    """What an image is before anybody asks for its pixels at a size.

    height, width: in pixels as a viewer shows it. format: Pillow's name of what the bytes are.
    animated: whether frames follow the first. grey: (128, 128) uint8, the whole image squashed.
    """

    height: int
    width: int
    format: str
    animated: bool
    grey: np.ndarray


@own_limits()
def probe(content: bytes) -> tuple[int, int]:
    """(height, width) in pixels as a viewer shows it, after decoding every pixel.

    Raises ImageError exactly where `decode` does.
    """
    decoded = overview(content)
    return decoded.height, decoded.width


@own_limits()
def size(content: bytes) -> tuple[int, int]:
    """(height, width) in pixels as a viewer shows it, from the header alone; ImageError where there is none."""
    image = _open(content)
    height, width = image.height, image.width
    return (width, height) if _orientation(image) in _SIDEWAYS else (height, width)


@own_limits()
def overview(content: bytes) -> Overview:
    """Size, format and a small grey copy, after decoding all of the file; ImageError as `decode`."""
    image, rgb, size = _loaded(content, least=(2 * _OVERVIEW, 2 * _OVERVIEW))
    height, width = size if _orientation(image) not in _SIDEWAYS else size[::-1]
    grey = _squash(_turned(image, rgb).convert("L"), _OVERVIEW, _OVERVIEW)
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    return Overview(height, width, kind, _animated(image), np.array(grey, dtype=np.uint8))


def _loaded(content: bytes, *, least: tuple[int, int]) -> tuple[Image.Image, Image.Image, tuple[int, int]]:
    """The opened file, its pixels (RGB, 8 bits, as stored), and its full (height, width) as stored.

    A JPEG may come smaller, but never below `least` (height, width) as a viewer shows it.
    """
    image = _open(content)
    _check_size(image)
    if why := reasons.odd_samples(image):
        raise ImageError(why)
    size = (image.height, image.width)
    try:
        sides = least if _orientation(image) in _SIDEWAYS else least[::-1]
        image.draft(None, sides)  # None: the mode stays
        image.load()
        return image, _rgb(image), size
    except ImageError:
        raise
    except Exception as error:  # decoders raise a dozen types (zlib, struct, Syntax…) on damaged bytes
        raise ImageError(reasons.damage(error, image.format or "image", content)) from error


def _turned(image: Image.Image, rgb: Image.Image) -> Image.Image:
    """The pixels turned as the file's EXIF says."""
    turn = _TURNS.get(_orientation(image))
    return rgb if turn is None else rgb.transpose(turn)


def _animated(image: Image.Image) -> bool:
    """Whether more frames follow; a damaged end of an animation is no matter, the first frame counts."""
    try:
        return image.format in _MOVING and bool(getattr(image, "is_animated", False))
    except Exception:  # as any parser of damaged bytes
        return False


def _open(content: bytes) -> Image.Image:
    if not content:
        raise ImageError("empty file")
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # as above: a damaged header may raise anything
        raise ImageError(reasons.foreign(content)) from error


def _check_size(image: Image.Image) -> None:
    """Refuse sizes that would exhaust memory, before a pixel is decoded."""
    width, height = image.size
    if width < 1 or height < 1:
        raise ImageError(f"no pixels: its size is {width}x{height}")
    if width * height > MAX_PIXELS:
        raise ImageError(f"too large: {width}x{height} pixels is over the limit of {MAX_PIXELS:,} pixels")
    if max(width, height) > MAX_SIDE:
        raise ImageError(f"too large: {width}x{height} pixels is over the limit of {MAX_SIDE:,} a side")


def _rgb(image: Image.Image) -> Image.Image:
    """RGB, 8 bits, of any mode that has an agreed range."""
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format == "PPM"):
        high = np.asarray(image) >> 8
        if reasons.white_is_zero(image):  # which Pillow turns in 8 bits only
            high = 255 - high
        return Image.fromarray(high.astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        raise ImageError(reasons.undefined_range(image))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """How the pixels still have to be turned, as EXIF counts it, 1-8.

    1 where there is nothing to do, the metadata are damaged (the pixels are whole), or Pillow turns by itself.
    """
    if image.format == "TIFF":  # whose size Pillow gives as turned before it has turned the pixels
        return 1
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # Pillow's EXIF parser raises anything on damaged tags
        return 1


def _squash(image: Image.Image, width: int, height: int) -> Image.Image:
    return image.resize((width, height), Image.Resampling.BILINEAR)


def _crop(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(image.width / width, image.height / height)
    left = max(0.0, (image.width - width * scale) / 2)
    top = max(0.0, (image.height - height * scale) / 2)
    box = (left, top, image.width - left, image.height - top)
    return image.resize((width, height), Image.Resampling.BILINEAR, box=box)


def _pad(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / image.width, height / image.height)
    inner = _squash(image, max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    frame = Image.new("RGB", (width, height), "black")
    frame.paste(inner, ((width - inner.width) // 2, (height - inner.height) // 2))
    return frame


_RESIZERS: dict[str, Callable[[Image.Image, int, int], Image.Image]] = {
    "squash": _squash,
    "crop": _crop,
    "pad": _pad,
}
