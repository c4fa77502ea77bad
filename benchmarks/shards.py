"""What DVC costs with very many photos: a folder of files beside archives of `frostline data add --shards`.

    python benchmarks/shards.py --images 100000

Tiny images (a JPEG of 8x8 pixels with its number behind its end, 350 bytes) in two classes. Each step is a command of
its own in a real project: adding all, `dvc status` and `dvc push` to a folder, then the same with 1% more images, each
with its seconds of the clock and, in brackets, of processors. `TMPDIR` needs 12 KB for each image of the folder.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

STEPS = ("add", "dvc status", "dvc push", "1% more: add", "dvc status", "dvc push")
BIN = Path(sys.executable).parent


def make(folder: Path, start: int, stop: int) -> Path:
    """Images `start` to `stop`, by turns in a folder a class."""
    buffer = BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG")
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True, exist_ok=True)
    for number in range(start, stop):
        path = folder / ("cat" if number % 2 else "dog") / f"{number:07d}.jpg"
        path.write_bytes(buffer.getvalue() + b"%d" % number)
    return folder


def ran(root: Path, *command: str) -> tuple[float, float]:
    """Seconds of the clock and of processors that a command takes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{command}: {done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, used


def costs(root: Path, images: Path, more: Path, *options: str) -> list[tuple[float, float]]:
    """What STEPS take in a project."""
    first = ("frostline", "data", "add", str(images), "--name", "many", *options)
    again = ("frostline", "data", "add", str(more), "--name", "many", *options)
    found = [
        ran(root, *first),
        ran(root, "dvc", "status", "-q", "data.dvc"),
        ran(root, "dvc", "push", "-q", "data.dvc"),
    ]
    if options:
        found.append(ran(root, *again))
    else:  # a folder takes its new files by hand
        for path in more.glob("*/*.jpg"):
            path.rename(root / "data/many" / path.relative_to(more))
        found.append(ran(root, "dvc", "add", "-q", "data"))
    return [*found, ran(root, "dvc", "status", "-q", "data.dvc"), ran(root, "dvc", "push", "-q", "data.dvc")]


def project(root: Path) -> Path:
    """A project of a few images with a remote beside it."""
    place = root.parent
    ran(
        place,
        "frostline",
        "init",
        root.name,
        "--data",
        str(make(place / f"{root.name}-few", 0, 40)),
        "--weights",
        "none",
    )
    ran(root, "dvc", "remote", "add", "-q", "-f", "-d", "box", str(place / f"{root.name}-remote"))
    return root


def main() -> None:
    """A table for each number of images."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, nargs="+", default=[100_000])
    parser.add_argument("--only", choices=("folder", "shards"))
    asked = parser.parse_args()
    for count in asked.images:
        print(f"| {count:,} images | {' | '.join(f'`{s}`' if s.startswith('dvc') else s for s in STEPS)} |")
        print(f"|:--|{'--:|' * len(STEPS)}")
        for name, options in (("folder", ()), ("shards", ("--shards",))):
            if asked.only in (None, name):
                with tempfile.TemporaryDirectory() as folder:
                    place = Path(folder)
                    images, more = (
                        make(place / "many", 40, 40 + count),
                        make(place / "more", 40 + count, 40 + count * 101 // 100),
                    )
                    took = costs(project(place / name), images, more, *options)
                print(
                    f"| {name} | " + " | ".join(f"{wall:.1f} ({cpu:.1f})" for wall, cpu in took) + " |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
