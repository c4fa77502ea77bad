"""Entries of params.yaml as text: the rest stays to the letter."""

import pytest

from frostline.config import entries
from frostline.errors import InputError

TEXT = """\
seed: 7
weights:
  one: {backbone: null, source: scratch}  # mine

classifiers:  # those that I like
  # About the first.
  first:
    dataset: a

    weights: one

  # About the second,
  # in two lines.
  second:
    dataset: b

# About promotion.
promotion: {}
"""


def test_added_at_the_end_of_a_section() -> None:
    """Before what is said of the next section; twice is once."""
    entry = "  # New.\n  third:\n    dataset: c\n"
    text = entries.added(TEXT, "classifiers", entry)
    assert text == TEXT.replace("    dataset: b\n", "    dataset: b\n\n" + entry)
    assert entries.added(text, "classifiers", entry) == text
    weights = entries.added(TEXT, "weights", "  two: {}\n")
    assert "# mine\n  two: {}\n\nclassifiers" in weights


def test_no_section() -> None:
    """A section on one line cannot be edited as text."""
    with pytest.raises(InputError, match="classifiers:"):
        entries.added("classifiers: {}\n", "classifiers", "  a:\n    b: 1\n")


def test_removed() -> None:
    """With its comments and blank lines; what is added can be taken out again."""
    entry = "  # New.\n  third:\n    dataset: c\n\n    weights: one\n"
    assert entries.removed(entries.added(TEXT, "classifiers", entry), "classifiers", "third") == TEXT
    without = entries.removed(TEXT, "classifiers", "first")
    assert "About the first" not in without
    assert "dataset: a" not in without
    assert "# those that I like\n\n  # About the second,\n  # in two lines.\n  second:\n" in without
    assert entries.removed(TEXT, "classifiers", "fir") == TEXT
    assert entries.removed(TEXT, "nothing", "first") == TEXT
