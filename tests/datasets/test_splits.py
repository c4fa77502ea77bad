"""Splits: leak-free before stable before stratified; deterministic, in any order of rows."""

import contextlib
import random
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from frostline.datasets.layout import LabelledImage, LabelledImages
from frostline.datasets.splits import Assignment, assign, repeats
from frostline.errors import InputError
from frostline.files import sha256

SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
NAMES = ("train", "validation", "test")


def contents(label: str, count: int, *, start: int = 0) -> list[str]:
    return [sha256(f"{label}{number}".encode()) for number in range(start, start + count)]


def labelled(
    labels: list[str], given: list[str] | None = None, waves: list[int] | None = None
) -> LabelledImages:
    """Images of the labels, with given splits and waves."""
    places = zip(labels, given or [""] * len(labels), waves or [0] * len(labels), strict=True)
    return LabelledImages.of(
        LabelledImage(f"{row}.png", label, split, "", wave) for row, (label, split, wave) in enumerate(places)
    )


def drawn(
    ids: list[str], labels: list[str], *, seed: int = 7, shares: dict[str, float] | None = None
) -> list[str]:
    return assign(ids, labelled(labels), shares=shares or SHARES, seed=seed).splits


def of_class(count: int, *, seed: int = 7) -> dict[str, str]:
    """Content → split of one class of `count` images."""
    ids = contents("cat", count)
    return dict(zip(ids, drawn(ids, ["cat"] * count, seed=seed), strict=True))


def linked(
    count: int,
    links: list[tuple[int, int]],
    *,
    waves: list[int] | None = None,
    given_rows: list[str] | None = None,
    seed: int = 7,
) -> Assignment:
    """One class, with links."""
    images = labelled(["cat"] * count, given_rows, waves)
    return assign(contents("cat", count), images, shares=SHARES, seed=seed, links=links)


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


@given(datasets(), shares(), st.integers(0, 2**31 - 1), st.randoms(use_true_random=False))
def test_order_does_not_matter_and_copies_stay_together(dataset, parts, seed, order) -> None:  # type: ignore[no-untyped-def]
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


@given(st.integers(60, 400), st.integers(0, 200), st.integers(0, 2**31 - 1))
def test_no_image_changes_its_split_as_data_grow(count: int, more: int, seed: int) -> None:
    """However many come, whatever was there stays where it was."""
    before = of_class(count, seed=seed)
    natural = Counter(before.values())
    assume(min(natural[name] for name in NAMES) > 1)  # a split of one image may be a stopgap
    after = of_class(count + more, seed=seed)
    assert {content: after[content] for content in before} == before


def test_shares_hold_on_average() -> None:
    """Of 10,000 images each split is within four standard deviations of its share."""
    counts = Counter(of_class(10_000).values())
    for name, share in SHARES.items():
        assert abs(counts[name] - share * 10_000) < 4 * (10_000 * share * (1 - share)) ** 0.5


def test_other_classes_do_not_matter() -> None:
    """Adding another class moves nothing."""
    ids = contents("cat", 50) + contents("dog", 31)
    both = drawn(ids, ["cat"] * 50 + ["dog"] * 31)
    assert dict(zip(ids[:50], both[:50], strict=True)) == of_class(50)


def test_the_seed_matters() -> None:
    """Another seed, another draw."""
    assert of_class(50, seed=1) != of_class(50, seed=2)


def test_a_draw_is_pinned() -> None:
    """A change of the draw would reshuffle every user's test set: it must not come unnoticed."""
    splits = drawn(contents("cat", 16), ["cat"] * 16)
    assert {name: [row for row in range(16) if splits[row] == name] for name in NAMES} == PINNED


PINNED: dict[str, list[int]] = {
    "train": [0, 1, 2, 5, 7, 10, 12, 13, 14, 15],
    "validation": [3, 8, 9, 11],
    "test": [4, 6],
}


