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

BLOCK = 4096  # bytes that share a sum


def checksum(content: Any) -> str:
    """32 hexadecimal digits of bytes, a memoryview or a mapped file.

    Multilinear hashing (Lemire and Kaser, "Strongly universal string hashing is fast", 2014): the 512 words of a block
    are summed modulo 2**64, each times an odd number of its own, and a SHA-256 is made of all sums. Odd numbers have
    inverses, so that a change within one word always changes its block's sum; what fills many words otherwise stays
    unseen once in some 2**60 times, two flipped bits in one block once in 2,000.
    """
    view = memoryview(content).cast("B")
    whole = len(view) // BLOCK * BLOCK
    words = np.frombuffer(view, "<u8", count=whole // 8).reshape(-1, BLOCK // 8)
    sums = hashlib.sha256(len(view).to_bytes(8, "little"))
    sums.update(np.einsum("ij,j->i", words, _factors()).tobytes())
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
