"""Names as params.yaml takes them."""

import pytest

from frostline.template import names


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Flowers 2024", "flowers-2024"),
        ("Äpfel & Birnen", "apfel-birnen"),
        ("写真", "photos"),
        ("-x-", "x"),
        ("a" * 99, "a" * 40),
    ],
)
def test_slug(name: str, slug: str) -> None:
    """Any folder's name becomes one that files, DVC and MLflow take."""
    assert names.slug(name) == slug