@given(st.data(), st.integers(20, 80))
def test_links_never_straddle(data: st.DataObject, count: int) -> None:
    """Whatever is linked, in whatever waves: two linked images that are used lie in one split."""
    row = st.integers(0, count - 1)
    links = data.draw(st.lists(st.tuples(row, row), max_size=count // 3))
    waves = data.draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    found = linked(count, links, waves=waves)
    for one, other in links:
        if found.splits[one] and found.splits[other]:
            assert found.splits[one] == found.splits[other]
    assert {row for row, split in enumerate(found.splits) if not split} == found.bridges.keys()


def test_links_never_straddle_in_a_class_that_lacks_images() -> None:
    """Where an image stands in for a split that has none, all that is linked to it moves along."""
    for seed in range(200):
        rng = np.random.default_rng(seed)
        count = int(rng.integers(5, 15))
        links = [(int(a), int(b)) for a, b in rng.integers(0, count, (count // 2, 2))]
        waves = rng.integers(0, 2, count).tolist()
        with contextlib.suppress(InputError):  # too few that are not linked
            splits = linked(count, links, waves=waves, seed=seed).splits
            straddling = {(a, b) for a, b in links if splits[a] and splits[b] and splits[a] != splits[b]}
            assert not straddling, seed


def test_what_a_newcomer_connects_moves_as_one() -> None:
    """Two images of train, made one by a newcomer: neither stands in alone for the empty test split."""
    plain = linked(4, []).splits
    stand_in = plain.index("test")  # drawn for train, as a larger class shows
    assert linked(8, []).splits[stand_in] == "train"
    other = plain.index("train")
    found = linked(5, [(4, stand_in), (4, other)], waves=[0] * 4 + [1])
    assert found.splits[stand_in] == found.splits[other] == found.splits[4]
    assert set(found.splits) == set(NAMES)


def test_newcomers_follow_or_are_bridges() -> None:
    """A later image linked to one split goes there; linked to two it stays out, and moves nobody."""
    plain = linked(40, []).splits
    train, test = plain.index("train"), plain.index("test")
    waves = [0] * 40 + [1, 1, 1, 1]
    links = [(40, test), (41, 40), (42, train), (42, test), (43, 42)]
    found = linked(44, links, waves=waves)
    assert found.splits[:40] == plain
    assert found.splits[40:] == ["test", "test", "", ""]
    assert found.bridges == {42: ("test", "train"), 43: ("test", "train")}
    # All at once there is no newcomer: the cluster goes where its first image is drawn.
    together = linked(44, links)
    assert not together.bridges
    assert len({together.splits[row] for row in (train, test, 40, 41, 42, 43)}) == 1


def test_images_without_a_split_beside_given_ones_are_newcomers() -> None:
    """A table that fixes the old and leaves the new open: the new are drawn, follow, or bridge."""
    fixed = ["train"] * 14 + ["validation"] * 3 + ["test"] * 3
    found = linked(60, [(20, 0), (20, 19), (21, 18)], given_rows=[*fixed, *[""] * 40])
    assert found.splits[:20] == fixed
    assert found.splits[20:22] == ["", "test"]
    assert found.bridges == {20: ("test", "train")}
    assert set(found.splits[22:]) == set(NAMES)


@pytest.mark.parametrize(
    ("given_splits", "stay"),
    [
        ({"train": 200, "test": 10}, {"test": 10}),
        ({"train": 200, "validation": 10}, {"validation": 10}),
        ({"train": 34, "validation": 3, "test": 2}, {"train": 34, "validation": 3, "test": 2}),
        ({"train": 100}, {}),
        ({"": 100}, {}),
    ],
)
def test_given_splits_are_respected(given_splits: dict[str, int], stay: dict[str, int]) -> None:
    """What folders give stays; what is missing is carved out of train only, all of it present."""
    given_rows = [split for split, count in given_splits.items() for _ in range(count)]
    found = linked(len(given_rows), [], given_rows=given_rows)
    counts = Counter(found.splits)
    assert set(counts) == set(NAMES)
    assert {name: counts[name] for name in stay} == stay


def test_a_missing_split_takes_its_share_of_train() -> None:
    """Validation from train beside a given test: 0.15 / 0.85 of 3,000 is 529."""
    found = linked(3100, [], given_rows=["train"] * 3000 + ["test"] * 100)
    assert abs(Counter(found.splits)["validation"] - 529) < 4 * (3000 * 0.176 * 0.824) ** 0.5


def test_images_without_an_id_have_no_split() -> None:
    """Quarantined rows are passed through; a split given only by them is not drawn anew."""
    ids = [*contents("cat", 10), ""]
    labels = ["cat"] * 11
    assert assign(ids, labelled(labels), shares=SHARES, seed=7).splits[-1] == ""
    with pytest.raises(InputError, match="class 'cat' has 0 usable images in test of 11 in all"):
        assign(ids, labelled(labels, ["train"] * 10 + ["test"]), shares=SHARES, seed=7)


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
    dogs = contents("dog", 30)
    filled = [split or "" for split in given_rows] + (
        ["train"] * 20 + ["test"] * 10 if any(given_rows) else [""] * 30
    )
    with pytest.raises(InputError) as told:
        assign([*ids, *dogs], labelled(["cat"] * len(ids) + ["dog"] * 30, filled), shares=SHARES, seed=7)
    assert str(told.value).startswith(message)


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=12), st.randoms())
def test_repeats(values: list[str], chance: random.Random) -> None:
    """Rows of each value that several of the given rows have, in their order."""
    rows = chance.sample(range(len(values)), chance.randint(0, len(values)))
    groups = ([row for row in rows if values[row] == value] for value in "abc")
    assert sorted(repeats(values, rows)) == sorted(group for group in groups if len(group) > 1)
