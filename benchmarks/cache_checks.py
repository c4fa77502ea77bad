"""What it costs to find damage in the cache before rows are used: one check of all files beside reading all rows.

    python benchmarks/cache_checks.py --megabytes 512

Random rows of three sizes are stored, then read in batches of 64 in a random order, as an epoch does. Checks and
readings take turns, on files that the system has in memory and (`cold`) on those that it had to forget: there a
reading with and without the check before it. The best of `--rounds`.
"""

import argparse
import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from frostline.checksums import checksum
from frostline.files import sha256
from frostline.store import Store

KINDS: dict[str, tuple[tuple[int, ...], str]] = {
    "vectors of 1280, float32": ((1280,), "float32"),
    "maps of 7x7x512, bfloat16": ((7, 7, 512), "bfloat16"),
    "pixels of 224x224x3": ((224, 224, 3), "uint8"),
}
SUMS: dict[str, Callable[[Any], Any]] = {"ours": checksum, "CRC-32": zlib.crc32, "SHA-256": hashlib.sha256}


def filled(store: Store, megabytes: int) -> list[str]:
    """Store random rows; their ids."""
    size = int(np.prod(store.shape)) * (2 if store.dtype == "bfloat16" else np.dtype(store.dtype).itemsize)
    ids = [sha256(str(number).encode()) for number in range(megabytes * 10**6 // size)]
    rng = np.random.default_rng(1)
    with store.appending() as append:
        for start in range(0, len(ids), 32):
            some = ids[start : start + 32]
            content = rng.integers(0, 256, (len(some), size), np.uint8)
            kind = "uint16" if store.dtype == "bfloat16" else store.dtype
            append(some, content.view(kind).reshape(len(some), *store.shape))
    return ids


def epoch(store: Store, ids: list[str]) -> None:
    """Every row once, in a random order."""
    rows, order = store.rows(ids), np.random.default_rng(2).permutation(len(ids))
    for start in range(0, len(order), 64):
        rows[order[start : start + 64]]


def checked(store: Store, total: Callable[[Any], Any]) -> None:
    """A sum over every file, as it is checked: mapped, read, given back."""
    for file in store._shards.files:
        total(file.memory)
        file.give_back()


def evict(store: Store) -> None:
    """Let the system forget the files, so that the disk has to be read."""
    for file in store._shards.files:
        file.give_back()
        with file.path.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def seconds(work: Callable[[], None]) -> float:
    """How long it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(store: Store, ids: list[str], rounds: int) -> dict[str, float]:
    """Seconds of each thing at its best, taking turns: what else runs on a machine only ever takes from it."""
    taken: dict[str, list[float]] = {}
    work = {"reading": partial(epoch, store, ids)}
    work |= {name: partial(checked, store, total) for name, total in SUMS.items()}
    for _ in range(rounds):
        for name, each in work.items():
            taken.setdefault(name, []).append(seconds(each))
        for name in ("reading", "ours"):
            evict(store)
            first = seconds(work["ours"]) if name == "ours" else 0
            taken.setdefault(f"{name}, cold", []).append(first + seconds(work["reading"]))
    return {name: min(each) for name, each in taken.items()}


def main() -> None:
    """Print a line for each kind of rows."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--megabytes", type=int, default=512)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--folder", type=Path, help="Where the files are put: on the disk that is asked about."
    )
    given = options.parse_args()
    for kind, (shape, dtype) in KINDS.items():
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            ids = filled(Store(Path(folder), shape=shape, dtype=dtype), given.megabytes)
            store = Store(Path(folder), shape=shape, dtype=dtype)
            store.rows(ids)
            best = measured(store, ids, given.rounds)
        rates = ", ".join(f"{name} {given.megabytes / 1e3 / each:.2f}" for name, each in best.items())
        share = best["ours"] / best["reading"]
        print(
            f"{kind}: GB/s: {rates}; a check is {share:.1%} of one epoch's reading, {share / 20:.2%} of twenty"
        )


if __name__ == "__main__":
    main()
