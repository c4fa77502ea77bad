"""The proof of an export: which images it takes, and how much of 16-bit training it lets pass."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from frostline.errors import FrostlineError
from frostline.training import export_proof

INPUTS: Any = SimpleNamespace(name="pets", entry=SimpleNamespace(precision="bfloat16"))


@pytest.mark.parametrize(("count", "taken"), [(1, 1), (5, 5), (64, 64), (1000, export_proof.PROOF_IMAGES)])
def test_images_of_all_splits(count: int, taken: int) -> None:
    """From the first to the last, each once, and no more than are there."""
    predicted: Any = range(count)
    chosen = export_proof._chosen(predicted)
    assert (len(chosen), chosen[0], chosen[-1]) == (taken, 0, count - 1)
    assert (np.diff(chosen) > 0).all()


def test_a_few_near_ties_may_answer_otherwise() -> None:
    """One of twenty images, not two; the difference is the largest of any probability."""
    exact = np.tile(np.array([[0.51, 0.49]], np.float32), (20, 1))
    trained = exact.copy()
    trained[0] = (0.49, 0.51)
    found = export_proof._rounded(INPUTS, exact, trained)
    assert found == {
        "trained": "bfloat16", "other_answers": 1, "probability_difference": pytest.approx(0.02, abs=1e-6),
    }  # fmt: skip
    trained[1] = (0.49, 0.51)
    with pytest.raises(FrostlineError, match=r"2 of 20 images .*classifiers\.pets\.precision"):
        export_proof._rounded(INPUTS, exact, trained)


def test_rows_of_all_splits_are_read_as_they_are_asked_for() -> None:
    """Slices across splits, one of which is empty, are those of the rows beside each other; no more is read."""
    read: list[int] = []

    class Noted(list[int]):
        def __getitem__(self, chosen: Any) -> Any:
            rows = np.array(list(self), np.float32)[chosen]
            read.append(len(rows))
            return rows

    every = np.arange(12, dtype=np.float32)
    joined = export_proof._Joined([Noted(range(5)), Noted(), Noted(range(5, 12))])
    assert len(joined) == 12
    for start, stop in ((0, 3), (3, 8), (4, 5), (5, 12), (10, 40)):
        read.clear()
        np.testing.assert_array_equal(joined[start:stop], every[start:stop])
        assert sum(read) == len(every[start:stop])
