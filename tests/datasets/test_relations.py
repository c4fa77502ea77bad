"""Related images: who stays, who goes and why, and what must lie in one split."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.datasets import relations
from frostline.datasets.findings import Policies
from frostline.datasets.layout import LabelledImage
from frostline.datasets.relations import Resolved

LOSE = Policies({"duplicate": "quarantine", "near_duplicate": "quarantine", "leak": "quarantine"}, "key")
KEEP = Policies({"duplicate": "keep", "near_duplicate": "keep", "leak": "quarantine"}, "key")


def images(*words: str) -> list[LabelledImage]:
    """From `label`, `label split` or `label split group` to images named a, b, c…"""
    parts = [[*word.split(" "), "", ""][:3] for word in words]
    return [LabelledImage(chr(ord("a") + row), *part) for row, part in enumerate(parts)]


def settle(
    labelled: Sequence[LabelledImage],
    *,
    exact: Sequence[Sequence[int]] = (),
    near: Sequence[tuple[int, int]] = (),
    policies: Policies = LOSE,
) -> Resolved:
    """Settled, with groups as the images have them."""
    rows = range(len(labelled))
    pairs = [(a, b, 0.9) for a, b in near]
    return relations.resolve(
        labelled,
        exact=exact,
        near=pairs,
        grouped=relations.groups([image.group for image in labelled], rows),
        policies=policies,
    )


def kinds(settled: Resolved) -> list[tuple[int, str]]:
    return [(finding.row, finding.kind) for finding in settled.findings]


def test_copies_by_content() -> None:
    """Groups in order of rank: test before validation before train, then wave, then name; given rows only."""
    labelled = [
        LabelledImage("b", "x", "train"), LabelledImage("a", "x", "train", wave=1), LabelledImage("c", "x", "test"),
        LabelledImage("d", "x", "validation"), LabelledImage("e", "x", "train"), LabelledImage("f", "x", ""),
    ]  # fmt: skip
    assert relations.copies(["1", "1", "1", "1", "2", "1"], labelled, [0, 1, 2, 3, 4]) == [[2, 3, 0, 1]]


def test_groups() -> None:
    """Those of more than one image among the given rows; no group is none."""
    labelled = images("x  one", "x  two", "x  one", "x", "x", "x  two")
    assert relations.groups([image.group for image in labelled], [0, 1, 2, 3, 4]) == [[0, 2]]


def test_the_first_copy_stays() -> None:
    """The others go and name it; kept, all stay and are linked to it."""
    labelled = images("cat", "cat", "cat")
    lost = settle(labelled, exact=[[0, 1, 2]])
    assert lost.out == {1: "duplicate: of 'a'", 2: "duplicate: of 'a'"}
    assert lost.links == []
    kept = settle(labelled, exact=[[0, 1, 2]], policies=KEEP)
    assert (kept.out, kept.links) == ({}, [(0, 1), (1, 2)])
    assert kinds(kept) == [(1, "duplicate"), (2, "duplicate")]


def test_a_conflict_takes_all() -> None:
    """Copies under two labels, and what resembles them under a third; what resembles that alone stays."""
    labelled = images("cat", "dog", "cat", "owl", "owl")
    found = settle(labelled, exact=[[0, 1, 2]], near=[(2, 3), (3, 4)], policies=KEEP)
    assert found.out == {
        **dict.fromkeys((0, 1, 2), "conflicting labels: 'cat', 'dog', 'owl'"),
        3: "conflicting labels: 'cat', 'dog', 'owl'",
    }
    assert found.links == []


@pytest.mark.parametrize(
    ("splits", "out"),
    [
        (("train", "test"), 0),
        (("test", "train"), 1),
        (("validation", "test"), 0),
        (("train", "validation"), 0),
    ],
)
@pytest.mark.parametrize("how", ["exact", "near"])
def test_across_given_splits_the_test_image_stays(splits: tuple[str, str], out: int, how: str) -> None:
    """Even where duplicates are kept."""
    labelled = images(*(f"cat {split}" for split in splits))
    exact = relations.copies(["1", "1" if how == "exact" else "2"], labelled, [0, 1])
    found = settle(labelled, exact=exact, near=[] if how == "exact" else [(0, 1)], policies=KEEP)
    word = "duplicate" if how == "exact" else "near duplicate"
    assert found.out == {out: f"{word} across splits: of {labelled[1 - out].name!r}"}
    assert kinds(found) == [(out, "leak")]


def test_near_duplicates_go_by_what_stays() -> None:
    """b resembles a and goes; c resembles only b, which is gone, and stays."""
    found = settle(images("cat", "cat", "cat"), near=[(0, 1), (1, 2)])
    assert found.out == {1: "near duplicate: of 'a'"}
    assert found.links == []


def test_copies_share_what_they_resemble() -> None:
    """The first copy goes because it resembles another: the other copies go too, in whatever split they are."""
    here = settle(images("cat", "cat", "cat"), exact=[[0], [1, 2]], near=[(0, 1)])
    assert here.out == {1: "near duplicate: of 'a'", 2: "near duplicate: of 'a'"}
    across = images("cat test", "cat test", "cat train")
    found = settle(across, exact=[[0], [1, 2]], near=[(0, 1)], policies=LOSE)
    assert found.out == {1: "near duplicate: of 'a'", 2: "near duplicate across splits: of 'a'"}


def test_groups_across_given_splits() -> None:
    """Members outside the first of the group's splits go; those left are one chain."""
    labelled = images("cat train film", "cat test film", "dog train film", "cat test film", "cat  film")
    found = settle(labelled)
    assert found.out == {
        0: "group across splits: 'film' is that of 'b'",
        2: "group across splits: 'film' is that of 'b'",
    }
    assert found.links == [(1, 3), (3, 4)]


