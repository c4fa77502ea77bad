"""Heads by cross-validation: nothing is told by what saw it."""

import numpy as np
import pytest

from frostline.training import search_heads

LABELS = np.tile(np.arange(3), 20)
FOLDS = np.repeat(np.arange(5), 12)


def rows(*, apart: float, seed: int = 0) -> np.ndarray:
    """(60, 8) features, three classes so far apart."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(60, 8)) + apart * np.eye(3, 8)[LABELS]).astype(np.float32)


def test_what_can_be_told() -> None:
    """A result for each strength; classes far apart are told, noise is not."""
    told = search_heads.judge(rows(apart=6), LABELS, FOLDS)
    assert [one.strength for one in told] == list(search_heads.STRENGTHS["logistic"])
    assert max(one.right.mean() for one in told) > 0.95
    assert min(one.loss for one in told) < 0.2
    certain = search_heads.judge(rows(apart=60), LABELS, FOLDS, kind="lda")
    assert not any(np.signbit(one.loss) for one in certain)
    noise = search_heads.judge(rows(apart=0), LABELS, FOLDS)
    assert max(one.right.mean() for one in noise) < 0.6


def test_no_head_classifies_what_it_was_fitted_on() -> None:
    """A feature that is another number for every image says nothing of the images left out."""
    single = np.eye(60, dtype=np.float32)
    for one in search_heads.judge(single, LABELS, FOLDS, strengths=[10.0]):
        assert one.right.mean() <= 0.4


def test_a_class_in_one_fold_alone() -> None:
    """It is never told; a fold whose rest has one class gives that class."""
    labels = np.where(FOLDS == 0, 1, 0)
    (one,) = search_heads.judge(rows(apart=6), labels, FOLDS, strengths=[0.1])
    assert not one.right[labels == 1].any()
    assert one.right[labels == 0].mean() > 0.5
    assert np.isfinite(one.loss)


def test_a_feature_that_never_changes() -> None:
    """Nothing is divided by zero."""
    some = rows(apart=6)
    some[:, 7] = 3
    (one,) = search_heads.judge(some, LABELS, FOLDS, strengths=[0.1])
    assert np.isfinite(one.loss)
    assert one.right.mean() > 0.9


def test_it_ends_in_time() -> None:
    """After the first head that ended too late."""
    with pytest.raises(search_heads.TimeUpError):
        search_heads.judge(rows(apart=6), LABELS, FOLDS, until=0.0)


def test_fewer_to_learn_from() -> None:
    """Only the first of the other folds' images are seen: classes that are not among them are never told."""
    order = np.argsort(LABELS, kind="stable")
    right = search_heads.right_by_fewer(
        rows(apart=6), LABELS, FOLDS, kind="logistic", strength=0.1, order=order, most=30
    )
    assert right[LABELS < 2].mean() > 0.9
    assert not right[LABELS == 2].any()


def test_neighbours() -> None:
    """Classes far apart are told by those nearest, noise is not."""
    assert search_heads.neighbours(rows(apart=6), LABELS, FOLDS).mean() > 0.95
    assert search_heads.neighbours(rows(apart=0), LABELS, FOLDS).mean() < 0.6
