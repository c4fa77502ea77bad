"""Reports as single HTML files: everything inside, the same bytes for the same results."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_QUALITY = 85  # of JPEG thumbnails


@dataclass(frozen=True)
class Tile:
    """A small picture with two lines and its path, and perhaps another picture beside it."""

    picture: str
    first: str
    second: str
    path: str
    beside: str = ""


def render(template: str, **values: Any) -> str:
    """A page from `templates/`; text is escaped, an unknown name is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("frostline.evaluation")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    return environment.get_template(template).render(**values).rstrip() + "\n"


def embedded(png: bytes) -> str:
    """PNG bytes as an address that holds them."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def photo(pixels: np.ndarray) -> str:
    """(H, W, 3) uint8 as an address that holds a JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def origin(record: Mapping[str, Any], hashes: Mapping[str, str]) -> list[tuple[str, str]]:
    """What a result stands for, by content: rows for a table."""
    weights = record["weights"]
    packages = ", ".join(f"{name} {version}" for name, version in record.get("packages", {}).items())
    parameters = record["parameters"]
    return [
        ("training (content key)", record["key"]),
        ("dataset", record["dataset"]),
        ("manifest of its images (digest)", record["dataset_digest"]),
        ("weights", f"{weights.get('backbone') or 'none'} from {weights['source']}"),
        ("weights file (SHA-256)", weights.get("sha256") or "none"),
        ("parameters", f"{parameters['trainable']:,} trained, {parameters['frozen']:,} frozen"),
        ("training code (digest)", record.get("code", "")),
        ("packages", packages),
        *hashes.items(),
    ]
