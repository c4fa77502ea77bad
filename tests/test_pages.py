"""Pages: one style sheet for every room, nothing unescaped, pictures inside."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from frostline import pages
from helpers.images import pixels

DRIFT = {"alarm": False, "images": 3, "baseline": 9, "score": 0.0, "strangest": []}


def drift(scores: str = "scores.parquet") -> str:
    """The smallest page that there is."""
    return pages.render(
        "frostline.scoring", "drift.html.j2",
        marks={"drift": "0"}, drift=DRIFT, indices=[], scores=scores, model="model.onnx", full=0.5,
    )  # fmt: skip


def test_one_style_sheet() -> None:
    """A room's template stands in the common page: its marks, its title, the styles once."""
    html = drift()
    assert html.startswith("<!doctype html>")
    assert html.endswith("</html>\n")
    assert html.count("<style>") == 1
    assert '<meta name="frostline:drift" content="0">' in html
    assert "<title>Drift</title>" in html


def test_text_is_escaped() -> None:
    """A name is never markup."""
    assert "a&lt;b&gt;.parquet" in drift("a<b>.parquet")


def test_an_unknown_name_is_an_error() -> None:
    """Nothing is left out in silence."""
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError):
        pages.render("frostline.scoring", "drift.html.j2", marks={}, drift=DRIFT)


def test_pictures_lie_inside() -> None:
    """PNG bytes as they are; pixels as a JPEG of their size, smaller with less quality."""
    assert base64.b64decode(pages.embedded(b"\x89PNG").removeprefix("data:image/png;base64,")) == b"\x89PNG"
    shown = pixels(1, height=40, width=60)
    photo = pages.photo(shown)
    with Image.open(io.BytesIO(base64.b64decode(photo.removeprefix("data:image/jpeg;base64,")))) as image:
        assert image.size == (60, 40)
        assert np.abs(np.asarray(image).astype(int) - shown).mean() < 30
    assert len(pages.photo(shown, quality=10)) < len(photo)
