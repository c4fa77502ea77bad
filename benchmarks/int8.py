"""What int8 brings and costs a frozen trunk: processor time per photo by each engine, and heads on its features.

    python benchmarks/int8.py ../photos/cats_dogs --backbone vgg16 --weights FILE --size 150
    python benchmarks/int8.py ../photos/cats_dogs --onnx efficientnet_lite0.onnx --scale 1 --mean 127 --std 128

Engines take turns on the same photos; the median of their rounds counts, in processor time (user and system), which
other work on the machine changes little. Then features of training and validation photos in float32 and int8, by
OpenVINO, and a head on each as `precision: int8` compares them. Test photos are not read.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from frostline import config, images
from frostline.datasets import calibration_photos
from frostline.datasets.source import open_source
from frostline.features import backends, int8_trunk, trunks
from frostline.features.exported import Exported
from frostline.features.extraction import Images
from frostline.models import backbones
from frostline.models.keras_backend import keras
from frostline.runtime import onnx_file, onnx_taps, onnx_trunk
from frostline.training import int8_check

ROUNDS = 3


def listed(folder: Path, part: str, most: int) -> tuple[list[str], np.ndarray]:
    """Names of so many photos of a split, classes evenly, and their class numbers."""
    with open_source(folder) as source:
        names = [name for name in source.names() if name.split("/")[0] == part]
    classes = sorted({name.split("/")[1] for name in names})
    labels = np.array([classes.index(name.split("/")[1]) for name in names])
    ids = [hashlib.sha256(name.encode()).hexdigest() for name in names]
    places = int8_check.sample(ids, labels, most=most)
    return [names[at] for at in places], labels[places]


def by_keras(backbone: str, weights: Path, end_at: str | None, side: int) -> Any:
    """The mean of a backbone's last map, or an earlier one's."""
    k = keras(seed=0)
    model = backbones.build(backbone, height=side, width=side)
    model.load_weights(weights)
    end = model.get_layer(end_at or model.layers[-1].name).output
    return k.Model(model.inputs[0], k.layers.GlobalAveragePooling2D()(end))


def by_onnx(file: Path, given: config.OnnxInput, side: int) -> Any:
    """What the last layer of an ONNX file reads."""
    name, tap = onnx_taps.suggest(onnx_file.read(file), side=side)
    made = onnx_trunk.make(onnx_file.read(file), given, {name: tap})
    return trunks.opened(made, weights=file.stem, size=config.Size(height=side, width=side))


def engines(trunk: Any, small: Any) -> dict[str, Any]:
    """Who may compute it, by name; the last one in int8."""
    found = {one.name: one.open(None) for one in backends.available(trunk, parallel=True)}
    if not isinstance(trunk, trunks.OnnxTrunk):
        found["OpenVINO in float32"] = backends.exported(
            trunk, device="openvino", precision="float32", parallel=True
        )
    elif not any("OpenVINO" in name for name in found):
        found["OpenVINO in float32"] = Exported(
            trunk.content, "openvino", "float32", "float32", parallel=True
        )
    [last] = backends.available(small, parallel=True)
    return {**found, last.name: last.open(None)}


def rows(network: Any, pixels: np.ndarray) -> np.ndarray:
    """(N, D) by as many calls at once as the network takes."""
    size, streams = getattr(network, "batch_size", 32), getattr(network, "streams", 1)
    short = -len(pixels) % size
    full = np.concatenate([pixels, np.zeros((short, *pixels.shape[1:]), np.uint8)])
    with ThreadPoolExecutor(streams) as threads:
        parts = threads.map(lambda at: network(full[at : at + size])["rows"], range(0, len(full), size))
        return np.concatenate([np.asarray(part, np.float32) for part in parts])[: len(pixels)]


def timed(run: Callable[[], Any]) -> float:
    """Seconds of processor time."""
    started = time.process_time()
    run()
    return time.process_time() - started


def speeds(found: dict[str, Any], pixels: np.ndarray) -> dict[str, float]:
    """Milliseconds of processor time per photo by each."""
    for network in found.values():
        rows(network, pixels)
    seconds: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(ROUNDS):
        for name, network in found.items():
            seconds[name].append(timed(lambda network=network: rows(network, pixels)))
    return {name: 1000 * statistics.median(some) / len(pixels) for name, some in seconds.items()}


def report(  # noqa: PLR0913  # a network, photos and how many of them
    folder: Path, trunk: Any, side: int, counts: dict[str, int], timed_photos: int, cache: Path
) -> None:
    """Print what was measured on a folder of photos."""
    chosen = {part: listed(folder, part, most) for part, most in counts.items()}
    with open_source(folder) as source:
        content = {name: source.read(name) for names, _ in chosen.values() for name in names}
    rule = config.Image(size=config.Size(height=side, width=side), resize="squash", transform="backbone")
    names = chosen["train"][0]
    ids = [hashlib.sha256(content[name]).hexdigest() for name in names]
    by_id = dict(zip(ids, names, strict=True))
    some = calibration_photos.choice(ids)
    calibration = Images(
        folder, [by_id[id_] for id_ in some], some, rule, cache=cache, read=content.__getitem__
    )
    small = int8_trunk.quantized(trunk, {"of": "a benchmark"}, calibration)
    found = engines(trunk, small)
    decoded = {
        part: np.stack(
            [images.decode(content[name], height=side, width=side, resize="squash") for name in some]
        )
        for part, (some, _) in chosen.items()
    }
    costs = speeds(found, decoded["train"][:timed_photos])
    for name, cost in costs.items():
        print(
            f"{name:42} {cost:8.2f} ms of processor time per photo, {max(costs.values()) / cost:.2f}x",
            flush=True,
        )
    exact = next(network for name, network in found.items() if "OpenVINO" in name)
    last = [*found.values()][-1]
    features = {
        name: {part: rows(network, pixels) for part, pixels in decoded.items()}
        for name, network in (("float32", exact), ("int8", last))
    }
    labels = {part: some for part, (_, some) in chosen.items()}
    print(
        int8_check.compared(features, labels, classes=int(labels["train"].max()) + 1), last.proof, flush=True
    )


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--backbone")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--end-at")
    parser.add_argument("--onnx", type=Path)
    for name, value in (("--scale", 1 / 255), ("--mean", 0.0), ("--std", 1.0)):
        parser.add_argument(name, type=float, default=value)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--train", type=int, default=1000)
    parser.add_argument("--validation", type=int, default=1000)
    parser.add_argument("--timed", type=int, default=32, help="photos of a round")
    options = parser.parse_args()
    given = config.OnnxInput(
        channels="RGB", scale=options.scale, mean=[options.mean] * 3, std=[options.std] * 3
    )
    trunk = (
        by_onnx(options.onnx, given, options.size)
        if options.onnx
        else by_keras(options.backbone, options.weights, options.end_at, options.size)
    )
    counts = {"train": options.train, "validation": options.validation}
    with tempfile.TemporaryDirectory() as cache:
        report(options.folder, trunk, options.size, counts, options.timed, Path(cache))


if __name__ == "__main__":
    main()
