"""Checksums: the same for ever, another for every change."""

import mmap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from frostline import checksums
from frostline.checksums import BLOCK, checksum
from helpers.remarks import flip, remarks

RNG = np.random.default_rng(3)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "af5570f5a1810b7af78caf4bc70a660f"),
        (b"frostline", "445b1dbc36a06eed8ceb9ae3f044563f"),
        (bytes(range(256)) * 100, "c81bfbb44f34631e0cd59da0c1f56c7c"),
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
    """Zeroed, swapped, moved or missing blocks and words; the same bit in two words or blocks."""
    content = RNG.bytes(4 * BLOCK)
    changed = [
        content[:BLOCK] + bytes(BLOCK) + content[2 * BLOCK :],
        content[BLOCK : 2 * BLOCK] + content[:BLOCK] + content[2 * BLOCK :],
        content[8:16] + content[:8] + content[16:],
        content[BLOCK:],
        content + bytes(1),
        content[:-1],
        flipped(content, 6, 14),
        flipped(content, 7, 7 + BLOCK),
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


@given(st.binary(max_size=99), st.data())
def test_sealed_bytes(content: bytes, data: st.DataObject) -> None:
    """They come back, or nothing does."""
    sealed = bytearray(checksums.sealed(content))
    assert checksums.unsealed(bytes(sealed)) == content
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert checksums.unsealed(bytes(sealed)) is None
    assert checksums.unsealed(checksums.sealed(content)[:-1]) is None


def test_sealed_json(tmp_path: Path) -> None:
    """A value comes back as it was; a damaged, foreign or missing file is none."""
    path, value = tmp_path / "x.json", {"a": [1, 0.1], "b": {"c": "ä"}}
    checksums.write_sealed_json(path, value)
    assert checksums.read_sealed_json(path) == value
    whole = path.read_bytes()
    for place in range(len(whole)):
        flip(path, place, bit=place % 8)
        assert checksums.read_sealed_json(path) in (None, value)  # a space may become a line's end
        path.write_bytes(whole)
    for text in ("", "{}", "[]", '{"a": [1, 0.1]}'):
        path.write_text(text)
        assert checksums.read_sealed_json(path) is None
    assert checksums.read_sealed_json(tmp_path / "missing") is None


def test_kept_files_are_made_once_and_when_damaged(tmp_path: Path) -> None:
    """Missing or damaged they are made, which is said; whole, or of an older version, they are taken as they are."""
    made = []

    def make() -> None:
        made.append(1)
        for name in ("a", "b"):
            (tmp_path / name).write_bytes(name.encode() * 5000)

    def kept() -> tuple[int, int]:
        with remarks() as lines:
            checksums.keep(tmp_path, ["a", "b"], make)
        return len(made), len(lines)

    assert [kept(), kept()] == [(1, 0), (1, 0)]
    flip(tmp_path / "b", 4097)
    assert [kept(), kept()] == [(2, 1), (2, 0)]
    (tmp_path / "a").unlink()
    assert kept() == (3, 0)
    (tmp_path / checksums.SEAL).unlink()
    assert [kept(), checksums.is_whole(tmp_path / "a")] == [(3, 0), True]
    flip(tmp_path / checksums.SEAL, 20)
    assert kept() == (3, 0)
