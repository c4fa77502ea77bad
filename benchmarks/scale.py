"""What a job of 100,000 images costs beside its work: memory, going on after a kill, the time to the first rows.

    python benchmarks/scale.py PHOTOS [--images 1000 10000 100000]

The images are distinct crops of the photos, 96x96, and the network is a tiny CNN with random weights, so that the
work is mostly reading and decoding. All runs are the command `frostline score` in processes of their own, on files
in the page cache and with Python's bytecode compiled. Memory is the kernel's peak of the process. A job of the
largest folder is killed after half the time of an undisturbed one and goes on with `--resume`; from both runs' time
the starts are taken off. For the first rows, imports, listing and session are told apart by wrapping functions.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace as Run

# Nothing larger is imported here: of a child's memory the kernel counts its parent's until the child runs its program.
SIDE, SIZE, ROUNDS = 96, 64, 3
WORDS = ["--model", "model.onnx", "--out", "scores.parquet", "--device", "cpu", "--batch-size", "32"]
MAKE = "import sys, scale; from pathlib import Path; a, b, c = sys.argv[1:]; scale.make(Path(a), Path(b), int(c))"
FIRST = """
import os, sys, time; from frostline.scoring import journal, plan; from frostline import cli
marks = [time.time()]
def marked(module, name):
    real = getattr(module, name)
    setattr(module, name, lambda *some, **more: (real(*some, **more), marks.append(time.time()))[0])
def first(*_):
    print([*marks, time.time()], file=sys.stderr)
    os._exit(0)
marked(plan, "_some"); marked(plan, "open_session"); journal.Journal.add = first; cli.main()
"""


def make(folder: Path, photos: Path, count: int) -> None:
    """The first `count` crops, a photo's second after all photos' first, and the network."""
    import numpy as np
    from PIL import Image as Picture

    (folder / str(count)).mkdir()
    files = sorted(path for path in photos.rglob("*") if path.suffix == ".jpg")
    for number, path in enumerate(files):
        with Picture.open(path) as picture:
            photo = picture.convert("RGB")
        across, down = photo.width - SIDE + 1, photo.height - SIDE + 1
        wanted = range(number, count, len(files))
        places = np.random.default_rng([1, number]).choice(across * down, len(wanted), replace=False)
        for at, (y, x) in zip(wanted, (divmod(int(place), across) for place in places), strict=True):
            photo.crop((x, y, x + SIDE, y + SIDE)).save(folder / str(count) / f"{at:07}.jpg", quality=85)
    (folder / "model.onnx").write_bytes(network())


def network() -> bytes:
    """Two convolutions and a softmax, exported."""
    import keras
    import tensorflow as tf

    from frostline.runtime import conversion
    from scoring import described

    about = json.loads(described("none", classifier="tiny"))
    about["image"] |= {"height": SIZE, "width": SIZE}
    layers = [keras.layers.Conv2D(filters, 3, strides=2, activation="relu") for filters in (8, 16)]
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, activation="softmax")]
    tiny = keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers])

    def above(pixels: tf.Tensor) -> tf.Tensor:
        return tiny(tf.cast(pixels, tf.float32) / 255, training=False)

    return conversion.convert(None, above, height=SIZE, width=SIZE, metadata=json.dumps(about))


def score(folder: Path, count: int, *more: str, first: bool = False, kill: float | None = None) -> Run:
    """The command on one of the folders: to its end, to its first rows, or killed after some seconds."""
    program = ["-c", FIRST] if first else ["-m", "frostline.cli"]
    command = [sys.executable, *program, "score", str(count), *WORDS, *more]
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    said, began = folder / "said", time.time()
    with said.open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=env, cwd=folder)
    if kill:
        time.sleep(kill)
        process.send_signal(signal.SIGKILL)
    _, status, used = os.wait4(process.pid, 0)
    done = Run(began=began, seconds=time.time() - began, busy=used.ru_utime + used.ru_stime)
    done.said, done.peak = said.read_text(), used.ru_maxrss / 1024
    assert kill or status == 0, done.said
    if not first and not kill:
        spent = json.loads((folder / "scores.parquet.job.json").read_text())["seconds"]
        done.skip, done.work = spent["skip"], spent["score"] + spent["merge"]
    return done


def first_rows(folder: Path, count: int) -> Run:
    """A line of medians, step by step; the seconds, and those of processors, that a start takes."""
    starts = [score(folder, count, first=True) for _ in range(ROUNDS)]
    marks = [[each.began, *json.loads(each.said)] for each in starts]
    steps = [statistics.median(one[at + 1] - one[at] for one in marks) for at in range(4)]
    line(f"{count:,}", *(f"{each:.2f}" for each in [*steps, sum(steps)]))
    return Run(seconds=sum(steps[:3]), busy=statistics.median(each.busy for each in starts))


def resuming(folder: Path, count: int, start: Run) -> None:
    """A line for each round; of both runs together what each spent on its start is taken off."""
    for _ in range(ROUNDS):
        whole = score(folder, count)
        killed = score(folder, count, kill=whole.seconds / 2)
        shards = list((folder / "scores.parquet.parts").glob("*.arrow"))
        rows = sum(int(path.stem.partition("-")[2]) for path in shards)
        lost = killed.began + killed.seconds - max(path.stat().st_mtime for path in shards)
        again = score(folder, count, "--resume")
        both = killed.seconds - start.seconds + again.skip + again.work
        busy = (killed.busy + again.busy - 2 * start.busy) / (whole.busy - start.busy)
        shares = f"{again.skip / whole.work:.2%}", f"{both / whole.work:.1%}", f"{busy:.1%}"
        line(f"{whole.work:.1f}", f"{rows:,}", f"{lost:.2f}", f"{again.skip:.2f}", *shares)


def line(*cells: str, head: bool = False) -> None:
    """One of a table."""
    print("|", " | ".join(cells), "|", flush=True)
    if head:
        line(*["--:"] * len(cells))


def run(photos: Path, images: list[int]) -> None:
    """All three tables."""
    counts = sorted(images)
    with tempfile.TemporaryDirectory() as name:
        folder, most = Path(name), max(counts)
        child = [sys.executable, "-c", MAKE, name, str(photos.absolute()), str(most)]
        subprocess.run(child, check=True, stderr=subprocess.DEVNULL, cwd=Path(__file__).parent)
        for count in counts[:-1]:
            (folder / str(count)).mkdir()
            for at in range(count):
                (folder / str(count) / f"{at:07}.jpg").hardlink_to(folder / str(most) / f"{at:07}.jpg")
        line("images", "peak memory, MiB", "of the smallest", "images/s", head=True)
        runs = [score(folder, count) for count in [counts[0], *counts]][
            1:
        ]  # the first compiles Python's bytecode
        for count, one in zip(counts, runs, strict=True):
            line(f"{count:,}", f"{one.peak:.1f}", f"{one.peak / runs[0].peak:.1%}", f"{count / one.work:.0f}")
        line("images", "imports, s", "listing", "session", "first rows", "together", head=True)
        start = [first_rows(folder, count) for count in counts][-1]
        line("whole, s", "rows kept", "lost, s", "to go on, s", "its share", "both", "processors", head=True)
        resuming(folder, most, start)
        print(f"load in the last 15 minutes: {os.getloadavg()[2]:.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--images", nargs="+", type=int, default=[1_000, 10_000, 100_000])
    run(**vars(parser.parse_args()))
