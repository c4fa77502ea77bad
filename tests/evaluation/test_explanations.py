"""What a report shows of a network: written and read to the same, always in the same bytes."""

import re
from pathlib import Path

import numpy as np
import pytest

from frostline.errors import FrostlineError
from frostline.evaluation import explanations
from helpers.images import pixels

SEEN = explanations.Explanations(
    layer="block5_pool",
    paths=("cat/ä.png", "dog/b.png"),
    heat=np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4),
    views=np.stack([pixels(number, height=5, width=6) for number in range(3)]),
)
EMPTY = explanations.Explanations("", (), np.zeros((0, 1, 1), np.uint8), np.zeros((0, 5, 6, 3), np.uint8))


@pytest.mark.parametrize("given", [SEEN, EMPTY])
def test_read_what_was_written(given: explanations.Explanations, tmp_path: Path) -> None:
    """Every field comes back; the same content is the same bytes."""
    first, second = tmp_path / "1.npz", tmp_path / "2.npz"
    explanations.write(given, first)
    explanations.write(given, second)
    assert first.read_bytes() == second.read_bytes()
    found = explanations.read(first, made_by="")
    assert (found.layer, found.paths) == (given.layer, given.paths)
    np.testing.assert_array_equal(found.heat, given.heat)
    np.testing.assert_array_equal(found.views, given.views)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "explanations.npz is missing; run `X`"),
        (b"", "damaged; run `X` again"),
        (b"PK half", "damaged; run `X` again"),
    ],
)
def test_trouble_names_the_stage(content: bytes | None, said: str, tmp_path: Path) -> None:
    """A missing or damaged file is one line."""
    path = tmp_path / "explanations.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FrostlineError, match=re.escape(said)):
        explanations.read(path, made_by="X")


def test_cut_short(tmp_path: Path) -> None:
    """A file cut short anywhere is said to be damaged."""
    path = tmp_path / "explanations.npz"
    explanations.write(SEEN, path)
    whole = path.read_bytes()
    for length in range(1, len(whole) - 1, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(FrostlineError, match="damaged"):
            explanations.read(path, made_by="X")
