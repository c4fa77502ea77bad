"""Whether bytes are still those that were written, found out at the speed of memory; no defence against forgers.

What only this package reads carries its checksum itself (`sealed`); what others read as it is has one in a file
beside it (`keep`).
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.files import canonical_json, digest, printable, write_text
from frostline.progress import note

SEAL = "checksums.json"  # in a folder: the checksums of its files

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
    sums = hashlib.sha256(len(view).to_bytes(8, "little"))
    for start in range(0, len(words), _ROWS):
        some = words[start : start + _ROWS]
        sums.update(np.einsum("ij,j->i", some, _factors()).tobytes())
        columns += some.sum(axis=0, dtype="<u8")
    sums.update(columns.tobytes())
    sums.update(view[whole:])
    return sums.hexdigest()[:32]


@cache
def _factors() -> npt.NDArray[np.uint64]:
    """512 odd numbers, the same for ever: NumPy promises that the stream of a generator does not change."""
    return (np.random.PCG64(0).random_raw(BLOCK // 8) | np.uint64(1)).astype("<u8")


def sealed(content: bytes) -> bytes:
    """Bytes behind their SHA-256, as `unsealed` takes them."""
    return hashlib.sha256(content).digest() + content


def unsealed(content: bytes) -> bytes | None:
    """What was sealed; None where it is damaged."""
    return content[32:] if hashlib.sha256(content[32:]).digest() == content[:32] else None


def write_sealed_json(path: Path, value: Any) -> None:
    """Write a value of JSON with its digest, whole or not at all."""
    write_text(path, canonical_json({"digest": digest(value), "value": value}))


def read_sealed_json(path: Path) -> Any | None:
    """A value as it was written; None where there is none, or it is damaged or was written without a digest."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        return read["value"] if read["digest"] == digest(read["value"]) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def keep(folder: Path, names: Sequence[str], make: Callable[[], None]) -> None:
    """Let files be in a folder, whole: `make` writes them where one is missing or not as it was made.

    What an older version left without checksums is taken as it is.
    """
    states = {name: is_whole(folder / name) for name in names}
    if False in states.values():
        note(f"damaged in the cache: {printable(folder)}; what was in it is made anew")
    if False in states.values() or not all((folder / name).is_file() for name in names):
        make()
    elif None not in states.values():
        return
    if there := {name: checksum((folder / name).read_bytes()) for name in names if (folder / name).is_file()}:
        write_sealed_json(folder / SEAL, there)


def is_whole(path: Path) -> bool | None:
    """Whether a file is as it was made, by the checksums in its folder; None where there are none, or no file."""
    known = read_sealed_json(path.with_name(SEAL))
    if not isinstance(known, Mapping) or path.name not in known or not path.is_file():
        return None
    return bool(checksum(path.read_bytes()) == known[path.name])
