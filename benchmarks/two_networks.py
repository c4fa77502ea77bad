"""What a head gains that reads two networks beside each other, or another pooling of the last map than its mean.

    python benchmarks/two_networks.py ../photos/intel mobilenet.weights.h5 efficientnet_lite0.onnx --photos 1500

Photos of train and validation; the test photos are not read. MobileNet at 160 pixels up to `conv_pw_12_relu`, the other
an ONNX file with an output `features`, the mean of its last map, for images of 224 pixels less 127 over 128. Logistic
regressions of three strengths, the lowest loss by cross-validation in five folds; intervals of differences are paired.
"""

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from frostline import files, images
from frostline.evaluation.statistics import Z95, wilson
from frostline.training import folds, search_heads
from frostline.training.search_heads import HeadResult

STRENGTHS, BATCH, FOLDS = (0.003, 0.01, 0.03), 32, 5


def listed(folder: Path, most: int) -> list[tuple[Path, int]]:
    """Photos with their class, in an order of chance."""
    parts = [part for part in (folder / "train", folder / "validation") if part.is_dir()]
    found = [
        (path, label)
        for part in parts
        for label, kind in enumerate(sorted(part.iterdir()))
        for path in sorted(kind.iterdir())
    ]
    random.Random(0).shuffle(found)
    return found[:most]


def batches(paths: Sequence[Path], side: int) -> Iterator[np.ndarray]:
    """Pixels, (N, H, W, 3) float32."""
    for start in range(0, len(paths), BATCH):
        some = [path.read_bytes() for path in paths[start : start + BATCH]]
        yield np.stack([images.decode(one, height=side, width=side, resize="squash") for one in some]).astype(
            np.float32
        )


def by_keras(weights: Path, paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Means and maxima of MobileNet's map."""
    import keras

    base = keras.applications.MobileNet(include_top=False, weights=None, input_shape=(160, 160, 3))
    base.load_weights(weights)
    out = base.get_layer("conv_pw_12_relu").output
    layers = (keras.layers.GlobalAveragePooling2D(), keras.layers.GlobalMaxPooling2D())
    model = keras.Model(base.input, [layer(out) for layer in layers])
    found = [model(pixels / 127.5 - 1, training=False) for pixels in batches(paths, 160)]
    return tuple(np.concatenate([np.asarray(one[part]) for one in found]) for part in (0, 1))  # type: ignore[return-value]


def by_onnx(file: Path, paths: Sequence[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Means and maxima of the map whose mean the file calls `features`."""
    import onnx
    import onnxruntime

    model = onnx.load(file)
    tap = next(node for node in model.graph.node if node.output[0] == "features").input[0]
    model.graph.output.append(onnx.helper.make_tensor_value_info(tap, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    name, maps = session.get_inputs()[0].name, list[np.ndarray]()
    for pixels in batches(paths, 224):
        given = np.ascontiguousarray(((pixels - 127) / 128).transpose(0, 3, 1, 2))
        maps.append(session.run([tap], {name: given})[0].reshape(len(pixels), -1, 49))
    return np.concatenate([one.mean(2) for one in maps]), np.concatenate([one.max(2) for one in maps])


def judged(rows: np.ndarray, labels: np.ndarray, drawn: np.ndarray) -> HeadResult:
    """The strength of the lowest loss."""
    return min(search_heads.judge(rows, labels, drawn, strengths=STRENGTHS), key=lambda one: one.loss)


def told(name: str, one: HeadResult, than: HeadResult | None = None) -> None:
    """A line: accuracy, and the difference from another."""
    ends = wilson(int(one.right.sum()), len(one.right))
    line = f"{name}: {one.right.mean():.1%} ({ends.low:.1%} to {ends.high:.1%}), loss {one.loss:.3f}"
    if than is not None:
        apart = one.right.astype(float) - than.right
        reach = Z95 * apart.std(ddof=1) / np.sqrt(len(apart))
        line += f", {apart.mean():+.1%} ({apart.mean() - reach:+.1%} to {apart.mean() + reach:+.1%})"
    print(line, flush=True)


def main() -> None:
    """Poolings of each network, then both networks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("folder", "mobilenet", "onnx"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--photos", type=int, default=1500)
    asked: dict[str, Any] = vars(parser.parse_args())
    some = listed(asked["folder"], asked["photos"])
    paths, labels = [path for path, _ in some], np.array([label for _, label in some], np.int64)
    ids = [files.sha256(str(place).encode()) for place in range(len(some))]
    drawn = folds.draw(ids, labels, np.arange(len(some)), folds=FOLDS, seed=7)
    search_heads.load()
    networks = {"mobilenet": by_keras(asked["mobilenet"], paths), "onnx": by_onnx(asked["onnx"], paths)}
    alone = {name: judged(mean, labels, drawn) for name, (mean, _) in networks.items()}
    for name, (mean, most) in networks.items():
        told(f"{name}, mean", alone[name])
        told(f"{name}, max", judged(most, labels, drawn), alone[name])
        told(f"{name}, mean and max", judged(np.hstack([mean, most]), labels, drawn), alone[name])
    best = max(alone.values(), key=lambda one: (one.right.mean(), -one.loss))
    told("both", judged(np.hstack([mean for mean, _ in networks.values()]), labels, drawn), best)


if __name__ == "__main__":
    main()
