"""Is a classifier as accurate as the same network trained by plain Keras, from photos, epoch by epoch?

    python benchmarks/plain.py PHOTOS CLASSIFIER...

In a project whose classifiers are trained; PHOTOS is the dataset's folder, with train/ and validation/. Keras does
what a tutorial does: image_dataset_from_directory reads, decodes and resizes, `fit` passes every image through
the whole network in every epoch, with the recipe's optimizer, rate, batch and number of epochs. Only the
network's layers are frostline's. One phase, wholly frozen or wholly trained, no views. Printed: both accuracies on
the validation images, their difference with its 95% interval, McNemar's test, and the seconds of `fit`.
"""

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np

from frostline import paths
from frostline.evaluation import comparison, predictions
from frostline.evaluation.comparison import Side
from frostline.evaluation.predictions import Predictions
from frostline.models import heads
from frostline.training import recipe
from frostline.training.recipe import Recipe


def images(inputs: Recipe, folder: Path, *, batch: int, shuffled: bool) -> Any:
    """Keras' own dataset of a split's folder, classes in the order of the manifest."""
    size = inputs.entry.image.size
    return keras.utils.image_dataset_from_directory(
        folder,
        label_mode="int",
        class_names=list(inputs.manifest.classes),
        image_size=(size.height, size.width),
        batch_size=batch,
        shuffle=shuffled,
        seed=inputs.seed,
        verbose=False,
    )


def standardized(network: Any, train: Any) -> None:
    """Mean 0 and deviation 1 of each feature over the training images: one more pass, before `fit`."""
    features = network.body.predict(train, verbose=0)
    spread = features.std(axis=0)
    layer = network.head.get_layer("standardize")
    layer.mean.assign(features.mean(axis=0))
    layer.scale.assign(np.where(spread > 0, 1 / np.maximum(spread, 1e-12), 1.0))


def fitted(name: str, photos: Path, said: Predictions) -> tuple[Predictions, float]:
    """What plain Keras says of the validation images after its training, and the seconds of `fit`."""
    inputs = recipe.read(name)
    ((_, phase),) = inputs.entry.phases.items()
    network = inputs.network()
    network.body.trainable = phase.freeze == "none"
    train = images(inputs, photos / "train", batch=phase.batch_size, shuffled=True)
    held = images(inputs, photos / "validation", batch=phase.batch_size, shuffled=False)
    if inputs.entry.network.head.standardize:
        standardized(network, train)
    logits = network.head(network.body(network.body.inputs[0]))
    model = keras.Model(network.body.inputs[0], logits)
    binary = logits.shape[-1] == 1
    loss = "BinaryCrossentropy" if binary else "SparseCategoricalCrossentropy"
    optimizer = keras.optimizers.get(phase.optimizer)
    optimizer.learning_rate = phase.learning_rate
    model.compile(optimizer, getattr(keras.losses, loss)(from_logits=True))
    started = time.perf_counter()
    model.fit(train, epochs=phase.epochs, validation_data=held, verbose=0)
    spent = time.perf_counter() - started
    probs = np.asarray(heads.probabilities(model.predict(held, verbose=0)))
    rows = {str(Path(path).relative_to(photos)): row for row, path in enumerate(held.file_paths)}
    ours = said.split("validation")
    order = [rows[path] for path in ours.paths]
    return dataclasses.replace(ours, probs=probs[order]), spent


def main() -> None:
    """Compare every classifier named with its plain training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("classifier", nargs="+")
    given = parser.parse_args()
    for name in given.classifier:
        said = predictions.read(
            paths.classifier(name) / "predictions.parquet", made_by=f"dvc repro train@{name}"
        )
        other, spent = fitted(name, given.photos, said)
        print(comparison.pairwise([(Side(name, said.split("validation")), Side("plain Keras", other))]))
        print(f"Keras' fit took {spent:.0f} s\n", flush=True)


if __name__ == "__main__":
    main()
