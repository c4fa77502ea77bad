"""Pillow's own limits, left out in a thread that decodes here, and only there.

Pillow warns of large images or refuses them, and calls a PNG broken whose colour profile or text unpacks to more than
1 MiB. Its limits are of the whole process, which belongs to whoever else uses it; sizes are checked here before any
decoding, and of profiles and texts nothing but a turn is read.
"""

import contextlib
import functools
import threading
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image, PngImagePlugin

MAX_METADATA = 64 * 2**20  # bytes of one unpacked profile or text; the largest profiles have some 10 MiB

_here = threading.local()  # `decoding`: whether this thread is in `own_limits`
_pillows_check = Image._decompression_bomb_check
_pillows_unpacking = PngImagePlugin._safe_zlib_decompress


@contextlib.contextmanager
def own_limits() -> Iterator[None]:
    """A block, or a function, in which Pillow's limits do not count."""
    before = _decoding()
    _here.decoding = True
    try:
        yield
    finally:
        _here.decoding = before


def _decoding() -> bool:
    return getattr(_here, "decoding", False)


@functools.wraps(_pillows_check)
def _check_of_others(*args: Any, **kwargs: Any) -> None:
    if not _decoding():
        _pillows_check(*args, **kwargs)


@functools.wraps(_pillows_unpacking)
def _unpacking(s: bytes) -> bytes:
    """What a chunk of a PNG unpacks to, cut off beyond MAX_METADATA: the pixels are whole without it."""
    return zlib.decompressobj().decompress(s, MAX_METADATA) if _decoding() else _pillows_unpacking(s)


Image._decompression_bomb_check = _check_of_others
PngImagePlugin._safe_zlib_decompress = _unpacking
