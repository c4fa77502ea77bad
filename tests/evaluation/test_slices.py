"""Weak parts of a test split: found where they are, and seldom where they are not."""

import sys

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact

from frostline.evaluation.slices import LEAST, MOST, slices, thirds


def test_a_weak_part_is_found_and_the_rest_is_not() -> None:
    """One of four classes is right half as often."""
    names = [name for name in "abcd" for _ in range(50)]
    right = np.array([index % 2 == 0 if name == "c" else index % 10 > 0 for index, name in enumerate(names)])
    found = slices(right, {"class": names})
    assert [(each.name, each.images) for each in found] == [(name, 50) for name in "abcd"]
    assert [each.name for each in found if each.weak] == ["c"]
    assert found[2].accuracy.value == 0.5
    table = [[25, 25], [135, 15]]
    assert found[2].p == pytest.approx(4 * fisher_exact(table, alternative="less").pvalue)


def test_p_values_are_those_of_scipy_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """scipy.stats, half a second to import, has both tests; parts without a right answer or without a wrong one too."""
    rng, names = np.random.default_rng(3), [name for name in "abcdef" for _ in range(40)]
    right = rng.random(240) < np.repeat([0.0, 0.5, 0.6, 0.6, 0.9, 1.0], 40)
    parts = [np.array(names) == name for name in "abcdef"]
    tables = [[[(right & p).sum(), (~right & p).sum()] for p in (here, ~here)] for here in parts]
    wanted = false_discovery_control(
        [fisher_exact(table, alternative="less").pvalue for table in tables], method="bh"
    )
    for module in ("scipy.special", "scipy.stats"):
        monkeypatch.setitem(sys.modules, module, None)
    assert [part.p for part in slices(right, {"class": names})] == pytest.approx(wanted, rel=1e-9)


def test_better_than_the_rest_is_not_weak() -> None:
    """The test has one side."""
    names = ["easy"] * 100 + ["plain"] * 100
    right = np.array([True] * 100 + [True, False] * 50)
    assert {each.name: each.weak for each in slices(right, {"class": names})} == {
        "easy": False,
        "plain": True,
    }


def test_false_alarms_are_rare() -> None:
    """Of 200 test sets without any weak part, at most about 5% name one, whatever the number of parts."""
    rng, alarms = np.random.default_rng(2), 0
    for _ in range(200):
        kinds = {
            kind: [str(each) for each in rng.integers(8, size=400)] for kind in ("class", "folder", "size")
        }
        alarms += any(each.weak for each in slices(rng.random(400) < 0.9, kinds))
    assert alarms <= 20


def test_small_parts_repeated_kinds_and_kinds_of_one_part_are_left_out() -> None:
    """Folders that are just the classes say nothing new; nor does one size for all."""
    names = ["a"] * 20 + ["b"] * 20 + ["rare"] * (LEAST - 1)
    kinds = {"class": names, "folder": [f"test/{name}" for name in names], "size": ["small"] * len(names)}
    found = slices(np.ones(len(names), bool), kinds)
    assert [(each.kind, each.name) for each in found] == [("class", "a"), ("class", "b")]
    many = [str(number) for number in range(MOST + 5) for _ in range(LEAST)]
    assert len(slices(np.ones(len(many), bool), {"class": many})) == MOST


def test_thirds() -> None:
    """About a third each; equal values are in the same slice."""
    names = ("dark", "medium", "bright")
    found = thirds(np.arange(300.0), names=names)
    assert [found.count(name) for name in names] == pytest.approx([100, 100, 100], abs=1)
    assert found == sorted(found, key=names.index)
    assert set(thirds(np.full(9, 3.0), names=names)) == {"dark"}
    assert thirds(np.array([5.0, 5, 5, 5, 9]), names=names) == ["dark"] * 4 + ["bright"]
