"""How fast a folder of JPEGs becomes rows: frostline beside Keras, ONNX Runtime and OpenVINO, in one run.

    python benchmarks/scoring.py PHOTOS --images 96 --rounds 3 [--only openvino] [--processors]

Every contestant is a process of its own, reads the same files from disk, and is timed from the first
file to the last probability, after one batch to warm up. They take turns; rates are medians of the rounds,
ratios medians of each round's ratio to the first of them. `--only` names some by a part of their names.
With `--processors` it is milliseconds of processors per photo instead, which other work on the machine does not
change: the seconds that the whole process used for all photos, less those for a fifth of them, per photo more.
Weights are random: speed does not depend on them. Decoding and the network are timed alone too:
1 / (1 / decode + 1 / network) is what shared processors allow; and a matrix product, by whose rate the
network's operations alone would take the time that is left.
"""

import argparse
import itertools
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from frostline.runtime.openvino import library

SIZE, BATCH, FEW = 224, 16, "few"
NETWORKS = {"resnet50": "ResNet50", "vgg19": "VGG19"}


def make(folder: Path, photos: Path, network: str) -> None:
    """The network with random weights as Keras weights, as exported model, and in int8."""
    from functools import partial

    import keras
    import tensorflow as tf

    from frostline import images
    from frostline.runtime import conversion, variants

    body = _keras(network)
    body.save(folder / f"{network}.keras")
    head = body.layers[-1]
    trunk = keras.Model(body.inputs[0], body.layers[-2].output)
    model = conversion.convert(
        lambda pixels: trunk(tf.cast(pixels, tf.float32), training=False),
        lambda features: head(features, training=False),
        height=SIZE,
        width=SIZE,
        metadata=described(network, classifier=network),
    )
    (folder / f"{network}.onnx").write_bytes(model)
    decode = partial(images.decode, height=SIZE, width=SIZE, resize="squash")
    some = np.stack([decode(path.read_bytes()) for path in _files(photos)[:16]])
    made = variants.make("int8", model, calibration=lambda: iter([some[:8], some[8:]]))
    (folder / f"{network}.int8.onnx").write_bytes(made)


def described(network: str, *, classifier: str) -> str:
    """The contract of a model of cats and dogs with random weights, as its metadata."""
    from frostline import images
    from frostline.runtime import contract

    about = contract.Contract(
        classes=("cats", "dogs"),
        height=SIZE,
        width=SIZE,
        resize="squash",
        decode=images.DECODE_VERSION,
        backbone=network,
        weights=contract.WeightsSource("random", "random", None),
        classifier=classifier,
        recipe="none",
        dataset="none",
        frostline="benchmark",
    )
    return contract.to_json(about)


def _keras(network: str):  # type: ignore[no-untyped-def]  # Keras models are untyped
    import keras

    keras.utils.set_random_seed(7)
    inputs = keras.Input((SIZE, SIZE, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    backbone = getattr(keras.applications, NETWORKS[network])
    pooled = backbone(include_top=False, weights=None, pooling="avg", input_tensor=scaled).output
    return keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(pooled))


def _files(photos: Path) -> list[Path]:
    return sorted(path for path in photos.rglob("*") if path.suffix == ".jpg")


def keras_predict(folder: Path, photos: Path, network: str) -> float:
    """What a tutorial does: image_dataset_from_directory and predict."""
    import keras

    model = keras.models.load_model(folder / f"{network}.keras")
    model.predict(np.zeros((BATCH, SIZE, SIZE, 3), np.float32), verbose=0)
    started = time.perf_counter()
    data = keras.utils.image_dataset_from_directory(
        photos, labels=None, image_size=(SIZE, SIZE), batch_size=BATCH, shuffle=False, verbose=False
    )
    probs = model.predict(data, verbose=0)
    return len(probs) / (time.perf_counter() - started)


def ort_script(folder: Path, photos: Path, network: str) -> float:
    """What a short script does: Pillow, one batch after the other, ONNX Runtime's CPU provider."""
    import onnxruntime

    session = onnxruntime.InferenceSession(folder / f"{network}.onnx", providers=["CPUExecutionProvider"])
    return _script(photos, lambda batch: session.run(["probs"], {"image": batch})[0])


def openvino_script(
    folder: Path, photos: Path, network: str, *, variant: str = "", hint: str = "f32"
) -> float:
    """The same with OpenVINO's own API."""
    openvino = library()
    core = openvino.Core()
    model = core.read_model(folder / f"{network}{variant}.onnx")
    model.reshape([BATCH, SIZE, SIZE, 3])
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint})
    return _script(photos, lambda batch: compiled(batch)["probs"])


