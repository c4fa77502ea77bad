"""Images as Python code has them (paths, arrays, PIL images, bytes of files), and how they go through a session."""

import contextlib
import functools
import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from frostline import images, system
from frostline.datasets.archives import check_size
from frostline.datasets.listing_notes import is_archive
from frostline.errors import InputError, first_line
from frostline.features.executor import Block, Item
from frostline.features.local_stream import stream
from frostline.files import printable
from frostline.images import ImageError
from frostline.runtime.sessions import Session
from frostline.scoring import local_sources, plan, remote_sources, sources, tuning
from frostline.scoring.local_sources import LocalSource
from frostline.scoring.sources import Source

Pixels = npt.NDArray[np.uint8]
Image = str | os.PathLike[str] | bytes | Pixels | PIL.Image.Image
Images = Image | Sequence[Image] | Iterable[Image] | npt.NDArray[Any]

_RULE = (
    "give (H, W, 3) uint8 RGB, or (N, H, W, 3) for several: repeat a grey image's one channel three times, and "
    "lay an image with transparency over a background; or give the path of the file"
)

_NO_RANGE = "whose numbers have no agreed range; scale them to 0-255 and convert it to RGB"
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA")
_ORIENTATION = 0x0112  # the EXIF tag


def open_given(images: Images) -> Source:
    """Images in the order given; a row's name is the path as it was given, else its number from 0.

    A path alone may be whatever `frostline score` takes: a folder, an archive, an image, a pattern or an
    address. Of several, a folder or an archive stands for all images in it, and every other path is one row,
    readable or not. Bytes are an image file's content. InputError for anything else, also for pixels
    without an agreed range.
    """
    if isinstance(images, str | os.PathLike):
        word = os.fspath(images)
        if word == "-":
            raise InputError("'-' is standard input, on the command line alone; give a list of paths")
        return sources.open_images([word])
    if isinstance(images, bytes | bytearray | memoryview | PIL.Image.Image):
        return SeveralInputs([images])
    if isinstance(images, np.ndarray) and images.ndim == 3:
        return SeveralInputs([images])
    if isinstance(images, np.ndarray) and images.dtype.kind not in "OSU":
        _require_pixels(images, sides=4)
    if not isinstance(images, Iterable) or isinstance(images, dict):
        raise InputError(f"images are {type(images).__name__}; give paths, arrays, PIL images or a folder")
    return SeveralInputs(list(images))


class SeveralInputs(LocalSource):
    """Images one by one, as a source; all are checked before the first is read."""

    def __init__(self, images: Sequence[Any]) -> None:
        self.where = f"{len(images)} images given"
        self._opened: list[Source] = []
        self._items = [self._made(number, image) for number, image in enumerate(images)]

    def items(self) -> Iterator[Item]:
        """Every image, in order."""
        for made in self._items:
            yield from made()

    def close(self) -> None:
        """Release the archives among them."""
        for source in self._opened:
            source.close()

    def _made(self, number: int, image: Any) -> Callable[[], Iterator[Item]]:
        if isinstance(image, str | os.PathLike):
            return self._path(os.fspath(image))
        if isinstance(image, bytes | bytearray | memoryview):
            return functools.partial(iter, [Item(str(number), functools.partial(_content, image))])
        if isinstance(image, np.ndarray):
            _require_pixels(image, sides=3)
            return functools.partial(iter, [Item(str(number), functools.partial(as_file, image))])
        if isinstance(image, PIL.Image.Image):
            if image.mode in ("I", "F"):
                raise InputError(f"image {number} is a PIL image of mode {image.mode}, {_NO_RANGE}")
            return functools.partial(iter, [Item(str(number), functools.partial(pillow_file, image))])
        raise InputError(f"image {number} is {type(image).__name__}; {_RULE}")

    def _path(self, word: str) -> Callable[[], Iterator[Item]]:
        if remote_sources.is_address(word):
            return functools.partial(iter, [remote_sources.item(word)])
        path = Path(word)
        if not (path.is_dir() or (path.is_file() and is_archive(word))):
            return functools.partial(iter, [local_sources.item(printable(word), path)])
        source = sources.open_images([word])
        self._opened.append(source)
        return sources.SeveralSources([source]).items


def _content(content: bytes | bytearray | memoryview) -> bytes:
    check_size(len(content))
    return bytes(content)


def _require_pixels(image: npt.NDArray[Any], *, sides: int) -> None:
    """InputError for an array that is no RGB image of 8 bits."""
    right = image.ndim == sides and image.shape[-1] == 3 and image.dtype == np.uint8 and image.size
    if not right:
        raise InputError(f"an array of shape {image.shape} and {image.dtype}; {_RULE}")


def as_file(pixels: Pixels) -> bytes:
    """(H, W, 3) uint8 as the bytes of a PPM file: pixel for pixel what the decoder gets back from it.

    So an array meets the very resizer that a file's pixels meet.
    """
    height, width, _ = pixels.shape
    return b"P6 %d %d 255\n" % (width, height) + np.ascontiguousarray(pixels).tobytes()


def pillow_file(image: PIL.Image.Image) -> bytes:
    """A PIL image as the bytes of a PNG file, pixel for pixel, turned as its EXIF data say when it is decoded.

    So transparency, palettes, grey and 16 bits become RGB as those of any file. ImageError for an image that was
    opened and cannot be read.
    """
    try:
        image.load()
        orientation = PIL.Image.Exif()
        orientation[_ORIENTATION] = image.getexif().get(
            _ORIENTATION, 1
        )  # after loading: a TIFF is turned by then
        content = io.BytesIO()
        _storable(image).save(content, "PNG", compress_level=0, icc_profile=None, exif=orientation)
    except Exception as error:  # Pillow's decoders raise a dozen types
        raise ImageError(f"a PIL image that cannot be read: {first_line(error)}") from error
    return content.getvalue()


def _storable(image: PIL.Image.Image) -> PIL.Image.Image:
    """In a mode that a PNG has."""
    if image.mode in _PNG_MODES:
        return image
    if image.mode.startswith("I;16"):
        return PIL.Image.fromarray(np.asarray(image).astype(np.uint16))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


class Batches:
    """A session with its batch size: the one given, else the one that `frostline score` measures."""

    def __init__(self, session: Session, batch_size: int | None) -> None:
        self.session = session
        self._given = batch_size
        self._settled: int | None = None
        self._lock = threading.Lock()

    def decode(self, content: bytes) -> npt.NDArray[np.uint8]:
        """A file's bytes as the network sees the image: (height, width, 3) uint8; ImageError for no image."""
        wanted = self.session.contract
        return images.decode(content, height=wanted.height, width=wanted.width, resize=wanted.resize)

    def blocks(self, source: Source) -> Iterator[Block]:
        """What the network makes of a source's images, in order; the source is closed then.

        InputError for a source without images, unless they were listed one by one.
        """
        with contextlib.closing(source):
            listed = isinstance(source, SeveralInputs)
            blocks = stream(
                source.items() if listed else plan.images_of(source),
                decode=self.decode,
                network=self.session.run,
                batch_size=(size := self._size()),
                workers=system.processors() + source.readers,
                streams=self.session.streams,
                patience=self.session.patience(size),
            )
            with contextlib.closing(blocks):
                yield from blocks

    def _size(self) -> int:
        """Settled once, when the first images come: measuring takes seconds."""
        with self._lock:
            if self._settled is None:
                self._settled = tuning.batch(self.session, self._given).size
            return self._settled
