"""What a head gains that reads the pooled outputs of several blocks, beside one on the last: on validation photos.

    python benchmarks/taps.py ../photos/cats_dogs ../photos/intel --backbone vgg16 --weights FILE --size 150
    python benchmarks/taps.py ../photos/cats_dogs --onnx efficientnet_lite0.onnx --scale 1 --mean 127 --std 128

One pass through the network gives all blocks. For each head a solver finds logistic regressions of eleven strengths,
and the lowest loss on validation chooses; the interval of the difference is paired, photo by photo. Without
validation folders a fifth of the training photos takes their place. Test photos are not read.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from frostline import images
from frostline.config import OnnxInput, Tap
from frostline.datasets.source import open_source
from frostline.evaluation import statistics
from frostline.evaluation.paired_accuracy import accuracy_difference
from frostline.features import cut_model
from frostline.models import backbones
from frostline.models.keras_backend import keras
from frostline.runtime import onnx_file, onnx_taps, onnx_trunk, pool
from frostline.template.recipe import STRENGTHS
from frostline.training import solver

ENDS, BATCH = 5, 16


def photos(folder: Path, *, most: int, side: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Pixels and class numbers of training (at most so many) and validation photos."""
    with open_source(folder) as source:
        names = [name for name in source.names() if name.split("/")[0] in {"train", "validation"}]
        drawn = np.random.default_rng(0).permutation(names)
        given = {part: [name for name in drawn if name.startswith(part)] for part in ("train", "validation")}
        if not given["validation"]:
            count = len(given["train"]) // 5
            given = {"validation": given["train"][:count], "train": given["train"][count:]}
        given["train"] = given["train"][:most]
        classes = sorted({name.split("/")[1] for name in names})
        return {
            part: (
                np.stack(
                    [
                        images.decode(source.read(name), height=side, width=side, resize="squash")
                        for name in some
                    ]
                ),
                np.array([classes.index(name.split("/")[1]) for name in some]),
            )
            for part, some in sorted(given.items())
        }


def by_keras(backbone: str, weights: Path, end_at: str | None, side: int) -> tuple[list[str], Any]:
    """The last block ends of a backbone, and the pass that gives them, pooled."""
    k = keras(seed=0)
    model = backbones.build(backbone, height=side, width=side)
    model.load_weights(weights)
    last = end_at or model.layers[-1].name
    body = k.Model(model.inputs[0], k.layers.GlobalAveragePooling2D()(model.get_layer(last).output))
    ends = [name for name in cut_model.block_ends(body, most=1000) if name != last]
    names = [*ends[1 - ENDS :], last]
    pooled = [k.layers.GlobalAveragePooling2D()(model.get_layer(name).output) for name in names]
    whole = k.Model(model.inputs[0], pooled)
    return names, lambda batch: [np.asarray(rows) for rows in whole.predict_on_batch(batch)]


def by_onnx(file: Path, given: OnnxInput, side: int) -> tuple[list[str], Any]:
    """The same of an ONNX file."""
    model = onnx_file.read(file)
    name, tap = onnx_taps.suggest(model, side=side)
    mean = Tap(pooling="mean", prefix_tokens=0)
    taps = dict.fromkeys(onnx_taps.block_ends(model, most=ENDS)[:-1], mean) | {name: tap}
    widths = []
    for number in range(len(taps)):
        some = dict(list(taps.items())[: number + 1])
        made = onnx_trunk.make(onnx_file.read(file), given, some)
        widths.append(onnx_trunk.sized(made, height=side, width=side)[1])
    network = pool.on_cpu(made)
    return list(taps), lambda batch: np.split(network(batch)["features"], widths[:-1], axis=1)


def rows(found: Any, pixels: np.ndarray) -> list[np.ndarray]:
    """(N, D) of each end."""
    parts = [found(pixels[at : at + BATCH]) for at in range(0, len(pixels), BATCH)]
    return [np.concatenate(end) for end in zip(*parts, strict=True)]


def right(train: np.ndarray, known: np.ndarray, held: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which validation photos the best head gets right."""
    found = solver.candidates([train], known, held, labels, strengths=STRENGTHS, classes=int(known.max()) + 1)
    return solver.best(list(found)).head(held).argmax(1) == labels


def lines(names: list[str], ends: Mapping[str, list[np.ndarray]], known: Any, labels: Any) -> Iterator[str]:
    """A line for the last end alone, for each block alone, and for the last ones together."""

    def judged(places: list[int]) -> np.ndarray:
        train, held = (np.concatenate([ends[part][place] for place in places], axis=1) for part in ends)
        return right(train, known, held, labels)

    last = len(names) - 1
    alone = judged([last])
    choices = [[place] for place in range(last)] + [
        list(range(first, last + 1)) for first in range(last - 1, -1, -1)
    ]
    yield f"{names[last]:34} {shown(alone)}"
    for places in choices:
        found = judged(places)
        change = accuracy_difference(found, alone)
        what = names[places[0]] if len(places) == 1 else f"last {len(places)} together"
        low, high = (100 * bound for bound in (change.low, change.high))
        yield f"{what[-34:]:34} {shown(found)}  {100 * change.value:+.1f} points ({low:+.1f} to {high:+.1f})"


def shown(found: np.ndarray) -> str:
    """Accuracy with its 95% interval."""
    given = statistics.wilson(int(found.sum()), len(found))
    return f"{found.mean():.1%} ({given.low:.1%} to {given.high:.1%})"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--backbone")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--end-at")
    parser.add_argument("--onnx", type=Path)
    for name, value in (("--scale", 1 / 255), ("--mean", 0.0), ("--std", 1.0)):
        parser.add_argument(name, type=float, default=value)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--train", type=int, default=1000)
    options = parser.parse_args()
    given = OnnxInput(channels="RGB", scale=options.scale, mean=[options.mean] * 3, std=[options.std] * 3)
    names, found = (
        by_onnx(options.onnx, given, options.size)
        if options.onnx
        else by_keras(options.backbone, options.weights, options.end_at, options.size)
    )
    for folder in options.folders:
        parts = photos(folder, most=options.train, side=options.size)
        known, labels = parts["train"][1], parts["validation"][1]
        print(f"{folder.name}: {len(known)} training and {len(labels)} validation photos", flush=True)
        for line in lines(
            names, {part: rows(found, pixels) for part, (pixels, _) in parts.items()}, known, labels
        ):
            print(line, flush=True)


if __name__ == "__main__":
    main()
