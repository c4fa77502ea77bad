"""New images since last time: found once each, whatever happens in between."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.automation import inbox
from frostline.errors import FrostlineError, InputError
from helpers.images import folder

STAMPS = st.dictionaries(st.sampled_from("abcdef"), st.tuples(st.integers(0, 3), st.integers(0, 3)))


@pytest.fixture
def arrivals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two images, a text and a folder below; the project is the current folder."""
    monkeypatch.chdir(tmp_path)
    return folder(
        tmp_path / "arrivals", {"b.png": b"2", "deep/a.jpg": b"1", "notes.txt": b"x", ".c.png": b"3"}
    )


def taken(arrivals: Path) -> inbox.NewImages:
    """The batch that is there now."""
    found = inbox.batch(arrivals, out=Path("scores"))
    assert found is not None
    return found


def test_a_model_that_is_not_named() -> None:
    """The one classifier's champion; of several a person has to choose, among names that can be copied."""
    assert inbox.champion({"cats": None}) == "models:/cats@champion"
    with pytest.raises(InputError, match="model to one of models:/a@champion, models:/b@champion"):
        inbox.champion(["b", "a"])


def test_each_image_once(arrivals: Path) -> None:
    """All the first time, then only what came or changed; nothing when nothing did."""
    first = taken(arrivals)
    assert first.images == 2
    assert first.listed.read_text().splitlines() == [str(arrivals / "b.png"), str(arrivals / "deep/a.jpg")]
    inbox.settle(first)
    assert not first.listed.exists()
    assert inbox.batch(arrivals, out=Path("scores")) is None
    folder(arrivals, {"new.png": b"4", "b.png": b"22"})
    second = taken(arrivals)
    assert [Path(line).name for line in second.listed.read_text().splitlines()] == ["b.png", "new.png"]
    assert second.out != first.out


def test_a_kill_before_the_end_loses_none(arrivals: Path) -> None:
    """What was not settled comes again under the same names, so that its job can go on."""
    assert taken(arrivals) == taken(arrivals)


def test_an_image_that_arrives_while_scoring(arrivals: Path) -> None:
    """It is new the next time."""
    first = taken(arrivals)
    folder(arrivals, {"late.png": b"5"})
    inbox.settle(first)
    assert taken(arrivals).images == 1


def test_another_folder_has_its_own_memory(arrivals: Path, tmp_path: Path) -> None:
    """The same names elsewhere are other images; a path by another way is the same folder."""
    inbox.settle(taken(arrivals))
    assert taken(folder(tmp_path / "others", {"b.png": b"2"})).images == 1
    assert inbox.batch(Path(os.path.relpath(arrivals)), out=Path("scores")) is None


def test_what_cannot_be_read(arrivals: Path) -> None:
    """A missing folder and a damaged memory are a line each."""
    with pytest.raises(InputError, match="no folder nowhere"):
        inbox.images(Path("nowhere"))
    inbox.settle(taken(arrivals))
    inbox.ledger(arrivals).write_bytes(b"damaged")
    with pytest.raises(FrostlineError, match="remove it, and all images are new"):
        inbox.batch(arrivals, out=Path("scores"))


@given(before=STAMPS, now=STAMPS)
def test_new_is_what_differs(before: dict[str, tuple[int, int]], now: dict[str, tuple[int, int]]) -> None:
    """In the order of now; taking now for before leaves nothing."""
    found = inbox.new(now, before)
    assert found == [name for name in now if before.get(name) != now[name]]
    assert inbox.new(now, now) == []
