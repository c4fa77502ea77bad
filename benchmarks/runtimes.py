"""Float32 on a processor, network alone: ONNX Runtime, OpenVINO and, for trunks, Keras, taking turns.

    python benchmarks/runtimes.py MODEL.onnx … [--trunks mobilenet resnet50]

Models as scoring runs them, in batches of 8, as many at once as each runtime is fastest with; trunks of Keras'
networks (random weights) as training runs them, with what their conversion takes. Images per second, and the
milliseconds of processors that an image takes, which other work on the machine does not change; medians of the
rounds. The difference is relative, of all outputs together.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

BATCH, SIZE = 8, 224
Run = Callable[[], np.ndarray]


def of_model(path: Path, images: int) -> dict[str, Run]:
    """An ONNX file of one input on both runtimes."""
    from frostline.runtime import pool

    def on(device: str) -> Run:
        loaded = pool.load(path.read_bytes(), device, "float32", parallel=True)
        loaded.names = loaded.outputs
        [taken] = loaded.inputs
        shape = (BATCH, *(side for side in taken.shape[1:] if isinstance(side, int)))
        loaded.bind(shape)
        given = np.random.default_rng(0).integers(0, 256, shape).astype(taken.dtype)
        threads = ThreadPoolExecutor(loaded.streams)

        def run() -> np.ndarray:
            found = list(threads.map(lambda _: loaded.run(given), range(images // BATCH)))
            return np.concatenate([value.ravel() for value in found[0].values()])

        return run

    return {"ONNX Runtime": on("cpu"), "OpenVINO": on("openvino")}


def of_trunk(backbone: str, images: int) -> dict[str, Run]:
    """A Keras network without its classes, by Keras and exported."""
    from frostline.features import backends
    from frostline.models.keras_backend import keras

    k = keras(seed=7)
    inputs = k.Input((SIZE, SIZE, 3))
    scaled = k.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    network = getattr(k.applications, backbone)(
        weights=None, include_top=False, input_tensor=scaled, pooling="avg"
    )
    trunk = k.Model(inputs, network.output)
    given = np.random.default_rng(0).integers(0, 256, (images, SIZE, SIZE, 3), np.uint8)
    started = time.perf_counter()
    exported = backends.exported(trunk, device="openvino", precision="float32", parallel=True)
    print(f"{backbone}: converted and opened in {time.perf_counter() - started:.1f} s")
    threads, plain = ThreadPoolExecutor(exported.streams), backends.Forward(trunk)

    def pieces(size: int) -> list[Any]:
        return [given[at : at + size] for at in range(0, images, size)]

    def by_openvino() -> np.ndarray:
        return np.concatenate(list(threads.map(lambda some: exported(some)["rows"], pieces(BATCH))))

    def by_keras() -> np.ndarray:
        return np.concatenate([plain(some)["rows"] for some in pieces(32)])

    return {"Keras": by_keras, "OpenVINO": by_openvino}


def compare(name: str, runs: dict[str, Run], images: int, rounds: int) -> None:
    """A table row for each runtime."""
    answers = {who: run().astype(np.float64) for who, run in runs.items()}
    first = next(iter(answers.values()))
    seen: dict[str, list[tuple[float, float]]] = {who: [] for who in runs}
    for _ in range(rounds):
        for who, run in runs.items():
            wall, used = time.perf_counter(), time.process_time()
            run()
            seen[who].append(
                (images / (time.perf_counter() - wall), 1000 * (time.process_time() - used) / images)
            )
    for who, found in seen.items():
        rate, used = (statistics.median(column) for column in zip(*found, strict=True))
        off = np.linalg.norm(answers[who] - first) / np.linalg.norm(first)
        print(f"| {name} | {who} | {rate:.1f} | {used:.1f} | {off:.0e} |", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--trunks", nargs="+", default=[], help="names in keras.applications")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print("| | runtime | images/s | processor ms an image | difference |\n|:--|:--|--:|--:|--:|")
    for path in given.models:
        compare(path.stem, of_model(path, given.images), given.images, given.rounds)
    for backbone in given.trunks:
        compare(backbone, of_trunk(backbone, given.images), given.images, given.rounds)


if __name__ == "__main__":
    main()
