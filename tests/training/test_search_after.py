"""After the last photo: other heads, nearest photos, fewer photos."""

import time
from pathlib import Path

import numpy as np

from frostline.training import search_after, search_heads, search_rounds
from frostline.training.search import Search
from frostline.training.search_limits import Clock
from frostline.training.search_rounds import Round, ScoredHead, SearchPhotos
from helpers.search import Fake, photos, trunk

PHOTOS = photos(200)


def searched(apart: float, *, seconds: float = 1e6) -> tuple[Search, Round]:
    """A search of one fake with its linear heads judged."""
    fake = Fake(trunk("one"), apart)
    found = Search(Clock(time.monotonic() + seconds), Path(), 1)
    found.opened["one 224"] = fake  # type: ignore[assignment]  # like it
    found.head_seconds["one 224"] = 0.01
    (end,) = fake.ends
    rows = fake.rows(PHOTOS.images, None)
    return found, Round(PHOTOS, tuple(search_rounds.candidates(fake, end, rows, PHOTOS)), {})  # type: ignore[arg-type]


def best(some: Round) -> ScoredHead:
    """The most accurate."""
    return max(some.candidates, key=lambda one: one.right.mean())


def test_other_heads() -> None:
    """Of every kind with every strength, where there is time; none where there is not."""
    found, last = searched(2.0)
    more = search_after.other_heads(found, last)
    tried = [(one.kind, one.strength) for one in more.candidates]
    assert tried == [
        (kind, value) for kind in ("logistic", "lda", "mlp") for value in search_heads.STRENGTHS[kind]
    ]
    for kind in search_heads.STRENGTHS:
        assert max(one.right.mean() for one in more.candidates if one.kind == kind) > 0.8
    found, last = searched(2.0, seconds=-1)
    assert search_after.other_heads(found, last).candidates == last.candidates


def test_neighbours() -> None:
    """Near what heads tell; nothing without time."""
    found, last = searched(4.0)
    share = search_after.neighbours(found, best(last), PHOTOS)
    assert share is not None
    assert share > 0.9
    found, last = searched(4.0, seconds=-1)
    assert search_after.neighbours(found, best(last), PHOTOS) is None


def test_the_curve_ends_where_the_candidate_is() -> None:
    """With all photos of the other folds it is what was judged; with few it is worse."""
    found, last = searched(1.5)
    curve = search_after.curve(found, best(last), PHOTOS)
    assert curve is not None
    assert curve.photos[-1] == 160
    assert abs(curve.accuracy[-1].value - best(last).right.mean()) < 0.02
    assert curve.accuracy[0].value < curve.accuracy[-1].value
    assert search_after.curve(found, best(last), PHOTOS.take(np.arange(3))) is None


def test_few_photos() -> None:
    """Five of each class: folds, an interval, and the nearest photos still say something."""
    few: SearchPhotos = photos(10)
    fake = Fake(trunk("one"), 6.0)
    rows = fake.rows(few.images, None)
    found = list(search_rounds.candidates(fake, fake.ends[0], rows, few))  # type: ignore[arg-type]
    assert set(search_rounds.drawn(few).tolist()) == set(range(5))
    assert max(one.right.mean() for one in found) > 0.8
    assert search_heads.neighbours(rows, few.labels, search_rounds.drawn(few)).mean() > 0.8
