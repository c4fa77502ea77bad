"""What the search for copies finds among real photos, with copies planted in a copy of them.

    python benchmarks/near_duplicates.py --data ~/photos/cats_dogs ~/photos/intel

Of each folder 50 photos are drawn (seed 2026) for each kind: byte for byte, re-encoded at quality 50
to 85, resized to 50 to 150 percent, a random window of 95 percent of each side. Seed and thresholds
(`RADIUS`, `SAME` in the audit) were fixed before. A pair found counts as right if it is planted or
joins two plants of one photo; pairs that the photos hold by themselves are found first, and listed.
"""

import argparse
import io
import itertools
import os
import random
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from frostline.datasets import near_duplicates, scan
from frostline.datasets.source import open_source

SEED, EACH = 2026, 50


def saved(image: Image.Image, quality: int) -> bytes:
    """As JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def resized(image: Image.Image, rng: random.Random) -> bytes:
    """To 50 to 150 percent, by a better filter than ours."""
    scale = rng.uniform(0.5, 1.5)
    size = (round(image.width * scale), round(image.height * scale))
    return saved(image.resize(size, Image.Resampling.LANCZOS), 90)


def cropped(image: Image.Image, rng: random.Random) -> bytes:
    """A window of 95 percent of each side, anywhere."""
    width, height = int(image.width * 0.95), int(image.height * 0.95)
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return saved(image.crop((left, top, left + width, top + height)), 90)


PLANTS: dict[str, Callable[[Image.Image, random.Random], bytes]] = {
    "re-encoded": lambda image, rng: saved(image, rng.randint(50, 85)),
    "resized": resized,
    "cropped": cropped,
}


def planted(folder: Path) -> dict[str, tuple[str, str]]:
    """Add the copies; name of a plant → (kind, name of its original)."""
    rng = random.Random(SEED)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    plants = {}
    for kind in ("exact", *PLANTS):
        for number, name in enumerate(rng.sample(names, EACH)):
            new = f"{Path(name).parent}/zz-{kind}-{number}.jpg"
            content = (folder / name).read_bytes()
            if kind != "exact":
                with Image.open(io.BytesIO(content)) as image:
                    content = PLANTS[kind](image.convert("RGB"), rng)
            (folder / new).write_bytes(content)
            plants[new] = (kind, name)
    return plants


def found(folder: Path) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """Pairs of names: byte for byte, and near, each of those once for all exact copies."""
    with open_source(folder) as source:
        names = source.names()
        scans = scan.scan(source, names, measure=True)
    same = defaultdict(list)
    for row, digest in enumerate(scans.sha256):
        same[digest].append(row)
    exact = {(names[a], names[b]) for group in same.values() for a, b in itertools.combinations(group, 2)}
    firsts = sorted(group[0] for group in same.values())
    return exact, {(names[a], names[b]) for a, b, _ in near_duplicates.pairs(scans, firsts)}


def measured(data: Path, folder: Path) -> None:
    """Print what one folder of photos gives."""
    shutil.copytree(data, folder, copy_function=shutil.copyfile)
    own_exact, own_near = found(folder)
    print(f"\n{data.name}: of its own, {len(own_exact)} exact and {len(own_near)} near pairs")
    for one, other in sorted(own_exact | own_near):
        print(f"  {one}  {other}")
    plants = planted(folder)
    exact, near_pairs = found(folder)
    origin = {new: old for new, (_, old) in plants.items()}
    kin = {tuple(sorted(pair)) for pair in own_exact | own_near}
    right = {
        pair
        for pair in near_pairs
        if origin.get(pair[0], pair[0]) == origin.get(pair[1], pair[1])
        or tuple(sorted(origin.get(name, name) for name in pair)) in kin
    }
    print(f"| {data.name} | planted | recall |\n|:--|--:|--:|")
    for kind in ("exact", *PLANTS):
        pairs = exact if kind == "exact" else near_pairs
        hits = sum(_hit(new, old, pairs, exact) for new, (how, old) in plants.items() if how == kind)
        print(f"| {kind} | {EACH} | {100 * hits / EACH:.0f}% |")
    print(
        f"precision of near pairs: {len(right)} of {len(near_pairs)} ({100 * len(right) / len(near_pairs):.1f}%)"
    )
    for wrong in sorted(near_pairs - right):
        print(f"  wrong: {wrong[0]}  {wrong[1]}")


def _hit(new: str, old: str, pairs: set[tuple[str, str]], exact: set[tuple[str, str]]) -> bool:
    """Whether a plant was found beside its original, or beside the exact copy that stands for it."""
    olds = {old, *(name for pair in exact if old in pair for name in pair)}
    news = {new, *(name for pair in exact if new in pair for name in pair)}
    return any((a in olds and b in news) or (b in olds and a in news) for a, b in pairs)


def main() -> None:
    """Each folder in a copy of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of JPEG photos")
    folders = parser.parse_args().data
    with tempfile.TemporaryDirectory() as place:
        os.environ["FROSTLINE_CACHE"] = f"{place}/cache"
        for data in folders:
            measured(data.resolve(), Path(place) / data.name)


if __name__ == "__main__":
    main()
