"""Pictures of a page by content and size."""

from pathlib import Path

import pytest

from frostline.datasets.page_pictures import Key, PagePictures


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))


def test_what_was_made_is_found() -> None:
    """Of that content, size and quality; nothing else, whoever added it."""
    one, two, three = (("00" * 31 + f"{number:02x}", 20, number) for number in (1, 2, 3))
    PagePictures(quality=70).add({one: b"first", two: b"second"})
    PagePictures(quality=70).add({three: b"third"})
    PagePictures(quality=70).add({})
    other: Key = (one[0], 20, 99)
    assert PagePictures(quality=70).find({one, three, other}) == {one: b"first", three: b"third"}
    assert PagePictures(quality=70).find(set()) == {}
    assert PagePictures(quality=71).find({one}) == {}
