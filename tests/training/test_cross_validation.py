"""Probabilities of images that a classifier never saw: honest, the same in any order, narrow enough for memory."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from frostline.training import cross_validation
from frostline.training.cross_validation import FOLDS, out_of_fold


def clusters(
    count: int = 150, *, width: int = 12, apart: float = 3.0
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Features of three classes around centres, their labels, and contents' names."""
    rng = np.random.default_rng(5)
    labels = np.arange(count) % 3
    centres = rng.normal(size=(3, width)) * apart
    rows = (centres[labels] + rng.normal(size=(count, width))).astype(np.float32)
    return rows, labels, [f"{rng.integers(2**60):015x}" for _ in range(count)]


def test_an_image_with_a_wrong_label_is_not_believed() -> None:
    """A classifier that saw it would know it by heart; one that did not says what it looks like."""
    rows, labels, ids = clusters()
    wrong = labels.copy()
    wrong[[4, 9]] = (wrong[[4, 9]] + 1) % 3
    probs = out_of_fold([rows], wrong, ids, classes=3, seed=0)
    assert probs is not None
    assert probs.shape == (150, 3)
    assert probs.dtype == np.float32
    assert probs.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert (probs.argmax(axis=1) == labels).mean() > 0.97
    assert (probs[[4, 9]].argmax(axis=1) == labels[[4, 9]]).all()


def test_noise_stays_noise() -> None:
    """Labels without any reason: right about as often as chance, which no classifier that saw them would be."""
    rows, labels, ids = clusters(apart=0)
    probs = out_of_fold([rows], labels, ids, classes=3, seed=0)
    assert probs is not None
    assert (probs.argmax(axis=1) == labels).mean() < 0.5


def test_parts_and_order_change_nothing() -> None:
    """Splits one after the other, or all in one, in any order: each image has its own answer."""
    rows, labels, ids = clusters()
    whole = out_of_fold([rows], labels, ids, classes=3, seed=0)
    parts = out_of_fold([rows[:70], rows[70:71], rows[71:]], labels, ids, classes=3, seed=0)
    order = np.random.default_rng(1).permutation(len(labels))
    moved = out_of_fold([rows[order]], labels[order], [ids[row] for row in order], classes=3, seed=0)
    assert whole is not None
    assert moved is not None
    assert np.array_equal(whole, parts)
    assert np.array_equal(whole[order], moved)


@pytest.mark.parametrize("labels", [[0] * 20 + [1] * (FOLDS - 1), [0] * 25])
def test_too_few_images_of_a_class_are_no_ground(labels: list[int]) -> None:
    """Each fold needs one of each."""
    rows = np.zeros((len(labels), 3), np.float32)
    ids = [str(number) for number in range(len(labels))]
    assert out_of_fold([rows], np.array(labels), ids, classes=2, seed=0) is None


def test_copies_of_one_image_are_no_ground() -> None:
    """They lie in one fold, so that a class of nothing else would be unknown where it is asked for."""
    rows, labels, ids = clusters()
    ids = ["copy" if label == 2 else each for label, each in zip(labels, ids, strict=True)]
    assert out_of_fold([rows], labels, ids, classes=3, seed=0) is None


def test_too_many_images_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would cost more than it is worth."""
    rows, labels, ids = clusters()
    monkeypatch.setattr(cross_validation, "MOST", 149)
    assert out_of_fold([rows], labels, ids, classes=3, seed=0) is None


def test_wide_features_are_projected_and_still_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Maps of any shape, in pieces; the projection is drawn from the seed."""
    monkeypatch.setattr(cross_validation, "_PIECE", 32)
    rows, labels, ids = clusters(width=1200, apart=0.4)
    maps = rows.reshape(150, 10, 8, 15)
    narrow = cross_validation._narrow([maps[:33], maps[33:]], seed=3)
    assert narrow.shape == (150, cross_validation.WIDEST)
    assert np.array_equal(narrow, cross_validation._narrow([maps[:33], maps[33:]], seed=3))
    assert narrow == pytest.approx(cross_validation._narrow([rows], seed=3), abs=1e-4)
    assert not np.array_equal(narrow, cross_validation._narrow([rows], seed=4))
    lengths = np.linalg.norm(narrow, axis=1) / np.linalg.norm(rows, axis=1)
    assert lengths == pytest.approx(1, abs=0.15)
    probs = out_of_fold([maps], labels, ids, classes=3, seed=3)
    assert probs is not None
    assert (probs.argmax(axis=1) == labels).mean() > 0.95


def test_the_same_features_are_fitted_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is trained beside them; other rows, labels or code are fitted anew."""
    monkeypatch.setenv("FROSTLINE_CACHE", str(tmp_path))
    rows, labels, ids = clusters()
    of = partial(cross_validation.known_out_of_fold, classes=3, seed=0, made_by={"code": "a"})
    whole = out_of_fold([rows], labels, ids, classes=3, seed=0)
    first = of([rows], labels, ids)
    fits: list[int] = []

    def fitted(*_: Any, **__: Any) -> Any:
        fits.append(1)
        return first

    monkeypatch.setattr(cross_validation, "out_of_fold", fitted)
    np.testing.assert_array_equal(first, whole)
    np.testing.assert_array_equal(of([rows], labels, ids), whole)
    assert fits == []
    of([rows + np.float32(1)], labels, ids)
    of([rows], np.roll(labels, 1), ids)
    of([rows], labels, ids[::-1])
    of([rows], labels, ids, made_by={"code": "b"})
    assert len(fits) == 4
    few = [*range(3 * FOLDS - 3)]
    assert of([rows[few]], labels[few], ids[: len(few)]) is None
    assert len(fits) == 4
