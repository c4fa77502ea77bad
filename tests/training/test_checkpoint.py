"""Checkpoints: whole or nothing, exact, gone when the training is done."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.training import checkpoint
from frostline.training.checkpoint import Checkpoint, TrainingState
from frostline.training.loop import Epoch
from helpers.remarks import remarks

RNG = np.random.default_rng(2)
STANDING = TrainingState(
    epochs=[
        ("head", Epoch(0.1 + 0.2, 1 / 3, 1e-300, 0.5)),
        ("thaw", Epoch(float("nan"), 0, float("inf"), 1)),
    ],
    variables=[RNG.normal(size=(3, 5)).astype(np.float32), np.array([7, 2**32 - 1], np.uint32)],
    fit=[np.array(4), RNG.normal(size=(2, 2)).astype(np.float32), np.array([np.inf, 3])],
)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))


def same(one: TrainingState | None, other: TrainingState) -> bool:
    """Whether two standings are equal to the bit."""
    assert one is not None
    arrays = [[each.tobytes() for each in (*s.variables, *s.fit)] for s in (one, other)]
    return repr(one.epochs) == repr(other.epochs) and arrays[0] == arrays[1]


def test_what_is_written_is_read() -> None:
    """Figures, arrays and their types come back to the bit; the last one written counts."""
    made = Checkpoint("a" * 64)
    made.write(TrainingState(STANDING.epochs[:1], STANDING.variables, STANDING.fit))
    made.write(STANDING)
    assert same(Checkpoint("a" * 64).read(), STANDING)
    assert Checkpoint("b" * 64).read() is None


@given(st.data())
def test_damage_is_nothing(data: st.DataObject) -> None:
    """A file cut short or changed anywhere is no checkpoint: training begins anew."""
    made = Checkpoint("c" * 64)
    made.write(STANDING)
    content = bytearray(made.path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        content = content[:place]
    made.path.write_bytes(content)
    with remarks() as lines:
        assert made.read() is None
    assert ["the training begins anew" in line for line in lines] == [True]


def test_removed_when_done(tmp_path: Path) -> None:
    """Nothing is left in the cache, and removing what is not there is no error."""
    made = Checkpoint("d" * 64)
    made.write(STANDING)
    made.remove()
    made.remove()
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_not_more_often_than_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first epoch is kept at once, the next ones after a while."""
    now = [1000.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    made = Checkpoint("e" * 64)
    assert made.due()
    made.write(STANDING)
    assert not made.due()
    now[0] += checkpoint.SECONDS
    assert made.due()
