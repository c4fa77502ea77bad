"""The lecture's run, from photos to a trained head: `frostline train` beside plain Keras `fit`, in one run.

    python benchmarks/lecture.py PHOTOS [--precision bfloat16] [--steps 20]
    python benchmarks/lecture.py PHOTOS --vgg16 vgg16.weights.h5 [--transform backbone] [--precision int8] [--keep DIR]

PHOTOS holds train/, validation/ and test/ with one folder a class. VGG19 (random weights: speed does not depend on
them) stays frozen below Dense(1), rmsprop, batches of 20, 100 epochs of augmented training images. With `--vgg16` it
is a VGG16 of these weights, and accuracies mean something; int8 needs it, as it is refused where accuracy is lost.
frostline runs to its end, in a new project with the shipped recipe, its cache empty; `--keep` keeps that project.
Keras is what a tutorial does: image_dataset_from_directory, random layers in the input pipeline, fit. It is
timed on some steps of training and of validation after two of each to warm up, and its run is those means
times 100 epochs of all steps. It runs in float32, its default, and in the asked precision.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from frostline.template import project as project_files

EPOCHS, BATCH, SIZE = 100, 20, 224
NAME, WEIGHTS = "cats-dogs-vgg19", "vgg19-imagenet"


def keras_fit(photos: Path, network: str, precision: str, steps: int) -> dict[str, float]:
    """Seconds of one step of training and one of validation, means over `steps` after a warm-up."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(7)
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")
    layers = keras.layers
    varied = keras.Sequential(
        [
            layers.RandomRotation(40 / 360),
            layers.RandomTranslation(0.2, 0.2),
            layers.RandomShear(0.2, 0.2),
            layers.RandomZoom(0.2),
            layers.RandomFlip("horizontal"),
        ]
    )

    def dataset(split: str):  # type: ignore[no-untyped-def]  # tf.data is untyped
        found = keras.utils.image_dataset_from_directory(
            photos / split, label_mode="binary", image_size=(SIZE, SIZE), batch_size=BATCH, verbose=False
        )
        if split == "train":
            found = found.map(lambda x, y: (varied(x, training=True), y), num_parallel_calls=tf.data.AUTOTUNE)
        return found.map(lambda x, y: (x / 255.0, y)).prefetch(tf.data.AUTOTUNE)

    base = getattr(keras.applications, network)(include_top=False, weights=None, input_shape=(SIZE, SIZE, 3))
    base.trainable = False
    outputs = layers.Dense(1, activation="sigmoid", dtype="float32")(layers.Flatten()(base.output))
    model = keras.Model(base.input, outputs)
    model.compile(keras.optimizers.RMSprop(1e-4), "binary_crossentropy", metrics=["accuracy"])
    ticks = _Ticks()
    train, held = dataset("train"), dataset("validation")
    model.fit(train.take(steps + 2), epochs=1, verbose=0, callbacks=[ticks.callback()])
    model.evaluate(held.take(steps + 2), verbose=0, callbacks=[ticks.callback()])
    return {"train": ticks.mean("train"), "validation": ticks.mean("test")}


class _Ticks:
    """When each batch ended; the first two are left out."""

    def __init__(self) -> None:
        self.ends: dict[str, list[float]] = {"train": [], "test": []}

    def callback(self):  # type: ignore[no-untyped-def]  # Keras is untyped
        import keras

        ends = self.ends

        class Tick(keras.callbacks.Callback):  # type: ignore[misc]  # Keras is untyped
            def on_train_batch_end(self, *_: object, **__: object) -> None:
                ends["train"].append(time.perf_counter())

            def on_test_batch_end(self, *_: object, **__: object) -> None:
                ends["test"].append(time.perf_counter())

        return Tick()

    def mean(self, kind: str) -> float:
        ends = self.ends[kind][1:]
        return (ends[-1] - ends[0]) / (len(ends) - 1)


def keras_run(
    photos: Path, network: str, precision: str, steps: int, counts: dict[str, int]
) -> dict[str, float]:
    """Keras in a process of its own: images per second of each kind, and the whole run in seconds."""
    words = [str(photos), "--precision", precision, "--steps", str(steps), "--child", network]
    done = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    step = json.loads(done.stdout.strip().splitlines()[-1])
    seconds = EPOCHS * sum(math.ceil(counts[split] / BATCH) * step[split] for split in counts)
    return {"seconds": seconds, **{split: BATCH / step[split] for split in counts}}


