"""Whether bytes are still those that were written, found out at the speed of memory; no defence against forgers."""

import hashlib
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

BLOCK = 4096  # bytes: a row of 512 words of 64 bits
_ROWS = 128  # summed at once in both directions: half a megabyte, which stays in a processor's cache


def checksum(content: Any) -> str:
    """32 hexadecimal digits of bytes, a memoryview or a mapped file: those of a SHA-256 over sums modulo 2**64.

    The words of each row are summed, each times an odd number of its own (multilinear hashing: Lemire and Kaser,
    "Strongly universal string hashing is fast", 2014), and those of each column. Odd numbers have inverses, so that
    one changed word in a row changes the row's sum, and one in a column the column's: up to three flipped bits are
    always seen, wherever they are, and of other changes all but some of 2**60.
    """
    view = memoryview(content).cast("B")
    whole = len(view) // BLOCK * BLOCK
    words = np.frombuffer(view, "<u8", count=whole // 8).reshape(-1, BLOCK // 8)
    columns = np.zeros(BLOCK // 8, "<u8")
    digest = hashlib.sha256(len(view).to_bytes(8, "little"))
    for start in range(0, len(words), _ROWS):
        some = words[start : start + _ROWS]
        digest.update(np.einsum("ij,j->i", some, _factors()).tobytes())
        columns += some.sum(axis=0, dtype="<u8")
    digest.update(columns.tobytes())
    digest.update(view[whole:])
    return digest.hexdigest()[:32]


@cache
def _factors() -> npt.NDArray[np.uint64]:
    """512 odd numbers, the same for ever: NumPy promises that the stream of a generator does not change."""
    return (np.random.PCG64(0).random_raw(BLOCK // 8) | np.uint64(1)).astype("<u8")
