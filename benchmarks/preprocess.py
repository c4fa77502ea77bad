"""What `frostline preprocess` costs as datasets grow: memory, new images, near duplicates, decoding, archives.

    python benchmarks/preprocess.py memory ~/photos/cats_dogs [--images 1000 10000 100000]
    python benchmarks/preprocess.py grown ~/photos/cats_dogs [--images 20000]
    python benchmarks/preprocess.py alike ~/photos/cats_dogs [--images 10000 20000 40000 80000]
    python benchmarks/preprocess.py decoding ~/photos/cats_dogs [--images 50000] [--whole]
    python benchmarks/preprocess.py archive ~/photos/cats_dogs [--images 100000]

The images are windows of 80x72 pixels of the photos at 480x360, no two overlapping (`--whole`: the photos as they
are), each with its number behind its end, so that no two are equal. Every command is a process of its own, timed
from start to end; its cache is empty unless a line says otherwise. Memory is the peak of the process that writes
(VmHWM), and of that its own, not mapped from files (RssAnon, sampled). `TMPDIR` needs 3 GB for 100,000 images.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from multiprocessing import get_context
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from PIL import Image

from frostline.datasets import near_duplicates, scan
from frostline.datasets.source import open_source
from frostline.images import overview

REPOSITORY = Path(__file__).parents[1]
ACROSS, DOWN, WIDTH, HEIGHT = 6, 5, 80, 72
MODES = {
    "memory": [1000, 10_000, 100_000],
    "grown": [20_000],
    "alike": [10_000, 20_000, 40_000, 80_000],
    "decoding": [50_000],
    "archive": [100_000],
}


def windows(photo: Path, places: list[int], *, times: int = 1) -> Iterator[bytes]:
    """Some of a photo's 30 windows, so many times as wide and as high, as JPEG."""
    with Image.open(photo) as opened:
        image = opened.convert("RGB").resize((ACROSS * WIDTH, DOWN * HEIGHT), Image.Resampling.BILINEAR)
    for place in places:
        left, top, buffer = place % ACROSS * WIDTH, place // ACROSS * HEIGHT, BytesIO()
        window = image.crop((left, top, left + WIDTH, top + HEIGHT))
        enlarged = window.resize((times * WIDTH, times * HEIGHT), Image.Resampling.BICUBIC)
        enlarged.save(buffer, "JPEG", quality=88)
        yield buffer.getvalue()


