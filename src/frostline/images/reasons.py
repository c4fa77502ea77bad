"""Why an image file is not used, in a few words without a path: what it is, and what to make of it."""

import io
import re
from collections.abc import Mapping
from typing import Any

from PIL import Image

_READ = (
    (b"\xff\xd8\xff", "JPEG"), (b"\x89PNG", "PNG"), (b"GIF8", "GIF"), (b"RIFF", "WEBP"),
    (b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF"), (b"BM", "BMP"),
)  # fmt: skip
_NOT_READ = (
    (b"\0\0\0\x0cjP  ", "JPEG 2000"), (b"\xff\x4f\xff\x51", "JPEG 2000"), (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"), (b"II\xbc", "JPEG XR"), (b"8BPS", "PSD"), (b"%PDF", "PDF"), (b"<svg", "SVG"),
    (b"v/1\x01", "OpenEXR"), (b"DDS ", "DDS"), (b"qoif", "QOI"), (b"P7\n", "PAM"), (b"\0\0\1\0", "ICO"),
    (b"SIMPLE  =", "FITS"), (b"\x89HDF", "HDF5"),
)  # fmt: skip
_TRUNCATED = ("truncated", "broken data stream", "unrecognized data stream", "not enough image data")
_TEXT_LIMIT = "Too much memory used in text chunks"  # Pillow's
_TOO_MUCH_TEXT = "too large: it holds over 64 MiB of text"

# SOFn of ITU-T T.81, hierarchical ones among them.
_LOSSLESS = (0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF)
_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES = 258, 259, 262, 339  # TIFF 6.0
_PLAIN = {1, 4}  # unsigned integers, and what says nothing of itself
_DEPTHS = {
    1,
    2,
    4,
    8,
    16,
}  # bits of a sample that Pillow brings to its whole range; it reads 12 as if they were 16
_SAMPLE_KINDS = {2: "signed", 3: "floating-point", 5: "complex", 6: "complex"}
_COMPRESSIONS = {34712: "JPEG 2000", 34887: "LERC", 34892: "lossy JPEG", 50002: "JPEG XL", 52546: "JPEG XL"}
_MOSAIC = 32803  # a camera's raw pixels
_BMP_HEADERS = range(12, 257)  # bytes; text that starts with BM claims far more
_BMP_INSIDE = {4: "JPEG", 5: "PNG"}


def foreign(content: bytes) -> str:
    """Why bytes could not be opened as an image, by how they start and what their decoder says."""
    for start, kind in _READ:
        if content.startswith(start):
            return _unread_kind(content, kind) or f"damaged {kind}"
    if content.startswith(b"version https://git-lfs"):
        return "not an image: a Git LFS pointer; run `git lfs pull`"
    if content[4:8] == b"ftyp":
        return "refused: AVIF, HEIC and video give other pixels on other machines; convert it to JPEG or PNG"
    for start, kind in _NOT_READ:
        if content.startswith(start):
            return f"refused: {kind} is not read; convert it to JPEG or PNG"
    if content[128:132] == b"DICM":
        return "refused: DICOM is not read; convert it to JPEG or PNG"
    return _no_image(content)


def damage(error: Exception, kind: str, content: bytes) -> str:
    """Why pixels could not be decoded, the same on every run: library messages may hold addresses and versions."""
    if _TEXT_LIMIT in str(error):
        return _TOO_MUCH_TEXT
    if kind == "JPEG" and _frame(content) in _LOSSLESS:
        return "refused: a lossless JPEG is not read; convert it to PNG"
    text = str(error).lower()
    if isinstance(error, EOFError) or any(phrase in text for phrase in _TRUNCATED):
        return f"truncated {kind}"
    return f"damaged {kind}"


def undefined_range(image: Image.Image) -> str:
    """Of pixels of which nobody knows which value is white."""
    words = _sample_words(getattr(image, "tag_v2", {}), "32-bit")
    return f"{words} {image.format}: its range is not defined; convert it to 8 or unsigned 16 bits"


def white_is_zero(image: Image.Image) -> bool:
    """Whether a TIFF's largest value is black."""
    return image.format == "TIFF" and getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0


def odd_samples(image: Image.Image) -> str:
    """Why an opened image has pixels that Pillow would read as other values than they are; "" where it does not."""
    if image.format != "TIFF" or image.mode in {"I", "F"}:  # these say so themselves
        return ""
    tags = getattr(image, "tag_v2", {})
    if not {*tags.get(_SAMPLES, (1,))} <= _PLAIN:
        return undefined_range(image)
    if odd := {*tags.get(_BITS, ())} - _DEPTHS:
        return f"refused: a {max(odd)}-bit TIFF is not read; convert it to 8 or 16 bits"
    return ""


def _no_image(content: bytes) -> str:
    word = (content[:64].split(maxsplit=1) or [b" "])[0][:12]
    return f"not an image: starts with {repr(word)[1:]}"


def _unread_kind(content: bytes, kind: str) -> str:
    """Of a format that is read, but not in this form; "" where nothing says so."""
    message = _pillow_message(content, kind)
    if kind == "TIFF":
        return _tiff(content, message)
    if kind == "BMP":
        return _bmp(content, message)
    if kind == "WEBP" and content[8:12] != b"WEBP":
        return _no_image(content)
    if bits := re.search(r"cannot handle (\d+)-bit layers", message):
        return f"refused: a {bits[1]}-bit JPEG is not read; convert it to 8 bits"
    return _TOO_MUCH_TEXT if _TEXT_LIMIT in message else ""


def _pillow_message(content: bytes, kind: str) -> str:
    """What the decoder of a format says of a file: `Image.open` only says that none took it."""
    try:
        Image.OPEN[kind][0](io.BytesIO(content), "")
    except Exception as error:  # a damaged header may raise anything
        return str(error)
    return ""


def _bmp(content: bytes, message: str) -> str:
    """By the header: its length, bits of a pixel and compression."""
    header, bits, compression = (
        int.from_bytes(content[start:end], "little") for start, end in ((14, 18), (28, 30), (30, 34))
    )
    if header not in _BMP_HEADERS:
        return _no_image(content)
    if compression in _BMP_INSIDE:
        return (
            f"refused: a BMP that holds a {_BMP_INSIDE[compression]} is not read; convert it to JPEG or PNG"
        )
    if message.startswith("Unsupported BMP"):
        return f"refused: a BMP of {bits} bits and compression {compression} is not read; convert it to PNG"
    return ""


def _frame(content: bytes) -> int:
    """The marker of a JPEG's frame header, SOF0 to SOF15; 0 where it has none."""
    place = 2
    while content[place : place + 1] == b"\xff":
        marker = content[place + 1] if len(content) > place + 1 else 0
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:  # DHT, JPG and DAC
            return marker
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    return 0


def _tiff(content: bytes, message: str) -> str:
    """By its tags: kind and bits of its samples, compression."""
    tags = _tags(content)
    if (compression := tags.get(_COMPRESSION)) in _COMPRESSIONS:
        return f"refused: a TIFF compressed as {_COMPRESSIONS[compression]} is not read; convert it to PNG"
    if tags.get(_PHOTOMETRIC) == _MOSAIC:
        return "refused: a camera's raw pixels are not read; convert it to JPEG or PNG"
    if message != "unknown pixel mode":
        return ""
    words = _sample_words(tags, f"{len(tags.get(_BITS, (1,)))}-channel")
    return f"refused: a {words} TIFF of this kind is not read; convert it to PNG"


def _sample_words(tags: Mapping[int, Any], otherwise: str) -> str:
    """`signed 16-bit`, as a TIFF's tags say it; `otherwise` for unsigned 8 bits and where there are no tags."""
    bits, kind = {*tags.get(_BITS, ())}, _SAMPLE_KINDS.get(tags.get(_SAMPLES, (1,))[0], "")
    if len(bits) != 1 or (bits <= {1, 2, 4, 8} and not kind):
        return otherwise
    return f"{kind} {bits.pop()}-bit".lstrip()


def _tags(content: bytes) -> Mapping[int, Any]:
    """A TIFF's tags; none where they are damaged."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    try:
        directory = ImageFileDirectory_v2(content[: 16 if content[2:4] in {b"+\0", b"\0+"} else 8])
        file = io.BytesIO(content)
        file.seek(directory.next)
        directory.load(file)
        return dict(directory)
    except Exception:  # as any parser of damaged bytes
        return {}