def openvino_bf16(folder: Path, photos: Path, network: str) -> float:
    """OpenVINO's own API, computing in bfloat16: fast where the processor has AMX."""
    return openvino_script(folder, photos, network, hint="bf16")


def openvino_int8(folder: Path, photos: Path, network: str) -> float:
    """The int8 variant with OpenVINO's own API."""
    return openvino_script(folder, photos, network, variant=".int8", hint="bf16")


def by_hand(folder: Path, photos: Path, network: str, *, variant: str = "") -> float:
    """What a careful user writes with OpenVINO's own API: decoding in threads, a stream for each processor."""
    openvino = library()
    processors, size = len(os.sched_getaffinity(0)), BATCH // 2
    core = openvino.Core()
    model = core.read_model(folder / f"{network}{variant}.onnx")
    model.reshape([size, SIZE, SIZE, 3])
    settings = {"INFERENCE_PRECISION_HINT": "bf16", "NUM_STREAMS": str(processors)}
    requests = openvino.AsyncInferQueue(core.compile_model(model, "CPU", settings), processors)
    for _ in range(processors):
        requests.start_async({"image": np.zeros((size, SIZE, SIZE, 3), np.uint8)})
    requests.wait_all()
    files, found = _files(photos), {}
    requests.set_callback(
        lambda request, start: found.update({start: np.array(request.get_tensor("probs").data)})
    )
    started = time.perf_counter()
    with ThreadPoolExecutor(processors) as pool:
        decoded = pool.map(_decoded, files)
        for start in range(0, len(files), size):
            batch = np.zeros((size, SIZE, SIZE, 3), np.uint8)
            for row, image in enumerate(itertools.islice(decoded, size)):
                batch[row] = image
            requests.start_async({"image": batch}, start)
        requests.wait_all()
    assert sum(map(len, found.values())) >= len(files)
    return len(files) / (time.perf_counter() - started)


def by_hand_int8(folder: Path, photos: Path, network: str) -> float:
    """The same on the int8 variant."""
    return by_hand(folder, photos, network, variant=".int8")


def _decoded(path: Path) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _script(photos: Path, network: Callable[[np.ndarray], np.ndarray]) -> float:
    """Read, decode, run; the last batch filled up with zeros."""
    network(np.zeros((BATCH, SIZE, SIZE, 3), np.uint8))
    files, found = _files(photos), []
    started = time.perf_counter()
    for start in range(0, len(files), BATCH):
        batch = np.zeros((BATCH, SIZE, SIZE, 3), np.uint8)
        some = files[start : start + BATCH]
        for row, path in enumerate(some):
            batch[row] = _decoded(path)
        found.append(np.array(network(batch))[: len(some)])
    assert len(np.concatenate(found)) == len(files)
    return len(files) / (time.perf_counter() - started)


