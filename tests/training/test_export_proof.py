"""The proof of an export: which images it takes, and how much of 16-bit training it lets pass."""

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from frostline.errors import FrostlineError
from frostline.runtime import parts
from frostline.training import export_proof


class _Rows:
    """Predictions of images of which only the content counts."""

    def __init__(self, ids: list[str]) -> None:
        self.ids = ids

    def __len__(self) -> int:
        return len(self.ids)


INPUTS: Any = SimpleNamespace(name="pets", entry=SimpleNamespace(precision="bfloat16"))


@pytest.mark.parametrize(("count", "taken"), [(1, 1), (5, 5), (64, 64), (1000, export_proof.PROOF_IMAGES)])
def test_images_of_all_splits(count: int, taken: int) -> None:
    """Each once, no more than are there, from the whole of them; of 1% more, hardly any is among them."""
    ids = [hashlib.sha256(str(row).encode()).hexdigest() for row in range(count)]
    chosen = export_proof._chosen(_Rows(ids))
    assert len(set(chosen)) == taken
    assert count < 1000 or (min(chosen) < 50 and max(chosen) > 949)
    more = [ids[0], *("f" * 64 for _ in range(count // 100)), *ids[1:]]
    again = export_proof._chosen(_Rows(more))
    assert [more[row] for row in again] == [ids[row] for row in chosen]


def test_rows_of_a_trunk_are_kept_by_image(tmp_path: Path) -> None:
    """Of an image that is new nothing is known; a proof that fails keeps nothing."""
    ids = [f"{row:064x}" for row in range(5)]
    images = SimpleNamespace(decode_key={}, cache=tmp_path)
    inputs: Any = SimpleNamespace(entry=SimpleNamespace(precision="float32"), images=lambda _: images)
    last: Any = SimpleNamespace(trunk=SimpleNamespace(output=SimpleNamespace(shape=(None, 3))))

    def unknown(ids: list[str], fill: float) -> dict[str, list[int]]:
        with export_proof._kept_rows(inputs, last, {parts.TRUNK: b"trunk"}, _Rows(ids)) as rows:
            assert rows is not None
            found = {way: np.flatnonzero(np.isnan(kept).any(axis=1)).tolist() for way, kept in rows.items()}
            for way, kept in rows.items():
                kept[found[way][:2] if way == "alone" else found[way]] = fill
            if fill == 0:
                raise FrostlineError("disagrees")
        return found

    with pytest.raises(FrostlineError, match="disagrees"):
        unknown(ids, 0)
    ways = ("batched", "alone", "inside", "apart")
    assert unknown(ids, 1) == {way: [0, 1, 2, 3, 4] for way in ways}
    more = [*ids[1:], "f" * 64]
    assert unknown(more, 2) == {way: [1, 2, 3, 4] if way == "alone" else [4] for way in ways}
    assert unknown(more, 3) == {way: [3, 4] if way == "alone" else [] for way in ways}


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
