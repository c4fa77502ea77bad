"""No cell of a CSV begins a formula, and every text comes back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from frostline.csv_text import escape, unescape
from helpers.hostile import FORMULAS

TEXTS = st.text(st.sampled_from("=+-@'\t\r\n;,\"ab1.\uff1d"), max_size=8) | st.text()


@given(TEXTS)
@example("''=1")
@example("'-1")
@example("a;'=1")
def test_every_text_comes_back(text: str) -> None:
    """Also one that had apostrophes of its own."""
    assert unescape(escape(text)) == text


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_text(text: str) -> None:
    """Where a cell begins, and where a spreadsheet that splits at semicolons would begin one."""
    for cell in escape(text).split(";"):
        assert cell.lstrip("'") == cell or cell.startswith("'")
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))


@pytest.mark.parametrize(
    "text", ["", "cat", "-1", "+3.5", "-1e-07", "a=b", "x-y", "'quoted'", "me@home", "a;b"]
)
def test_other_texts_are_left_alone(text: str) -> None:
    """Numbers among them."""
    assert escape(text) == unescape(text) == text