def frostline(
    folder: Path, photos: Path, network: str, *, device: str = "cpu", precision: str = "float32"
) -> float:
    """The command itself; its job file says how long rows and output took. NaN where the device cannot be used."""
    from frostline.runtime import providers

    if providers.missing(device):
        return math.nan
    out = folder / "scores.parquet"
    words = ["score", photos, "--model", folder / f"{network}.onnx", "--out", out, "--device", device]
    words += ["--precision", precision]
    command = [sys.executable, "-m", "frostline.cli", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    job = json.loads(out.with_name("scores.parquet.job.json").read_text())
    return float(job["counts"]["found"] / (job["seconds"]["score"] + job["seconds"]["merge"]))


def frostline_openvino(folder: Path, photos: Path, network: str) -> float:
    """The command with extra `cpu`."""
    return frostline(folder, photos, network, device="openvino")


def frostline_bf16(folder: Path, photos: Path, network: str) -> float:
    """The command with extra `cpu`, in bfloat16."""
    return frostline(folder, photos, network, device="openvino", precision="bfloat16")


def frostline_int8(folder: Path, photos: Path, network: str) -> float:
    """The command with extra `cpu`, on the int8 variant."""
    return frostline(folder, photos, network, device="openvino", precision="int8")


def bound(folder: Path, photos: Path, network: str) -> float:
    """What decoding and network alone allow together on shared processors."""
    from functools import partial

    from frostline import images
    from frostline.features.local_stream import stream
    from frostline.runtime.sessions import open_session
    from frostline.scoring import sources

    session = open_session(folder / f"{network}.onnx", device="cpu")
    decode = partial(images.decode, height=SIZE, width=SIZE, resize="squash")

    def timed(run: Callable[[np.ndarray], dict[str, np.ndarray]]) -> float:
        items = sources.open_images([str(photos)]).items()
        started = time.perf_counter()
        rows = sum(len(b.names) for b in stream(items, decode=decode, network=run, batch_size=BATCH))
        return rows / (time.perf_counter() - started)

    decoding = timed(lambda batch: {"probs": np.zeros((len(batch), 2), np.float32)})
    batch = np.random.default_rng(0).integers(0, 256, (BATCH, SIZE, SIZE, 3), np.uint8)
    session.run(batch)
    started = time.perf_counter()
    for _ in range(4):
        session.run(batch)
    network_alone = 4 * BATCH / (time.perf_counter() - started)
    print(f"    decoding {decoding:.1f}/s, network {network_alone:.1f}/s", file=sys.stderr)
    return 1 / (1 / decoding + 1 / network_alone)


def ceiling(folder: Path, photos: Path, network: str) -> float:  # noqa: ARG001  # a contestant like the others
    """Images per second if the network were nothing but one large float32 matrix product, by NumPy."""
    import keras

    from frostline.models import layers

    operations = sum(
        each.operations for each in layers.read(keras.models.load_model(folder / f"{network}.keras"))
    )
    side, times = 4096, []
    one, other = np.random.default_rng(0).random((2, side, side), np.float32)
    for _ in range(6):
        started = time.perf_counter()
        one @ other
        times.append(time.perf_counter() - started)
    rate = 2 * side**3 / min(times)
    print(
        f"    matrix product {rate / 1e9:.0f}, an image {operations / 1e9:.1f} G operations", file=sys.stderr
    )
    return float(rate / operations)


CONTESTANTS = {
    "Keras predict": keras_predict,
    "ONNX Runtime script": ort_script,
    "OpenVINO script": openvino_script,
    "OpenVINO script, bf16": openvino_bf16,
    "OpenVINO script, int8": openvino_int8,
    "OpenVINO by hand, bf16": by_hand,
    "OpenVINO by hand, int8": by_hand_int8,
    "a float32 matrix product": ceiling,
    "bound of decoding and network": bound,
    "frostline, cpu": frostline,
    "frostline, openvino": frostline_openvino,
    "frostline, openvino, bf16": frostline_bf16,
    "frostline, openvino, int8": frostline_int8,
}


def run(photos: Path, given: argparse.Namespace) -> None:
    """The contestants on every network, taking turns; a table of rates and ratios."""
    contestants = [who for who in CONTESTANTS if not given.only or any(part in who for part in given.only)]
    images, rounds = given.images, given.rounds
    measured, unit = (_processors, "processor ms") if given.processors else (_rate, "images/s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for some, count in (("photos", images), (FEW, images // 5)):
            (folder / some).mkdir()
            for path in _files(photos)[:count]:
                (folder / some / path.name).write_bytes(path.read_bytes())
        for network in given.networks:
            _child("make", folder, network)
            seen = [{who: measured(who, folder, network) for who in contestants} for _ in range(rounds)]
            print(f"| {network}, {images} photos, {rounds} rounds | {unit} | of the first |\n|:--|--:|--:|")
            for who in contestants:
                rate = statistics.median(each[who] for each in seen)
                ratio = statistics.median(each[who] / each[contestants[0]] for each in seen)
                shown = "| not here | |" if math.isnan(rate) else f"| {rate:.1f} | {ratio:.2f} |"
                print(f"| {who} {shown}", flush=True)


def _rate(who: str, folder: Path, network: str) -> float:
    """Images per second, as the contestant itself timed them."""
    return float(_child(who, folder, network))


def _processors(who: str, folder: Path, network: str) -> float:
    """Milliseconds of processors that a photo more takes; NaN where the contestant cannot run here."""

    def used(photos: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        rate = float(_child(who, folder, network, photos=photos))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime + 0 * rate  # NaN stays it

    more = len(_files(folder / "photos")) - len(_files(folder / FEW))
    return 1000 * (used("photos") - used(FEW)) / more


def _child(what: str, folder: Path, network: str, *, photos: str = "photos") -> str:
    command = [sys.executable, __file__, str(folder), "--child", what, "--networks", network, "--of", photos]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    sys.stderr.write("".join(line for line in done.stderr.splitlines(True) if line.startswith("    ")))
    return (done.stdout.strip().splitlines() or [""])[-1]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--images", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--only", nargs="+", default=[], help="parts of contestants' names")
    parser.add_argument("--processors", action="store_true", help="time of processors, not of the clock")
    parser.add_argument("--child")
    parser.add_argument("--of", default="photos")
    given = parser.parse_args()
    if given.child == "make":
        make(given.photos, given.photos / "photos", given.networks[0])
    elif given.child:
        print(CONTESTANTS[given.child](given.photos, given.photos / given.of, given.networks[0]))
    else:
        run(given.photos, given)


if __name__ == "__main__":
    main()
