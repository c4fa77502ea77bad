"""`frostline data sample`: scikit-learn's handwritten digits as image files, one deterministic zip."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from frostline.files import printable, writing

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the earliest date that zip knows: no clock in the bytes
_UNIX, _READABLE = 3, 0o100644 << 16


def run(out: Path = Path("data/digits.zip")) -> str:
    """Write 1,797 PNG images of 8x8 grey pixels in class folders '0' to '9' into the zip `out`.

    The same bytes on every call: sorted entries, stored, without dates. FrostlineError where `out`
    cannot be written.
    """
    entries = sorted(_entries())
    with writing(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
        for name, content in entries:
            archive.writestr(_info(name), content)
    return f"Wrote {printable(out)}: {len(entries)} images in 10 classes"


def _entries() -> Iterator[tuple[str, bytes]]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    for number, (picture, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        yield f"{label}/digit-{number:04d}.png", _png(picture)


def _png(picture: np.ndarray) -> bytes:
    """An (8, 8) array of 0-16 as a grey PNG of 0-255, without compression, whose bytes vary with zlib."""
    grey = np.round(picture * (255 / 16)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(grey).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _LONG_AGO)
    info.create_system, info.external_attr = _UNIX, _READABLE
    return info