SPLIT = st.sampled_from(["train", "validation", "test"])


@st.composite
def related(draw: st.DrawFn) -> tuple[list[LabelledImage], list[list[int]], list[tuple[int, int]]]:
    """Up to 12 images with labels, given splits or none at all, groups, copies and pairs that look alike."""
    count = draw(st.integers(2, 12))
    given = draw(st.booleans())
    labelled = [
        LabelledImage(
            f"{row:02}",
            draw(st.sampled_from(["cat", "cat", "cat", "dog"])),
            draw(SPLIT) if given else "",
            draw(st.sampled_from(["", "", "", "one", "two"])),
        )
        for row in range(count)
    ]
    contents = [str(draw(st.integers(0, count))) for _ in range(count)]
    exact = relations.copies(contents, labelled, range(count))
    copied = {row for group in exact for row in group[1:]}
    firsts = st.sampled_from([row for row in range(count) if row not in copied])
    pairs = draw(st.lists(st.tuples(firsts, firsts), max_size=6))
    return labelled, exact, sorted({(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]})


@given(related(), st.sampled_from([LOSE, KEEP]))
def test_what_stays_is_sound(dataset, policies: Policies) -> None:  # type: ignore[no-untyped-def]
    """No relation across labels or given splits is left; what is left of one is linked; what goes has a finding."""
    labelled, exact, near = dataset
    found = settle(labelled, exact=exact, near=near, policies=policies)
    stay = set(range(len(labelled))) - found.out.keys()
    copied = {row: group for group in exact for row in group}
    alike = [[*copied.get(one, [one]), *copied.get(other, [other])] for one, other in near]
    together = [{*group} & stay for group in [*exact, *alike]]
    for group in together:
        assert len({labelled[row].label for row in group}) <= 1
        assert policies is KEEP or len(group) <= 1
    grouped = [
        {*group} & stay
        for group in relations.groups([image.group for image in labelled], range(len(labelled)))
    ]
    reached = _components(found.links, len(labelled))
    for group in [*together, *grouped]:
        assert len({labelled[row].split for row in group}) <= 1
        assert len({reached[row] for row in group}) <= 1
    assert {row for row, _ in kinds(found)} >= found.out.keys()
    assert all({one, other} <= stay for one, other in found.links)


def _components(links: Sequence[tuple[int, int]], count: int) -> list[int]:
    """For each row the smallest that links lead to."""
    home = list(range(count))
    for _ in range(count):
        for one, other in links:
            home[one] = home[other] = min(home[one], home[other])
    return home


@given(related())
def test_order_of_pairs_does_not_matter(dataset) -> None:  # type: ignore[no-untyped-def]
    """The same findings from the same relations."""
    labelled, exact, near = dataset
    one, other = (
        settle(labelled, exact=exact, near=near),
        settle(labelled, exact=exact[::-1], near=near[::-1]),
    )
    assert (sorted(one.findings), one.out, one.links) == (sorted(other.findings), other.out, other.links)
