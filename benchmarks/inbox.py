"""What the memory of the flow `scoring` costs: paths of 55 letters, written down, read and compared once.

    python benchmarks/inbox.py [--images 1000000]

The paths are made up and no file is there, so that listing a folder is not in it. Memory is the kernel's peak of
the process beyond what it had with everything imported: the folder as it is now, and as it was.
"""

import argparse
import random
import resource
import tempfile
import time
from pathlib import Path

from frostline.automation import inbox


def peak() -> float:
    """The process' largest memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    """A line a step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1_000_000)
    images = parser.parse_args().images
    draw, before = random.Random(1), peak()
    now = {
        f"2026/11/{number % 28:02}/camera-{number % 97:03}/{number:012}-{draw.getrandbits(64):016x}.jpg": (
            draw.randrange(5_000, 60_000),
            1_700_000_000_000_000_000 + draw.randrange(10**17),
        )
        for number in range(images)
    }
    with tempfile.TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger.parquet"
        marks = [time.perf_counter()]
        inbox.remember(ledger, now)
        marks.append(time.perf_counter())
        then = inbox.recall(ledger)
        marks.append(time.perf_counter())
        assert inbox.new(now, then) == []
        marks.append(time.perf_counter())
        size = ledger.stat().st_size / images
    steps = zip(("written", "read", "compared"), marks, marks[1:], strict=False)
    print(f"{images:,} paths of {len(next(iter(now)))} letters, {size:.1f} bytes a path in the file")
    print(", ".join(f"{what} in {end - start:.1f} s" for what, start, end in steps))
    print(f"{peak() - before:.0f} MB of memory")


if __name__ == "__main__":
    main()
