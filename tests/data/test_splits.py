"""Splits by content: deterministic, in any order, exact to one image, stable as data grow."""

import random
from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frostline.data.splits import assign
from frostline.errors import InputError
from frostline.files import sha256

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
NAMES = ("train", "validation", "test")


def contents(label: str, count: int, *, start: int = 0) -> list[str]:
    return [sha256(f"{label}{number}".encode()) for number in range(start, start + count)]


def drawn(
    ids: list[str], labels: list[str], *, seed: int = 7, shares: dict[str, float] | None = None
) -> list[str]:
    return assign(ids, labels=labels, given=[""] * len(ids), shares=shares or SHARES, seed=seed)


def of_class(count: int, *, seed: int = 7) -> dict[str, str]:
    """Content → split of one class of `count` images."""
    ids = contents("cat", count)
    return dict(zip(ids, drawn(ids, ["cat"] * count, seed=seed), strict=True))


@st.composite
def shares(draw: st.DrawFn) -> dict[str, float]:
    parts = [draw(st.integers(1, 98)) for _ in NAMES]
    return {name: part / sum(parts) for name, part in zip(NAMES, parts, strict=True)}


@st.composite
def datasets(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """Two to four classes of 3 to 40 contents, some of them several times."""
    ids, labels = [], []
    for label in ("ant", "bee", "cow", "doe")[: draw(st.integers(2, 4))]:
        for content in contents(label, draw(st.integers(3, 40))):
            copies = draw(st.sampled_from([1, 1, 1, 2, 5]))
            ids += [content] * copies
            labels += [label] * copies
    return ids, labels


@settings(max_examples=100, deadline=None)
@given(datasets(), shares(), st.integers(0, 2**31 - 1), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_copies_stay_together(
    dataset: tuple[list[str], list[str]], parts: dict[str, float], seed: int, order: random.Random
) -> None:
    """Shuffling rows changes no image's split; one content has one split; each class is in each split."""
    ids, labels = dataset
    splits = drawn(ids, labels, seed=seed, shares=parts)
    rows = list(range(len(ids)))
    order.shuffle(rows)
    again = drawn([ids[row] for row in rows], [labels[row] for row in rows], seed=seed, shares=parts)
    assert again == [splits[row] for row in rows]
    found = defaultdict(set)
    for content, split in zip(ids, splits, strict=True):
        found[content].add(split)
    assert all(len(one) == 1 for one in found.values())
    assert set(zip(labels, splits, strict=True)) == {(label, name) for label in set(labels) for name in NAMES}


@settings(max_examples=100, deadline=None)
@given(st.integers(3, 300), shares(), st.integers(0, 2**31 - 1))
def test_shares_are_exact_to_one_image(count: int, parts: dict[str, float], seed: int) -> None:
    """Each split of a class is within one image of its share, or has the one image it must have."""
    ids = contents("cat", count)
    counts = Counter(drawn(ids, ["cat"] * count, seed=seed, shares=parts))
    for name in NAMES:
        assert (
            abs(counts[name] - parts[name] * count) <= 1 + 1e-9
            or counts[name] == 1
            or count * min(parts.values()) < 1
        )


@settings(max_examples=150, deadline=None)
@given(st.integers(3, 200), st.integers(0, 2**31 - 1), shares())
def test_one_image_more_shifts_each_border_by_one_at_most(
    count: int, seed: int, parts: dict[str, float]
) -> None:
    """Growth by one image moves at most two others, each to the neighbouring split."""
    ids = contents("cat", count + 1)
    before = drawn(ids[:-1], ["cat"] * count, seed=seed, shares=parts)
    after = drawn(ids, ["cat"] * (count + 1), seed=seed, shares=parts)[:-1]
    moves = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert len(moves) <= 2
    assert all("validation" in pair for pair in moves)


def test_half_as_many_again_leave_nearly_all_in_place() -> None:
    """1,000 images grow to 1,500: fewer than 4% change sides, and hardly any from test to train."""
    small, large = of_class(1000), of_class(1500)
    moved = [content for content in small if small[content] != large[content]]
    assert 0 < len(moved) < 40
    assert not [content for content in moved if {small[content], large[content]} == {"train", "test"}]


def test_other_classes_do_not_matter() -> None:
    """A class is drawn by itself: adding another one moves nothing."""
    ids = contents("cat", 50) + contents("dog", 31)
    both = drawn(ids, ["cat"] * 50 + ["dog"] * 31)
    assert dict(zip(ids[:50], both[:50], strict=True)) == of_class(50)


def test_the_seed_matters() -> None:
    """Another seed, another draw."""
    assert of_class(50, seed=1) != of_class(50, seed=2)


def test_a_draw_is_pinned() -> None:
    """A change of the draw would reshuffle every user's test set: it must not come unnoticed."""
    ids = contents("cat", 9)
    splits = drawn(ids, ["cat"] * 9)
    assert {name: [row for row in range(9) if splits[row] == name] for name in NAMES} == {
        "train": [0, 1, 2, 5, 7, 8],
        "validation": [3, 4],
        "test": [6],
    }


@pytest.mark.parametrize(
    ("given_splits", "counts"),
    [
        # a missing validation: 0.15 / 0.85 of train's 34 = 6
        ({"train": 34, "test": 10}, {"train": 28, "validation": 6, "test": 10}),
        # a missing test: the same of train
        ({"train": 34, "validation": 10}, {"train": 28, "validation": 10, "test": 6}),
        ({"train": 34, "validation": 3, "test": 2}, {"train": 34, "validation": 3, "test": 2}),
        # only train given, or nothing: 70, 15, 15 of 100
        ({"train": 100}, {"train": 70, "validation": 15, "test": 15}),
        ({"": 100}, {"train": 70, "validation": 15, "test": 15}),
    ],
)
def test_given_splits_are_respected(given_splits: dict[str, int], counts: dict[str, int]) -> None:
    """What folders give stays; what is missing is carved out of train only."""
    given_rows = [split for split, count in given_splits.items() for _ in range(count)]
    ids = contents("cat", len(given_rows))
    splits = assign(ids, labels=["cat"] * len(ids), given=given_rows, shares=SHARES, seed=7)
    assert Counter(splits) == counts
    kept = [pair for pair in zip(given_rows, splits, strict=True) if pair[0] in {"validation", "test"}]
    assert all(before == after for before, after in kept)


def test_images_without_an_id_have_no_split() -> None:
    """Quarantined rows are passed through; a split given only by them is not drawn anew."""
    ids = [*contents("cat", 10), ""]
    labels = ["cat"] * 11
    assert assign(ids, labels=labels, given=[""] * 11, shares=SHARES, seed=7)[-1] == ""
    with pytest.raises(InputError, match="class 'cat' has 0 usable images in test of 11 in all"):
        assign(ids, labels=labels, given=["train"] * 10 + ["test"], shares=SHARES, seed=7)


@pytest.mark.parametrize(
    ("ids", "given_rows", "message"),
    [
        (
            contents("cat", 2),
            ["", ""],
            "class 'cat' has 2 usable different images, too few to appear in train, validation, test; add",
        ),
        (contents("cat", 1) * 9, [""] * 9, "class 'cat' has 1 usable different image, too few"),
        (
            contents("cat", 2),
            ["train", "test"],
            "class 'cat' has 1 usable different image, too few to appear in train, validation; add",
        ),
        (["", "", ""], [""] * 3, "class 'cat' has 0 usable images in train of 3 in all"),
    ],
)
def test_classes_too_small(ids: list[str], given_rows: list[str], message: str) -> None:
    """The class, its count and what it would need, beside a class that is large enough."""
    good = contents("dog", 20)
    rows = [given_rows[number % len(given_rows)] for number in range(20)]
    labels = ["cat"] * len(ids) + ["dog"] * 20
    with pytest.raises(InputError) as told:
        assign(ids + good, labels=labels, given=given_rows + rows, shares=SHARES, seed=7)
    assert message in str(told.value)
