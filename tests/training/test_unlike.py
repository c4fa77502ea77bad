"""Fitting the bank of training images and the held-out similarities."""

import numpy as np
import pytest

from frostline.training import unlike


def rows(count: int, width: int, seed: int = 0) -> np.ndarray:
    """Positive features around one centre."""
    rng = np.random.default_rng(seed)
    return np.abs(1 + 0.3 * rng.normal(size=(count, width))).astype(np.float32)


def ids(count: int) -> list[str]:
    """Contents in no order of their rows."""
    return [f"{number:06d}" for number in np.random.default_rng(1).permutation(count)]


def test_contents_decide_who_is_in_the_bank() -> None:
    """Not the order of the rows: the same images give the same model."""
    train, held = rows(800, 16), rows(300, 16, seed=2)
    names, turn = ids(800), np.random.default_rng(3).permutation(800)
    one = unlike.fit(train, names, held, seed=0)
    other = unlike.fit(train[turn], [names[place] for place in turn], held, seed=0)
    assert one is not None
    assert other is not None
    assert one.bank.shape == (unlike.BANK, 16)
    assert {row.tobytes() for row in one.bank} == {row.tobytes() for row in other.bank}
    assert len(one.held_out) == 300
    assert (np.diff(one.held_out) >= 0).all()


def test_few_held_out_images_are_joined_by_the_training_images() -> None:
    """Each compared with the others: not one of them is its own neighbour."""
    found = unlike.fit(rows(100, 16), ids(100), rows(10, 16, seed=2), seed=0)
    assert found is not None
    assert len(found.held_out) == 110
    assert found.held_out.max() < 0.9999


def test_many_held_out_images_are_thinned_evenly() -> None:
    """A model holds at most so many numbers."""
    found = unlike.fit(rows(50, 8), ids(50), rows(5000, 8, seed=2), seed=0)
    assert found is not None
    assert len(found.held_out) == unlike.MOST
    whole = np.sort(found.similarity(rows(5000, 8, seed=2)))
    assert np.median(found.held_out) == pytest.approx(np.median(whole), abs=1e-3)


@pytest.mark.parametrize(("count", "width"), [(unlike.PLACE, 16), (100, 4099)])
def test_nothing_where_nothing_can_be_told(count: int, width: int) -> None:
    """Fewer training images than neighbours, or a width that is a prime."""
    assert unlike.fit(rows(count, width), ids(count), rows(10, width), seed=0) is None


def test_wide_rows_keep_their_angles() -> None:
    """Summed in groups with random signs, far stays far."""
    width = 25088
    near, far = (
        rows(260, width),
        np.abs(np.random.default_rng(5).normal(size=(20, width))).astype(np.float32) ** 3,
    )
    found = unlike.fit(near[:60], ids(60), near[60:260], seed=0)
    assert found is not None
    assert found.bank.shape[1] <= unlike.WIDEST
    assert found(far).min() > 0.99
    assert np.mean(found(rows(100, width, seed=9))) == pytest.approx(0.5, abs=0.15)


def test_values_are_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same as of all rows at once; nothing of nothing."""
    monkeypatch.setattr(unlike, "_PIECE", 7)
    fitted = unlike.fit(rows(60, 16), ids(60), rows(40, 16, seed=2), seed=0)
    assert fitted is not None
    some = rows(30, 16, seed=3)
    assert np.array_equal(unlike.values(fitted, some), fitted(some))
    assert unlike.values(fitted, some[:0]).shape == (0,)
