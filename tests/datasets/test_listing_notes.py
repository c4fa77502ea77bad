"""What a listing passes over, and how it is said."""

import pytest

from frostline.datasets.listing_notes import ListingNotes, without_images


def noted(*names: str) -> ListingNotes:
    notes = ListingNotes()
    for name in names:
        notes.add(name)
    return notes


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ([], ""),
        (["a/"], ""),
        (["a/x.TXT", "b.txt"], "2 files (.txt 2), the first 'a/x.TXT'"),
        (["b/labels.csv", "c.tar.gz"], "2 files (.csv 1, .gz 1), the first 'b/labels.csv'"),
        (["README", "who knows. And then"], "2 files (no ending 2), the first 'README'"),
        (["a.\x1b[2J"], r"1 file (no ending 1), the first 'a.\x1b[2J'"),
        (["a.d", "a.c", "a.b", "a.a", "b.d"], "5 files (.d 2, .a 1, .b 1, …), the first 'a.a'"),
    ],
)
def test_what_was_passed_over(names: list[str], words: str) -> None:
    """How many of which endings, the commonest first, whatever order they were listed in."""
    assert noted(*names).passed_over() == noted(*reversed(names)).passed_over() == words


def test_tables_and_archives_that_are_read_are_not_passed_over() -> None:
    """They are taken out; the others stay."""
    notes = noted("Labels.CSV", "old/labels.csv", "a.zip", "x.txt").without(["Labels.CSV", "a.zip"])
    assert (notes.tables, notes.archives) == (["old/labels.csv"], [])
    assert notes.passed_over() == "2 files (.csv 1, .txt 1), the first 'old/labels.csv'"


def test_an_archive_stands_for_a_folder() -> None:
    """What was noted in it is named with it before."""
    notes = noted("notes.txt")
    notes.below("a.zip", noted("b/labels.csv", "b/c.txt", "d/"))
    assert notes.tables == ["a.zip/b/labels.csv"]
    assert {"a.zip/b", "a.zip/d"} <= notes.folders
    assert notes.passed_over() == "3 files (.txt 2, .csv 1), the first 'a.zip/b/c.txt'"


def test_folders_without_images() -> None:
    """The topmost of each, in order; those above an image are none."""
    folders = ["", "cats", "birds", "owls/2024/raw", "owls/2023", "cats/raw", "train/eagles"]
    names = ["cats/1.png", "train/crows/2.png"]
    assert without_images(folders, names) == ["birds", "cats/raw", "owls", "train/eagles"]