def frostline_run(
    folder: Path, photos: Path, recipe: dict[str, Any], weights: Path | None
) -> dict[str, float]:
    """Seconds of each command in a new project in `folder` with the lecture's recipe, these keys of it changed."""
    project = folder / "project"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "FROSTLINE_CACHE": str(folder / "cache")
    }  # fmt: skip

    def command(*words: str, cwd: Path = project) -> float:
        started = time.perf_counter()
        done = subprocess.run(
            ["frostline", *words], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"frostline {' '.join(words)}: {done.stderr}")
        sys.stderr.writelines(f"    {line}\n" for line in done.stderr.splitlines()[-3:])
        return time.perf_counter() - started

    command("init", "project", "--recipe", "cats_dogs", "--data", str(photos.resolve()), cwd=folder)
    if weights:
        (project / "pretrained").mkdir(exist_ok=True)
        (project / "pretrained" / weights.name).symlink_to(weights.resolve())
    params = yaml.safe_load((project / "params.yaml").read_text())
    params["weights"][WEIGHTS] = recipe.pop("weights")
    params["classifiers"][NAME]["image"]["transform"] = recipe.pop("transform")
    params["classifiers"][NAME] |= recipe
    (project / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))
    command("lock")
    command("weights", WEIGHTS)
    spent = {"preprocess": command("preprocess", "cats-dogs")}
    command("lock")  # int8 is calibrated on photos that it draws from the manifest
    return spent | {stage: command(stage, NAME) for stage in ("train", "evaluate")}


def said(project: Path) -> str:
    """The trained classifier's accuracies, with their intervals, and losses."""
    found = json.loads((project / "metrics" / f"{NAME}.json").read_text())
    return "; ".join(
        f"{split} {of['accuracy']:.1%} ({of['accuracy_low']:.1%} to {of['accuracy_high']:.1%}), loss {of['loss']:.3f}"
        for split, of in ((split, found[split]) for split in ("train", "validation", "test"))
    )


def run(photos: Path, given: argparse.Namespace) -> None:
    """Both sides, a table, and the factors."""
    network = "VGG16" if given.vgg16 else "VGG19"
    precision = given.precision
    source = given.vgg16.name if given.vgg16 else "random"
    images = {split: len(list((photos / split).rglob("*.jpg"))) for split in ("train", "validation", "test")}
    counts = {split: images[split] for split in ("train", "validation")}  # what fit passes, in every epoch
    recipe = {
        "weights": {"backbone": network.lower(), "source": source},
        "transform": given.transform,
        "precision": precision,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(exist_ok=True)
        ours = frostline_run(folder, photos, recipe, given.vgg16)
        accuracies = said(folder / "project")
    whole = ours["preprocess"] + ours["train"]
    shipped = yaml.safe_load(project_files.recipe("cats_dogs"))["classifiers"][NAME]
    forwards = (
        EPOCHS * sum(counts.values()),
        shipped["augmentation"]["views"] * images["train"] + images["validation"] + images["test"],
    )
    print("| | training, images/s | validation, images/s | the whole run, s | of frostline's |")
    print("|:--|--:|--:|--:|--:|")
    print(f"| frostline, {precision}: preprocess | | | {ours['preprocess']:.1f} | |")
    print(f"| frostline, {precision}: train | | | {ours['train']:.1f} | |")
    for kind in dict.fromkeys(["float32", precision]):
        if kind == "int8":
            continue  # Keras trains in none
        theirs = keras_run(photos, network, kind, given.steps, counts)
        rates = f"{theirs['train']:.1f} | {theirs['validation']:.1f}"
        ratio = f"{theirs['seconds'] / ours['train']:.0f} of train, {theirs['seconds'] / whole:.0f} of both"
        print(
            f"| Keras fit, {kind}, extrapolated | {rates} | {theirs['seconds']:.0f} | {ratio} |", flush=True
        )
    print(
        f"Factor by fewer forward passes: {forwards[0]} / {forwards[1]} = {forwards[0] / forwards[1]:.1f}; "
        f"frostline's rate with everything else in it: {forwards[1] / ours['train']:.1f} images/s"
    )
    print(accuracies)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--precision", default="bfloat16", choices=["float32", "bfloat16", "float16", "int8"])
    parser.add_argument("--vgg16", type=Path, help="weights of a VGG16 without its top")
    parser.add_argument("--transform", default="rescale", choices=["rescale", "backbone"])
    parser.add_argument("--keep", type=Path, help="a folder for the project, which then stays")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--child", metavar="NETWORK")
    given = parser.parse_args()
    if given.child:
        print(json.dumps(keras_fit(given.photos, given.child, given.precision, given.steps)))
    else:
        run(given.photos, given)


if __name__ == "__main__":
    main()
