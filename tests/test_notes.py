"""The remark that random weights call for."""

import pytest

from frostline.notes import PLUMBING, note


@pytest.mark.parametrize(
    ("source", "expected"), [("random", PLUMBING), ("imagenet", ""), ("scratch", ""), ("vgg19.h5", "")]
)
def test_note(source: str, expected: str) -> None:
    """Only random weights need a warning."""
    assert note(source) == expected
