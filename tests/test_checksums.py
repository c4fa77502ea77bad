"""Checksums: the same for ever, another for every change."""

import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline.checksums import BLOCK, checksum

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "4f2cfec1c5dc3827cdeb42906713b37c"),
        (b"frostline", "4065a721622322089809e512b2d3d68e"),
        (bytes(range(256)) * 100, "2ef58dcac0318406a62e46687262fc56"),
    ],
)
def test_known_values(content: bytes, expected: str) -> None:
    """What older versions wrote is found whole by later ones."""
    assert checksum(content) == expected


@given(st.sampled_from([1, 8, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 77]), st.data())
def test_one_bit(size: int, data: st.DataObject) -> None:
    """A flipped bit anywhere is another checksum."""
    content = bytearray(RNG.bytes(size))
    before = checksum(content)
    content[data.draw(st.integers(0, size - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert checksum(content) != before


def flipped(content: bytes, *places: int) -> bytes:
    """The same with the highest bit of some bytes flipped."""
    return bytes(each ^ (128 if number in places else 0) for number, each in enumerate(content))


def test_more_than_a_bit() -> None:
    """Zeroed, swapped, moved or missing blocks and words; the highest bit of two words in a row and in a column."""
    content = RNG.bytes(4 * BLOCK)
    changed = [
        content[:BLOCK] + bytes(BLOCK) + content[2 * BLOCK :],
        content[BLOCK : 2 * BLOCK] + content[:BLOCK] + content[2 * BLOCK :],
        content[8:16] + content[:8] + content[16:],
        content[BLOCK:],
        content + bytes(1),
        content[:-1],
        flipped(content, 7, 15),
        flipped(content, 7, 7 + BLOCK),
        flipped(content, 7, 15, 7 + BLOCK),
    ]
    assert len({checksum(each) for each in [content, *changed]}) == len(changed) + 1


def test_of_what_is_mapped(tmp_path: Path) -> None:
    """A mapped file, a view and an array have the checksum of their bytes."""
    content = RNG.bytes(3 * BLOCK + 5)
    (tmp_path / "x").write_bytes(content)
    with (tmp_path / "x").open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    assert checksum(mapped) == checksum(memoryview(content)) == checksum(content)
    assert checksum(np.frombuffer(content, np.uint8)) == checksum(content)
