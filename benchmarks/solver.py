"""A head by a solver beside one by epochs, on the same frozen features: how many test photos each gets right.

    python benchmarks/solver.py ../photos/cats_dogs --project ../pets --weights efficientnet_lite0
    python benchmarks/solver.py ../photos/intel --backbone mobilenet --weights FILE --end-at conv_pw_12_relu

All training photos, and parts of them drawn with two seeds. By epochs: Adam at 3e-4 in batches of 32, dropout 0.5,
about 1,500 steps, ended when the validation loss has not fallen for ten epochs, which is what `frostline init` wrote
until it wrote the solver. Without validation folders a sixth of the training photos takes their place.
"""

import argparse
import time
from typing import Any

import numpy as np

import frostline
from frostline.config import ClassifierHead, EarlyStopping, Phase, Training
from frostline.models import heads
from frostline.models.keras_backend import keras
from frostline.template.recipe import STRENGTHS
from frostline.training import loop, solver
from frostline.training.loop import LabelledRows

SIZES, SEEDS = (749, 200, 60), (0, 1)
STOPPING = Training(
    schedule="constant",
    warmup=0.0,
    class_weights="equal",
    label_smoothing=0.0,
    early_stopping=EarlyStopping(measure="loss", patience=10),
)
Split = tuple[np.ndarray, np.ndarray]


def splits(found: Any, *, count: int | None, seed: int) -> dict[str, Split]:
    """Rows and labels of train, validation and test; of `count` training photos, and a quarter as many beside them."""
    labels = np.searchsorted(sorted(set(found.labels)), found.labels)
    rng = np.random.default_rng(seed)
    places = {name: np.flatnonzero(found.splits == name) for name in ("train", "validation", "test")}
    if not len(places["validation"]):
        drawn = rng.permutation(places["train"])
        places["validation"], places["train"] = np.split(drawn, [len(drawn) // 6])
    if count:
        places["train"] = rng.permutation(places["train"])[:count]
        places["validation"] = rng.permutation(places["validation"])[: max(60, count // 4)]
    return {name: (found.features[some], labels[some]) for name, some in places.items()}


def solved(parts: dict[str, Split], *, classes: int) -> tuple[float, float]:
    """Accuracy on test, and the strength."""
    found = solver.candidates(
        [parts["train"][0]], parts["train"][1], *parts["validation"], strengths=STRENGTHS, classes=classes
    )
    best = solver.best(list(found))
    return right(best.head(parts["test"][0]), parts["test"][1]), best.strength


def trained(parts: dict[str, Split], *, classes: int) -> float:
    """Accuracy on test."""
    (rows, labels), held = parts["train"], parts["validation"]
    settings = ClassifierHead(pooling="flatten", standardize=True, dense={}, dropout=0.5)
    head = heads.build(settings, features=rows.shape[1], classes=classes)
    loop.standardize(head, rows)
    epochs = max(10, min(100, round(1500 * 32 / len(rows))))
    phase = Phase(freeze="all", epochs=epochs, batch_size=32, optimizer="adam", learning_rate=3e-4)
    data = LabelledRows(lambda _: rows, labels), LabelledRows(lambda _: held[0], held[1])
    for _ in loop.Fit(head, phase, *data, [7, 0], STOPPING).epochs():
        pass
    return right(loop.predict(head, parts["test"][0]), parts["test"][1])


def right(probs: np.ndarray, labels: np.ndarray) -> float:
    """Share of right answers, 0-1."""
    return float((probs.argmax(1) == labels).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos")
    for option in ("--weights", "--backbone", "--end-at", "--project"):
        parser.add_argument(option)
    asked = vars(parser.parse_args())
    found = frostline.extract_features(asked.pop("photos"), **asked)
    keras(seed=7)
    classes = len(set(found.labels))
    for count, seed in [(None, 0), *((size, seed) for size in SIZES for seed in SEEDS)]:
        parts = splits(found, count=count, seed=seed)
        start = time.monotonic()
        accuracy, strength = solved(parts, classes=classes)
        middle = time.monotonic()
        other = trained(parts, classes=classes)
        print(
            f"{len(parts['train'][1]):5} photos, seed {seed}: solver {accuracy:.2%} (C {strength:g}, "
            f"{middle - start:.1f} s), epochs {other:.2%} ({time.monotonic() - middle:.1f} s)"
        )


if __name__ == "__main__":
    main()
