"""The table of decisions: what it says, what counts of it, what it makes of labelled images."""

from dataclasses import replace

import pytest

from frostline.datasets import decisions
from frostline.datasets.decisions import KEEP, LABEL, LEAVE_OUT, UNDO, PhotoDecision
from frostline.datasets.layout import LabelledImages
from frostline.errors import InputError

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
HEAD = ",".join(decisions.COLUMNS) + "\n"


def row(sha256: str = A, action: str = LABEL, new: str = "dog", **other: str) -> PhotoDecision:
    """A decision of one person about one of the pets."""
    made = PhotoDecision(
        "2026-11-30T10:00:00Z",
        "Ada",
        "pets",
        action,
        "cat",
        new if action in (LABEL, KEEP) else "",
        "cat/1.jpg",
        sha256,
    )
    return replace(made, **other)


def pets() -> LabelledImages:
    """Three cats with a given split, the last two of one content."""
    places = [("cat", "train", "g", 0), ("cat", "test", "", 1)]
    return LabelledImages(["cat/1.jpg", "cat/2.jpg", "cat/3.jpg"], places, [0, 1, 1], remarks=["seen"])


@pytest.mark.parametrize("name", ["cat", "=cat", "a,b", 'say "x"', "ké\u0301", "'=x"])
def test_a_row_comes_back_as_it_went_in(name: str) -> None:
    """Whatever the class is called; one line each."""
    made = [row(new=name, old=name), row(B, LEAVE_OUT)]
    text = HEAD + "".join(map(decisions.line, made))
    assert decisions.parse(text, where="x") == made
    assert text.count("\n") == 3


def test_the_last_decision_that_stands_counts() -> None:
    """Undo takes back one decision, and the one before counts again; other datasets have their own."""
    rows = [row(new="dog"), row(new="owl"), row(B, LEAVE_OUT), row(C, dataset="other")]
    assert decisions.standing(rows, "pets") == {A: rows[1], B: rows[2]}
    assert decisions.standing([*rows, row(action=UNDO)], "pets") == {B: rows[2], A: rows[0]}
    assert decisions.standing([*rows, row(action=UNDO), row(action=UNDO)], "pets") == {B: rows[2]}
    assert decisions.standing([row(action=UNDO)], "pets") == {}


def undo(of: PhotoDecision) -> PhotoDecision:
    """The row that takes a decision back, an hour later."""
    return replace(of, action=UNDO, when="2026-11-30T11:00:00Z")


ADA = row(new="dog", when="2026-11-30T10:00:00Z")
BOB = row(new="owl", who="Bob", when="2026-11-30T09:00:00Z")
OX = row(new="ox")


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "counts", "disagreed"),
    [
        ([], [ADA], [BOB], ["dog"], True),
        ([], [ADA], [row(action=LEAVE_OUT, who="Bob", when="2026-11-30T10:30:00Z")], ["leave out"], True),
        ([], [ADA], [replace(ADA, who="Bob")], ["dog"], False),
        ([], [ADA], [BOB, undo(BOB)], ["dog"], False),
        ([], [ADA, undo(ADA)], [BOB, undo(BOB)], [], False),
        ([BOB], [undo(BOB), ADA], [undo(BOB)], ["dog"], False),
        ([OX], [undo(OX), ADA], [undo(OX), BOB], ["dog"], True),
    ],
)
def test_two_branches(
    base: list[PhotoDecision],
    ours: list[PhotoDecision],
    theirs: list[PhotoDecision],
    counts: list[str],
    disagreed: bool,
) -> None:
    """Whichever is merged into the other: the same counts, and who decided otherwise is found."""
    for rows in ([*base, *ours, *theirs], [*base, *theirs, *ours]):
        found = decisions.standing(rows, "pets").values()
        assert [one.new or one.action for one in found] == counts
        assert bool(decisions.disagreements(rows, "pets")) == disagreed


def test_a_disagreement_is_one_line() -> None:
    """Who, what and when on both sides, how many photos, and how to settle it."""
    assert list(decisions.about({}, "pets")) == []
    disagreed = decisions.disagreements([ADA, BOB, row(B), row(B, LEAVE_OUT)], "pets")
    [line] = decisions.about(disagreed, "pets")
    for part in ("2 images", "'cat/1.jpg'", "owl (Bob, 2026-11-30) and dog (Ada, 2026-11-30)",
                 "frostline data review pets"):  # fmt: skip
        assert part in line


@pytest.mark.parametrize("mark", ["<<<<<<< HEAD", "=======", ">>>>>>> theirs"])
def test_marks_of_a_merge_are_named(mark: str) -> None:
    """Where git had no rule for the file."""
    with pytest.raises(InputError, match="x: line 3 is a mark of an unfinished merge"):
        decisions.parse(f"{HEAD}{decisions.line(ADA)}{mark}\n", where="x")


def test_labels_follow_and_all_else_stays() -> None:
    """Every copy of a content is decided alike; split, group and wave are as given."""
    applied = decisions.apply(pets(), [A, B, B], {A: row(action=LEAVE_OUT), B: row(B, new="dog")})
    assert [image.label for image in applied.labelled] == ["cat", "dog", "dog"]
    assert [(image.split, image.group, image.wave) for image in applied.labelled] == [
        ("train", "g", 0), ("test", "", 1), ("test", "", 1),
    ]  # fmt: skip
    assert applied.out == {0: "left out: decided by Ada, 2026-11-30"}
    assert applied.labelled.remarks == ("seen",)
    assert "2 images with another class than its place says, 1 left out" in applied.remarks[0]


def test_nothing_decided_changes_nothing() -> None:
    """The very images, and no remark."""
    images = pets()
    applied = decisions.apply(images, [A, B, B], {})
    assert applied.labelled is images
    assert (applied.out, applied.remarks) == ({}, ())


def test_a_decision_about_a_photo_that_is_gone_is_said() -> None:
    """It may have been removed, or not yet been brought in."""
    applied = decisions.apply(pets(), [A, B, ""], {C: row(C, path="gone.jpg")})
    assert [image.label for image in applied.labelled] == ["cat"] * 3
    assert "'gone.jpg'" in applied.remarks[1]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b\n", "first line"),
        (HEAD + "1,2\n", "line 2"),
        (HEAD + decisions.line(row(action="burn")), "'burn'"),
        (HEAD + decisions.line(row(new="")), "new class"),
        (HEAD + decisions.line(row(sha256="1")), "sha256"),
        (HEAD + '"open', "line 2"),
    ],
)
def test_what_cannot_be_understood_is_refused(text: str, named: str) -> None:
    """With the line and what to do: nobody's labels are guessed."""
    with pytest.raises(InputError, match=named):
        decisions.parse(text, where="decisions.csv")
