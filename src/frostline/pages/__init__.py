"""Reports as single HTML files with one style sheet: everything inside, the same bytes for the same results."""

import base64
import io
from typing import Any

import numpy as np

_QUALITY = 85  # of JPEG thumbnails


def render(room: str, template: str, **values: Any) -> str:
    """A page from `templates/` of a room (`frostline.evaluation`), which extends `page.html.j2` of this one.

    Text is escaped; a name that a template uses and nobody gave is an error.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    loader = ChoiceLoader([PackageLoader(room), PackageLoader(__name__)])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    return environment.get_template(template).render(**values).rstrip() + "\n"


def embedded(png: bytes) -> str:
    """PNG bytes as an address that holds them."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def photo(pixels: np.ndarray, *, quality: int = _QUALITY) -> str:
    """(H, W, 3) uint8 as an address that holds a JPEG."""
    return embedded_jpeg(jpeg(pixels, quality=quality))


def jpeg(pixels: np.ndarray, *, quality: int = _QUALITY) -> bytes:
    """(H, W, 3) uint8 as JPEG bytes."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def embedded_jpeg(content: bytes) -> str:
    """JPEG bytes as an address that holds them."""
    return "data:image/jpeg;base64," + base64.b64encode(content).decode()
