"""Comparison: ranks, pairs, words; two classifiers in words, and what cannot be compared."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from frostline.errors import FrostlineError
from frostline.evaluation.comparison import Candidate, Side, compare, pairwise, verdict
from helpers.results import CLASSES, candidate, rows


def ranked(*candidates: Candidate, dataset: str = "pets") -> list[dict[str, Any]]:
    return compare(candidates)["datasets"][dataset]["classifiers"]


def test_best_first() -> None:
    """Accuracy decides; the best has nobody to be tested against."""
    found = ranked(candidate("b", 9), candidate("a", 20), candidate("c", 0))
    assert [(row["rank"], row["classifier"]) for row in found] == [(1, "c"), (2, "b"), (3, "a")]
    assert found[0]["against_best"] is None
    assert found[0]["accuracy"] == 1.0
    assert {row["against_best"]["best"] for row in found[1:]} == {"c"}


def test_equal_accuracy_shares_a_rank() -> None:
    """A tie is a tie; the lower loss comes first, then the name."""
    found = ranked(
        candidate("d", 9),
        candidate("z", 3, loss=0.1),
        candidate("a", 3, loss=0.2),
        candidate("b", 3, loss=0.2),
    )
    assert [(row["rank"], row["classifier"]) for row in found] == [(1, "z"), (1, "a"), (1, "b"), (4, "d")]


def test_order_of_input_does_not_count() -> None:
    """Any order of params.yaml gives the same comparison."""
    given = [candidate("a", 4), candidate("b", 2), candidate("c", 2), candidate("d", 7, dataset="cars")]
    assert compare(given) == compare(given[::-1])
    assert list(compare(given)["datasets"]) == ["cars", "pets"]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (2, "not significantly different from best at n=60 (p=0.50)"),
        (5, "not significantly different from best at n=60 (p=0.062)"),
        (6, "significantly worse than best at n=60 (p=0.031)"),
        (30, "significantly worse than best at n=60 (p<0.001)"),
    ],
)
def test_verdicts(wrong: int, words: str) -> None:
    """p = 2 / 2^wrong where all discordant images speak against one; 0.05 divides."""
    found = ranked(candidate("best", 0), candidate("other", wrong))
    assert verdict(found[1], 60) == words
    assert verdict(found[0], 60) == ""
    assert (found[1]["against_best"]["only_this_right"], found[1]["against_best"]["only_best_right"]) == (
        0,
        wrong,
    )


def test_pairs_go_by_path_not_by_row() -> None:
    """The same answers in another order of rows pair to the same test: both mistake the first two."""
    best, other = candidate("best", 2), candidate("other", 9)
    turned = dataclasses.replace(other, test=other.test.take(np.arange(60)[::-1]))
    assert ranked(best, turned) == ranked(best, other)
    paired = ranked(best, turned)[1]["against_best"]
    assert (paired["only_this_right"], paired["only_best_right"]) == (0, 7)


def _other_digest(one: Candidate) -> Candidate:
    return dataclasses.replace(one, metrics={**one.metrics, "dataset_digest": "e" * 64})


def _fewer_rows(one: Candidate) -> Candidate:
    return dataclasses.replace(one, test=one.test.take(np.arange(59)))


def _other_content(one: Candidate) -> Candidate:
    changed = dataclasses.replace(one.test, ids=("0" * 64, *one.test.ids[1:]))
    return dataclasses.replace(one, test=changed)


def _other_label(one: Candidate) -> Candidate:
    labels = one.test.labels.copy()
    labels[0] = (labels[0] + 1) % 3
    return dataclasses.replace(one, test=dataclasses.replace(one.test, labels=labels))


@pytest.mark.parametrize("change", [_other_digest, _fewer_rows, _other_content, _other_label])
def test_unpaired_refused(change) -> None:
    """Figures of different images are not ranked against each other."""
    with pytest.raises(
        FrostlineError, match=r"different versions of dataset pets; run `dvc repro evaluate@a"
    ):
        compare([candidate("a", 1), change(candidate("b", 2))])


def test_same_classes_in_another_order_still_pair() -> None:
    """Labels are compared by class name, not by number."""
    other = candidate("b", 2)
    turned = dataclasses.replace(
        other.test,
        classes=CLASSES[::-1],
        labels=2 - other.test.labels,
        probs=other.test.probs[:, ::-1].copy(),
    )
    assert ranked(candidate("a", 1), dataclasses.replace(other, test=turned)) == ranked(
        candidate("a", 1), other
    )


MORE = [row % 3 for row in range(120)]


def side(name: str, wrong: int, *, first: int = 0) -> Side:
    """A classifier that mistakes `wrong` of 120 images, from the `first` on."""
    return Side(
        name, rows(MORE, [(label + (first <= row < first + wrong)) % 3 for row, label in enumerate(MORE)])
    )


def test_better() -> None:
    """15 and no mistakes: 15 discordant images, p = 2 / 2^15, and both accuracies with intervals."""
    said = pairwise([(side("old", 15), side("new", 0))]).splitlines()
    assert said[0] == "120 test images, the same for both"
    assert said[2].startswith("old  87.5% (80.4% to 92.3%)  loss ")
    assert said[5] == "new is significantly better than old (McNemar p<0.001)"
    assert said[6].startswith("accuracy: -12.5 points (95%: ")
    assert said[6].endswith("only old correct: 0, only new correct: 15")
    assert said[8].startswith("detectable at n=120 with 80% power: a difference of 9.0 points")


def test_not_significantly_different() -> None:
    """One mistake more is no difference at n=120, whoever comes first."""
    pair = side("a", 3), side("b", 4, first=50)
    for order in (pair, pair[::-1]):
        names = " and ".join(each.name for each in order)
        assert f"{names} are not significantly different at n=120 (McNemar p=1.00)" in pairwise([order])


def test_only_common_images_count() -> None:
    """Versions with other images, in another order and under other names: paired by content."""
    first, second = side("a", 0), side("b", 100)
    other = second.test.take(np.arange(60, 130 - 10)[::-1])
    other = dataclasses.replace(other, paths=tuple(f"moved/{path}" for path in other.paths))
    said = pairwise([(first, Side("b", other))])
    assert said.startswith("60 test images that both have (of 120 and 60)")
    assert "only a correct: 40, only b correct: 0" in said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"classes": ("cat", "dog", "elk")}, "a and b have different classes"),
        ({"ids": ("f" * 64,) * 120}, "a and b have no test image in common"),
        ({"labels": np.zeros(120, np.int64)}, "a and b were tested on different labels"),
    ],
)
def test_what_cannot_be_paired(change: dict[str, object], message: str) -> None:
    """One line says why."""
    other = dataclasses.replace(side("b", 3).test, **change)
    with pytest.raises(FrostlineError, match=message):
        pairwise([(side("a", 2), Side("b", other))])


def test_seeds() -> None:
    """Three trainings of each: a line per training, the difference over images and trainings."""
    pairs = [(side("a", wrong), side("b", wrong + 20, first=30)) for wrong in (3, 4, 5)]
    said = pairwise(pairs).splitlines()
    assert said[0] == "3 trainings of each, 120 test images, the same for all"
    assert said[2] == "training 1: a 97.5%, b 80.8%"
    assert said[6] == "a is significantly better than b"
    assert said[7].startswith("accuracy: +16.7 points (95%: ")


def test_seeds_need_the_same_images() -> None:
    """A seed that drew other test images cannot be averaged with the others."""
    pair = side("a", 3), side("b", 9)
    fewer = [Side(each.name, each.test.take(np.arange(100))) for each in pair]
    with pytest.raises(FrostlineError, match="the test images differ between the revisions; give the splits"):
        pairwise([pair, (fewer[0], fewer[1])])
