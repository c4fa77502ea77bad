"""How much faster a later model scores an archive whose features are kept: head alone beside whole network.

    python benchmarks/rescoring.py PHOTOS --networks resnet50 --precision float32 --images 1000

Two models share a trunk (random weights: speed does not depend on them) and differ in their heads. All
contestants are the command `frostline score` in processes of their own, on the same files: the later model
whole; the first with `--keep-features`, which fills the store; the later one with it, thrice, the median
counts. Rows of the later model must agree. `job` is the rate of the work by the job file (scoring and
merging), `command` that of the whole process with its start.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from scoring import SIZE, described

NETWORKS = {"mobilenet": "MobileNet", "resnet50": "ResNet50", "vgg19": "VGG19"}
TOLERANCE = {"float32": 1e-5, "bfloat16": 2e-2}


@dataclass(frozen=True)
class Timed:
    """One run of the command: images per second of the work and of the whole process, and its rows."""

    job: float
    command: float
    rows: list[list[float]]


def make(folder: Path, network: str) -> None:
    """Two exported models, `first` and `later`, with trunk and head beside each."""
    import keras
    import tensorflow as tf

    from frostline.runtime import conversion, parts

    keras.utils.set_random_seed(7)
    inputs = keras.Input((SIZE, SIZE, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    backbone = getattr(keras.applications, NETWORKS[network])
    trunk = backbone(include_top=False, weights=None, pooling="avg", input_tensor=scaled)
    for name in ("first", "later"):
        head = keras.Sequential(
            [keras.layers.BatchNormalization(), keras.layers.Dense(2, activation="softmax")]
        )
        head.build((None, *trunk.output.shape[1:]))
        model = conversion.convert(
            lambda pixels: trunk(tf.cast(pixels, tf.float32), training=False),
            lambda features, head=head: head(features, training=False),
            height=SIZE,
            width=SIZE,
            metadata=described(network, classifier=name),
        )
        (folder / name).mkdir()
        for file, content in zip(("model", "trunk", "head"), (model, *parts.make(model)), strict=True):
            (folder / name / f"{file}.onnx").write_bytes(content)


def score(folder: Path, model: str, *more: str) -> Timed:
    """The command once, on all photos."""
    out = folder / "scores.parquet"
    words = ["score", folder / "photos", "--model", folder / model / "model.onnx", "--out", out, *more]
    command = [sys.executable, "-m", "frostline.cli", *map(str, words)]
    environment = os.environ | {"FROSTLINE_CACHE": str(folder / "cache")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    spent = time.perf_counter() - started
    job = json.loads(out.with_name("scores.parquet.job.json").read_text())
    count = job["counts"]["found"]
    rows = pq.read_table(out)["probs"].to_pylist()
    return Timed(count / (job["seconds"]["score"] + job["seconds"]["merge"]), count / spent, rows)


def compare(folder: Path, network: str, precision: str) -> None:
    """A line a contestant, ratios against the later model scored whole."""
    device = ["--device", "cpu" if precision == "float32" else "openvino", "--precision", precision]
    whole = score(folder, "later", *device)
    first = score(folder, "first", *device, "--keep-features")
    again = [score(folder, "later", *device, "--keep-features") for _ in range(3)]
    difference = np.abs(np.array(again[0].rows) - np.array(whole.rows)).max()
    assert difference <= TOLERANCE[precision], difference
    job, command = (statistics.median(getattr(each, what) for each in again) for what in ("job", "command"))
    print(
        f"| {network}, {precision}, {len(whole.rows)} photos | job, images/s | ratio | command, images/s | ratio |"
    )
    print("|:--|--:|--:|--:|--:|")
    for who, work, total in (
        ("whole network", whole.job, whole.command),
        ("first time with --keep-features", first.job, first.command),
        ("later model, head alone", job, command),
    ):
        ratios = (work / whole.job, total / whole.command)
        print(f"| {who} | {work:.1f} | {ratios[0]:.1f} | {total:.1f} | {ratios[1]:.1f} |")
    print(f"largest difference of a probability: {difference:.1g}", flush=True)


def run(photos: Path, networks: list[str], precision: str, images: int) -> None:
    """Each network on copies of the same photos."""
    files = sorted(path for path in photos.rglob("*") if path.suffix == ".jpg")[:images]
    with tempfile.TemporaryDirectory() as name:
        for network in networks:
            folder = Path(name) / network
            (folder / "photos").mkdir(parents=True)
            for number, path in enumerate(files):
                (folder / "photos" / f"{number:06}.jpg").write_bytes(path.read_bytes())
            subprocess.run(
                [sys.executable, __file__, str(folder), "--child", network],
                check=True,
                stderr=subprocess.DEVNULL,
            )
            compare(folder, network, precision)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--networks", nargs="+", default=["resnet50", "vgg19"], choices=list(NETWORKS))
    parser.add_argument("--precision", default="float32", choices=list(TOLERANCE))
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--child")
    given = parser.parse_args()
    if given.child:
        make(given.photos, given.child)
    else:
        run(given.photos, given.networks, given.precision, given.images)


if __name__ == "__main__":
    main()
