"""The list as a page and as a table."""

import csv
import io

from frostline.datasets.decisions import PhotoDecision
from frostline.images import ImageError
from frostline.review import report
from frostline.review.candidates import ReviewItem
from helpers.images import encoded
from helpers.reviews import items


def read(name: str) -> bytes:
    if name == "cat/1.png":
        raise ImageError("gone")
    return encoded(1)


def test_the_table_has_all_of_them() -> None:
    """In order, with what was decided; a name that is a formula is text."""
    one, two = items(2)
    odd = ReviewItem("blurred", "f" * 64, "=1+1.png", "=cat")
    decided = {two.sha256: PhotoDecision("2026", "Ada", "pets", "label", "cat", "dog", two.path, two.sha256)}
    rows = list(csv.DictReader(io.StringIO(report.table([one, two, odd], decided))))
    assert tuple(rows[0]) == report.COLUMNS
    assert [row["path"] for row in rows] == ["cat/0.png", "cat/1.png", "'=1+1.png"]
    assert [(row["decision"], row["new"]) for row in rows] == [("", ""), ("label", "dog"), ("", "")]
    assert [row["probability"] for row in rows] == ["0.75", "0.75", ""]


def test_the_page_shows_the_first_of_each_kind() -> None:
    """Whatever photos are gone and whatever names hold; it needs no other file."""
    some = [*items(report.SHOWN + 5), ReviewItem("conflict", "e" * 64, "<b>.png", "cat", others=("o.png",))]
    html = report.page("pets", some, {}, read)
    assert f"The first {report.SHOWN}." in html
    assert html.count("<figure") == report.SHOWN + 1
    assert "&lt;b&gt;.png" in html
    assert "<b>.png" not in html
    assert html.count("data:image/jpeg") == report.SHOWN + 1  # one is gone, one has another beside it
    assert "src=" not in html.replace('src="data:', "")