def make(  # noqa: PLR0913  # what differs between benchmarks
    folder: Path, photos: list[Path], start: int, stop: int, *, whole: bool = False, times: int = 1
) -> None:
    """Images `start` to `stop` in a folder a class: first one of every photo, then the next of each."""
    for first, photo in enumerate(photos):
        numbers = range(start + (first - start) % len(photos), stop, len(photos))
        places = [number // len(photos) for number in numbers]
        contents = (photo.read_bytes() for _ in places) if whole else windows(photo, places, times=times)
        (folder / photo.parent.name).mkdir(parents=True, exist_ok=True)
        for number, content in zip(numbers, contents, strict=True):
            (folder / photo.parent.name / f"{number:07d}.jpg").write_bytes(content + b"%d" % number)


def project(root: Path, *, path: str = "data/photos", audit: bool = True) -> Path:
    """A project with one dataset, held to what the sample is."""
    settings = yaml.safe_load((REPOSITORY / "params.yaml").read_text(encoding="utf-8"))
    dataset = settings["datasets"]["digits"] | {"path": path} | ({} if audit else {"audit": None})
    classifier = settings["classifiers"]["digits-cnn"] | {"dataset": "photos"}
    settings |= {"datasets": {"photos": dataset}, "classifiers": {"cnn": classifier}}
    (root / "data").mkdir(parents=True, exist_ok=True)
    (root / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    (root / "requirements").symlink_to(REPOSITORY / "requirements")
    (root / "dvc.yaml").write_text("stages: {}\n", encoding="utf-8")
    return root


def ran(root: Path, *command: str, cache: str = "cache") -> tuple[float, int, int]:
    """Seconds, peak MB and own MB of a command of this environment."""
    variables = {"FROSTLINE_CACHE": cache, "DVC_SITE_CACHE_DIR": str(root / "site")}
    started, peak, own = time.perf_counter(), 0, 0
    full = [str(Path(sys.executable).with_name(command[0])), *command[1:]]
    with subprocess.Popen(full, cwd=root, env=os.environ | variables, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            # Not a child's rusage, which starts with the size of the process that forked it.
            said = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            found = {name: round(int(kb) * 1.024e-3) for name, kb in re.findall(r"(\w+):\s+(\d+) kB", said)}
            peak, own = max(peak, found.get("VmHWM", 0)), max(own, found.get("RssAnon", 0))
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"{command} failed")
    return time.perf_counter() - started, peak, own


def preprocessed(root: Path, *, cache: str) -> tuple[float, int, int]:
    """`frostline preprocess`, with the cache of that name in the project."""
    return ran(root, "frostline", "preprocess", "photos", cache=cache)


def memory(place: Path, photos: list[Path], counts: list[int], *, whole: bool) -> None:
    """Peak memory as a dataset grows, with nothing and with everything in the cache."""
    print("| images | cache | s | peak, MB | own, MB | manifest in memory, MB |\n|--:|:--|--:|--:|--:|--:|")
    root = project(place)
    for start, stop in zip([0, *counts], counts, strict=False):
        make(root / "data/photos", photos, start, stop, whole=whole)
        for state in ("empty", "full"):
            seconds, peak, own = preprocessed(root, cache=f"cache-{stop}")
            size = pq.read_table(root / "artifacts/datasets/photos/manifest.parquet").nbytes / 1e6
            print(f"| {stop:,} | {state} | {seconds:.1f} | {peak} | {own} | {size:.1f} |", flush=True)


def grown(place: Path, photos: list[Path], counts: list[int], *, whole: bool) -> None:
    """The same command after 1% new images, and with none; each row of the cache is one image decoded once."""
    print("| images | new | decoded | s | of the first |\n|--:|--:|--:|--:|--:|")
    root, last, known, first = project(place), 0, 0, 0.0
    for count in (counts[0], counts[0] * 101 // 100, counts[0] * 101 // 100):
        make(root / "data/photos", photos, last, count, whole=whole)
        seconds = preprocessed(root, cache="cache")[0]
        shards = [pa.memory_map(str(shard)) for shard in root.glob("cache/looks/*/*.arrow")]
        rows, first = sum(pa.ipc.open_file(shard).read_all().num_rows for shard in shards), first or seconds
        print(f"| {count:,} | {count - last:,} | {rows - known:,} | {seconds:.1f} | {seconds / first:.1%} |")
        last, known = count, rows


def alike(place: Path, photos: list[Path], counts: list[int], *, whole: bool) -> None:
    """The search for near duplicates among the first images of a folder, and what a square would be."""
    make(place / "photos", photos, 0, counts[-1], whole=whole)
    os.environ["FROSTLINE_CACHE"] = str(place / "cache")
    with open_source(place / "photos") as source:
        names = source.names()
        scans = scan.scan(source, names, measure=True)
    print("| images | pairs found | s | of the first | of the first, squared |\n|--:|--:|--:|--:|--:|")
    first = 0.0
    for count in counts:
        rows = [row for row, name in enumerate(names) if int(Path(name).stem) < count]
        started = time.perf_counter()
        found = len(near_duplicates.pairs(scans, rows))
        seconds = time.perf_counter() - started
        first = first or seconds
        square = (count / counts[0]) ** 2
        print(f"| {count:,} | {found:,} | {seconds:.1f} | {seconds / first:.1f} | {square:.0f} |", flush=True)


def decoding(place: Path, photos: list[Path], counts: list[int], *, whole: bool) -> None:
    """Without an audit, beside processes that read and decode the same files and nothing else: the better of two."""
    root = project(place, audit=False)
    make(root / "data/photos", photos, 0, counts[0], whole=whole)
    both: list[list[float]] = [[], []]
    for turn in range(2):
        both[0].append(ran(root, "python", __file__, "only", "data/photos")[0])
        both[1].append(preprocessed(root, cache=f"cache-{turn}")[0])
    bound, ours = map(min, both)
    print(f"| {counts[0]:,} images | s | images/s | share |\n|:--|--:|--:|--:|")
    print(f"| read and decoded only | {bound:.1f} | {counts[0] / bound:.0f} | 100% |")
    print(f"| `preprocess`, `audit: null` | {ours:.1f} | {counts[0] / ours:.0f} | {bound / ours:.0%} |")


def only(folder: Path) -> None:
    """Read and decode every image of a folder, in as many processes as there are cores."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=get_context("spawn")) as pool:
        assert all(pool.map(_pixels, sorted(folder.rglob("*.jpg")), chunksize=32))


def _pixels(path: Path) -> int:
    with warnings.catch_warnings(action="ignore"):
        return overview(path.read_bytes()).height


def archive(place: Path, photos: list[Path], counts: list[int], *, whole: bool) -> None:
    """A folder beside a zip of it, unaudited: `preprocess` and DVC, then DVC after 1% new images."""
    print(f"| {counts[0]:,} images | `preprocess` | `dvc add` | `dvc status` | 1% new: `dvc add` | MB more |")
    print("|:--|--:|--:|--:|--:|--:|")
    paths = {place / name: f"data/{name}" for name in ("photos", "photos.zip")}
    folder, packed = (project(root, path=path, audit=False) / path for root, path in paths.items())
    costs: dict[Path, list[float]] = {root: [] for root in paths}
    for start, stop in ((0, counts[0]), (counts[0], counts[0] * 101 // 100)):
        make(folder, photos, start, stop, whole=whole)
        with zipfile.ZipFile(packed, "w") as file:  # stored: JPEGs do not get smaller
            for path in sorted(folder.rglob("*.jpg")):
                file.write(path, path.relative_to(folder))
        for root, path in paths.items():
            if not start:
                costs[root].append(preprocessed(root, cache="cache")[0])
                ran(root, "dvc", "init", "-q", "--no-scm")
            held = _size(root / ".dvc/cache")
            costs[root].append(ran(root, "dvc", "add", "-q", path)[0])
            if not start:
                costs[root].append(ran(root, "dvc", "status", "-q")[0])
            else:
                costs[root].append((_size(root / ".dvc/cache") - held) / 1e6)
    for root, took in costs.items():
        print(f"| {root.name} | " + " | ".join(f"{cost:.1f}" for cost in took) + " |")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """One question a run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=[*MODES, "only"])
    parser.add_argument("photos", type=Path, help="folder of JPEG photos")
    parser.add_argument("--images", type=int, nargs="+")
    parser.add_argument("--whole", action="store_true")
    asked = parser.parse_args()
    if asked.mode == "only":
        only(asked.photos)
        return
    photos, counts = sorted(asked.photos.rglob("*.jpg")), asked.images or MODES[asked.mode]
    random.Random(1).shuffle(photos)
    with tempfile.TemporaryDirectory() as name:
        globals()[asked.mode](Path(name), photos, counts, whole=asked.whole)


if __name__ == "__main__":
    main()
