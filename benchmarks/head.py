"""How long a head takes on cached features: frostline's compiled loop beside Keras' own `fit`, in one run.

    python benchmarks/head.py [--width 25088] [--epochs 100] [--keras-epochs 3]
    python benchmarks/head.py --rows 60000 --epochs 2 --keras-epochs 0
    python benchmarks/head.py --rows 1000000 --width 1280 --solver 3

2000 training (or `--rows`) and 1000 validation rows of that width (VGG19's feature maps of cats and dogs, by default)
lie in a store on disk, as `frostline train` finds them; the values are random, which costs the same.
Keras has its rows in memory, and its time for all epochs is its mean epoch after the first, times epochs.
The second command trains on 6 GB of features: the peak of memory beside their size is what counts. The third finds a
logistic regression on 5 GB, of which three steps take as much memory as all; `TMPDIR` needs their size twice. Of the
peak, "own" is what the system cannot take back, unlike pages of files.
"""

import argparse
import multiprocessing
import os
import resource
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from frostline import files
from frostline.config import ClassifierHead, Phase
from frostline.models import heads
from frostline.models.keras_backend import keras
from frostline.store import Rows, Store
from frostline.training import solver
from frostline.training.head_fits import HeadOptions
from frostline.training.loop import Fit, LabelledRows

VALIDATION, BATCH = 1000, 20


def names(train: int) -> list[str]:
    """An id for each row."""
    return [files.sha256(str(number).encode()) for number in range(train + VALIDATION)]


def fill(folder: Path, train: int, width: int) -> None:
    """Random rows into a store, as extraction leaves them."""
    rng, ids = np.random.default_rng(1), names(train)
    with Store(folder, shape=(width,), dtype="float32").appending() as append:
        for start in range(0, len(ids), 100):
            append(ids[start : start + 100], rng.random((100, width), np.float32))


def stored(folder: Path, train: int, width: int) -> tuple[Rows, Rows]:
    """Rows written by another process, so that the peak of memory is that of training alone."""
    writer = multiprocessing.get_context("spawn").Process(target=fill, args=(folder, train, width))
    writer.start()
    writer.join()
    store, ids = Store(folder, shape=(width,), dtype="float32"), names(train)
    return store.rows(ids[:train]), store.rows(ids[train:])


def head(width: int) -> Any:
    """The lecture's: one sigmoid unit on everything."""
    keras(seed=7)
    return heads.build(
        ClassifierHead(pooling="flatten", standardize=False, dense={}, dropout=0.0), features=width, classes=2
    )


def frostline(train: Rows, held: Rows, labels: Any, *, width: int, epochs: int) -> float:
    """Seconds for all epochs, compiling included."""
    phase = Phase(freeze="all", epochs=epochs, batch_size=BATCH, optimizer="rmsprop", learning_rate=1e-4)
    shown = LabelledRows(lambda _: train, labels[: len(train)])
    fit = Fit(head(width), phase, shown, LabelledRows(lambda _: held, labels[len(train) :]), [7, 0])
    start = time.monotonic()
    for _ in fit.epochs():
        pass
    return time.monotonic() - start


def plain(train: Rows, held: Rows, labels: Any, *, width: int, epochs: int) -> float:
    """Mean seconds of an epoch of Keras' `fit` on arrays, after a first one that compiles."""
    k = keras()
    model = head(width)
    model.compile(
        k.optimizers.RMSprop(1e-4), k.losses.BinaryCrossentropy(from_logits=True), metrics=["accuracy"]
    )
    rows, others = train[:], held[:]
    data = {
        "x": rows,
        "y": labels[: len(train), None],
        "validation_data": (others, labels[len(train) :, None]),
    }
    model.fit(**data, batch_size=BATCH, epochs=1, verbose=0)
    start = time.monotonic()
    model.fit(**data, batch_size=BATCH, epochs=epochs, verbose=0)
    return (time.monotonic() - start) / epochs


def solved(train: Rows, held: Rows, labels: Any, *, steps: int) -> float:
    """Seconds for so many steps of a solver."""
    start = time.monotonic()
    options = HeadOptions(steps=steps)
    known = labels[: len(train)], held, labels[len(train) :]
    list(solver.candidates([train], *known, strengths=[0.01], classes=2, options=options))
    return time.monotonic() - start


def watch_own(peak: list[int]) -> None:
    """Keep the most of this process's own memory, in KiB, for as long as it lives."""
    while True:
        status = Path("/proc/self/status").read_text()
        peak[0] = max(peak[0], int(status.partition("RssAnon:")[2].split()[0]))
        time.sleep(0.05)


def say_peak(own: int, rows: int, width: int) -> None:
    """A line of memory."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = 4 * width * rows / 2**30
    print(f"features {size:.2f} GiB, peak memory {peak:.2f} GiB, own {own / 2**20:.2f} GiB")


def main() -> None:
    """Measure both, print the seconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--width", type=int, default=25_088)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--keras-epochs", type=int, default=3)
    parser.add_argument("--solver", type=int, metavar="STEPS", help="a solver in place of epochs")
    asked = parser.parse_args()
    own = [0]
    threading.Thread(target=watch_own, args=(own,), daemon=True).start()
    labels = np.random.default_rng(2).integers(0, 2, asked.rows + VALIDATION)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FROSTLINE_CACHE"] = folder
        train, held = stored(Path(folder) / "rows", asked.rows, asked.width)
        if asked.solver:
            print(f"solver: {solved(train, held, labels, steps=asked.solver):.1f} s")
            say_peak(own[0], len(labels), asked.width)
            return
        keras()
        took = frostline(train, held, labels, width=asked.width, epochs=asked.epochs)
        print(f"frostline: {took:.1f} s for {asked.epochs} epochs")
        say_peak(own[0], len(labels), asked.width)
        if not asked.keras_epochs:
            return
        theirs = plain(train, held, labels, width=asked.width, epochs=asked.keras_epochs) * asked.epochs
    print(f"Keras fit: {theirs:.1f} s, from {asked.keras_epochs} epochs; {theirs / took:.1f} times as long")


if __name__ == "__main__":
    main()
