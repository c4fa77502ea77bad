"""The only decoder and the only resizer: training, scoring and every check see the same pixels.

One policy for every file: EXIF orientation is applied; 16-bit channels keep their high byte (linear,
never clipped); transparency is laid on white, as paper and browsers show it, so that the colours
hidden under it never reach a network; CMYK, palette and grey become RGB; of an animation the first
frame counts; colour profiles are ignored. Pillow does the work, with bilinear filtering that
averages when it shrinks. A JPEG of more than twice the size that is asked for is decoded at a half, a
quarter or an eighth, which libjpeg does in integers that are the same everywhere. AVIF and HEIC are
refused: how their colours become RGB differs between builds by rounding.
"""

import contextlib
import functools
import io
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import PIL
from PIL import Image

from frostline.errors import FrostlineError

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

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"GIF8": "GIF",
    b"RIFF": "WEBP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_MOVING = ("GIF", "PNG", "WEBP", "TIFF")  # a JPEG's second picture is a preview or a depth map
_OVERVIEW = 128

_TRUNCATED = ("truncated", "broken data stream", "unrecognized data stream", "not enough image data")


class ImageError(FrostlineError):
    """One image cannot be used; the message is a short reason without any path."""


_here = threading.local()  # `decoding`: whether this thread is in a function of this module
_pillows_check = Image._decompression_bomb_check


@functools.wraps(_pillows_check)
def _check_of_others(*args: Any, **kwargs: Any) -> None:
    if not getattr(_here, "decoding", False):
        _pillows_check(*args, **kwargs)


# Pillow warns of large images, or refuses them, by a limit for the whole process, which belongs to whoever else uses
# it. `_check_size` is ours, before any decoding: only in a thread that decodes here Pillow's is left out.
Image._decompression_bomb_check = _check_of_others


@contextlib.contextmanager
def _own_limits() -> Iterator[None]:
    """A block, or a function, in which this module's limits count and Pillow's do not."""
    before = getattr(_here, "decoding", False)
    _here.decoding = True
    try:
        yield
    finally:
        _here.decoding = before


@_own_limits()
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


@_own_limits()
def probe(content: bytes) -> tuple[int, int]:
    """(height, width) in pixels as a viewer shows it, after decoding every pixel.

    Raises ImageError exactly where `decode` does.
    """
    decoded = overview(content)
    return decoded.height, decoded.width


def size(content: bytes) -> tuple[int, int]:
    """(height, width) in pixels as a viewer shows it, from the header alone; ImageError where there is none."""
    image = _open(content)
    height, width = image.height, image.width
    return (width, height) if _orientation(image) in _SIDEWAYS else (height, width)


@_own_limits()
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
    if not content:
        raise ImageError("empty file")
    image = _open(content)
    _check_size(image)
    size = (image.height, image.width)
    try:
        sides = least if _orientation(image) in _SIDEWAYS else least[::-1]
        image.draft(None, sides)  # None: the mode stays
        image.load()
        return image, _rgb(image), size
    except ImageError:
        raise
    except Exception as error:  # decoders raise a dozen types (zlib, struct, Syntax…) on damaged bytes
        raise ImageError(_damage(error, image.format or "image")) from error


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
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:  # as above: a damaged header may raise anything
        raise ImageError(_foreign(content)) from error


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
        return Image.fromarray(high.astype(np.uint8)).convert("RGB")
    if image.mode in {"I", "F"}:
        raise ImageError(f"32-bit {image.format}: its range is not defined; convert it to 8 or 16 bits")
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1-8; 1 where there is none or the metadata is damaged (the pixels are whole)."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # Pillow's EXIF parser raises anything on damaged tags
        return 1


def _damage(error: Exception, kind: str) -> str:
    """A reason that is the same on every run: library messages may hold addresses and versions."""
    text = str(error).lower()
    if isinstance(error, EOFError) or any(phrase in text for phrase in _TRUNCATED):
        return f"truncated {kind}"
    return f"damaged {kind}"


def _foreign(content: bytes) -> str:
    """Why bytes were not recognised as an image, by how they start."""
    for start, kind in _SIGNATURES.items():
        if content.startswith(start):
            return f"damaged {kind}"
    if content.startswith(b"version https://git-lfs"):
        return "not an image: a Git LFS pointer; run `git lfs pull`"
    if content[4:8] == b"ftyp":
        return "refused: AVIF, HEIC and video give other pixels on other machines; convert it to JPEG or PNG"
    word = (content[:64].split(maxsplit=1) or [b" "])[0][:12]
    return f"not an image: starts with {repr(word)[1:]}"


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
