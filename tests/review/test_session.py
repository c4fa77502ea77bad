"""A reviewer's list: what is open, what a decision writes, undo, one page at a time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from frostline.datasets import decisions
from frostline.datasets.decision_log import DecisionLog
from frostline.errors import InputError
from frostline.images import ImageError
from frostline.review.session import About, ReviewSession, StalePageError, jpeg
from helpers.images import encoded
from helpers.reviews import CLASSES, items, session


def written(path: Path) -> list[tuple[str, str, str]]:
    return [(one.action, one.old, one.new) for one in decisions.read(path / "decisions.csv")]


def test_what_each_answer_writes(tmp_path: Path) -> None:
    """A class, the class it has, the class that is suggested for one without, nothing of it."""
    reviewer = session(tmp_path)
    page = reviewer.open_page()
    assert reviewer.decide(0, "label", "dog", page=page) == 1
    assert reviewer.decide(1, "keep", page=page) == 2
    assert reviewer.decide(2, "keep", page=page) == 3
    assert reviewer.decide(3, "label", "cat", page=page) == 4
    assert reviewer.decide(4, "leave out", page=page) == 5
    assert written(tmp_path) == [
        ("label", "cat", "dog"), ("keep", "cat", "cat"), ("label", "", "dog"), ("keep", "cat", "cat"),
        ("leave out", "cat", ""),
    ]  # fmt: skip
    state = reviewer.state()
    assert (state["decided"], state["total"]) == (5, 6)
    assert state["kinds"] == [
        {"kind": "suspected", "title": "suspected labels", "start": 0, "count": 6, "decided": 5}
    ]
    assert reviewer.decide(5, "keep", page=page) == -1


def test_reopened_it_goes_on(tmp_path: Path) -> None:
    """Another process finds what was decided, and the first that is not."""
    first = session(tmp_path)
    page = first.open_page()
    first.decide(0, "keep", page=page)
    first.decide(2, "label", "bird", page=page)
    again = session(tmp_path)
    assert again.first_open() == 1
    assert [bool(one["decision"]) for one in again.items(0, 6)] == [True, False, True, False, False, False]
    assert again.first_open(after=1) == 3
    assert again.first_open(after=5) == 1


def test_undo_leads_back_to_the_photo(tmp_path: Path) -> None:
    """One after the other, up to decisions of another list, and then no further."""
    reviewer = session(tmp_path)
    page = reviewer.open_page()
    DecisionLog(tmp_path / "decisions.csv", dataset="pets", who="Bob").decide(
        "keep", sha256="f" * 64, path="x.png", old="cat", new="cat"
    )
    reviewer = session(tmp_path)
    page = reviewer.open_page()
    reviewer.decide(3, "keep", page=page)
    assert reviewer.undo(page=page) == 3
    assert reviewer.undo(page=page) == -1
    assert reviewer.undo(page=page) == -2
    assert reviewer.state()["decided"] == 0


def test_only_the_last_page_decides(tmp_path: Path) -> None:
    """An older window is told, and nothing is written."""
    reviewer = session(tmp_path)
    old, new = reviewer.open_page(), reviewer.open_page()
    with pytest.raises(StalePageError):
        reviewer.decide(0, "keep", page=old)
    with pytest.raises(StalePageError):
        reviewer.undo(page=old)
    assert written(tmp_path) == []
    reviewer.decide(0, "keep", page=new)


@pytest.mark.parametrize(
    ("number", "action", "label"), [(6, "keep", ""), (-1, "keep", ""), (0, "label", "owl"), (0, "undo", "")]
)
def test_what_is_no_decision(tmp_path: Path, number: int, action: str, label: str) -> None:
    """Refused, and nothing is written."""
    reviewer = session(tmp_path)
    with pytest.raises(InputError):
        reviewer.decide(number, action, label, page=reviewer.open_page())
    assert written(tmp_path) == []


def test_ten_thousand_candidates(tmp_path: Path) -> None:
    """Asked for by pieces; a piece is never all."""
    log = DecisionLog(tmp_path / "decisions.csv", dataset="pets", who="Ada")
    reviewer = ReviewSession(About("pets", "Ada", CLASSES), items(10_000), log, lambda _: encoded(1))
    assert [one["number"] for one in reviewer.items(9_950, 100)] == list(range(9_950, 10_000))
    assert len(reviewer.items(0, 10_000)) == 500
    assert reviewer.decide(9_999, "keep", page=reviewer.open_page()) == 0


def test_a_photo_is_small_and_whole() -> None:
    """At most so many pixels, in its own proportions; what is no image is an ImageError."""
    import io

    from PIL import Image

    with Image.open(io.BytesIO(jpeg(encoded(1, height=300, width=1200)))) as image:
        assert image.size == (900, 225)
        assert np.asarray(image).std() > 1
    with pytest.raises(ImageError):
        jpeg(b"nothing")


def test_what_branches_decided_otherwise_is_open(tmp_path: Path) -> None:
    """Until somebody decides again, which settles it."""
    reviewer = session(tmp_path)
    reviewer.decide(0, "label", "dog", page=reviewer.open_page())
    path = tmp_path / "decisions.csv"
    [mine] = decisions.read(path)
    path.write_text(path.read_text() + decisions.line(replace(mine, who="Bob", new="bird")))
    again = session(tmp_path)
    assert again.first_open() == 0
    assert again.state()["decided"] == 0
    assert again.items(0, 1)[0]["decision"] is None
    again.decide(0, "label", "bird", page=again.open_page())
    assert session(tmp_path).first_open() == 1
    assert [one.new for one in DecisionLog(path, dataset="pets", who="Bob").standing.values()] == ["bird"]
