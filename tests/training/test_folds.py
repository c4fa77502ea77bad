"""Folds: by content, class by class, copies together."""

import numpy as np

from frostline.files import sha256
from frostline.training import folds


def ids(count: int, *, start: int = 0) -> list[str]:
    """Contents that all differ."""
    return [sha256(str(number).encode()) for number in range(start, start + count)]


def test_clusters() -> None:
    """Equal contents and links join, links of links too; numbers have no gaps."""
    one, two, three, four = ids(4)
    found = folds.clusters([one, two, one, three, four], [(1, 3), (3, 4)])
    assert found[0] == found[2]
    assert found[1] == found[3] == found[4] != found[0]
    assert set(found.tolist()) == {0, 1}
    assert folds.clusters([]).tolist() == []


def test_every_class_is_in_every_fold() -> None:
    """Five of a class lie in five folds; the folds are of one size."""
    labels = np.repeat(np.arange(7), 5)
    drawn = folds.draw(ids(35), labels, np.arange(35), folds=5, seed=1)
    for label in range(7):
        assert sorted(drawn[labels == label]) == [0, 1, 2, 3, 4]
    assert np.bincount(drawn).tolist() == [7] * 5


def test_order_and_names_do_not_matter() -> None:
    """The same contents in another order lie in the same folds; another seed draws anew."""
    names, labels = ids(60), np.arange(60) % 3
    order = np.random.default_rng(0).permutation(60)
    drawn = folds.draw(names, labels, np.arange(60), folds=5, seed=1)
    again = folds.draw([names[row] for row in order], labels[order], np.arange(60), folds=5, seed=1)
    assert (again == drawn[order]).all()
    assert (folds.draw(names, labels, np.arange(60), folds=5, seed=2) != drawn).any()


def test_a_few_new_images_move_few() -> None:
    """One percent more: nearly all stay where they were."""
    names, labels = ids(1000), np.arange(1000) % 2
    before = folds.draw(names, labels, np.arange(1000), folds=5, seed=1)
    more = [*names, *ids(10, start=1000)]
    after = folds.draw(more, np.arange(1010) % 2, np.arange(1010), folds=5, seed=1)
    assert (after[:1000] != before).mean() < 0.03


def test_clusters_stay_together() -> None:
    """In folds, and in what grows."""
    names, labels = ids(90), np.repeat(np.arange(3), 30)
    groups = np.arange(90) // 3
    drawn = folds.draw(names, labels, groups, folds=5, seed=1)
    order = folds.growing(names, labels, groups, seed=1)
    for group in range(30):
        assert len(set(drawn[groups == group])) == 1
        places = np.flatnonzero(groups[order] == group)
        assert places.max() - places.min() == 2


def test_every_beginning_has_all_classes() -> None:
    """In their shares: 2 of 3 are of the first class."""
    labels = np.array([0] * 60 + [1] * 30)
    order = folds.growing(ids(90), labels, np.arange(90), seed=1)
    assert sorted(order.tolist()) == list(range(90))
    for count in (15, 30, 60):
        assert abs((labels[order[:count]] == 0).sum() - count * 2 / 3) <= 1
