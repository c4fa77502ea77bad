"""Errors of other libraries in one line of ours."""

import pytest

from frostline.errors import first_line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no such layer", "no such layer"),
        ("\n\n  wrong shape.\nmore of it", "wrong shape"),
        ("", "ValueError"),
        (" \n \n", "ValueError"),
        ("...", "ValueError"),
    ],
)
def test_one_line_of_any_message(message: str, line: str) -> None:
    """The first line that says anything, ready for the middle of a sentence; the type where none does."""
    assert first_line(ValueError(message)) == line
