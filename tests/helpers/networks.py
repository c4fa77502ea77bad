"""Small classifiers and networks for tests: images 32x40, two or three classes, seconds to train."""

from typing import Any

import pytest

from frostline import config
from frostline.config import Augmentation, Classifier, ClassifierHead, Phase, Training
from frostline.models.keras_backend import keras
from frostline.models.network import Network
from frostline.models.transform import transform_layer
from helpers.params import CNN, PRETRAINED, WHOLE

# Keras 3.15 copies TensorFlow's variables in a way that NumPy 2 warns of.
KERAS_COPIES = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning"
)

HEIGHT, WIDTH = 32, 40


def head(**changes: Any) -> ClassifierHead:
    """A plain head with changes."""
    return ClassifierHead(
        **{"pooling": "average", "standardize": False, "dense": {}, "dropout": 0.0, **changes}
    )


def phase(**changes: Any) -> Phase:
    """A phase with changes."""
    values = {"freeze": "all", "epochs": 2, "batch_size": 8, "optimizer": "adam", "learning_rate": 0.01}
    return Phase(**{**values, **changes})


def training(**changes: Any) -> Training:
    """Plain training with changes."""
    plain = {"schedule": "constant", "warmup": 0.0, "class_weights": "equal", "label_smoothing": 0.0}
    return Training(**{**plain, "early_stopping": None, **changes})


def augmentation(**changes: Any) -> Augmentation:
    """An augmentation that changes nothing, with changes."""
    nothing = {"rotation": 0, "width_shift": 0, "height_shift": 0, "shear": 0, "zoom": 0}
    return Augmentation(**{**nothing, "horizontal_flip": False, "views": 2, **changes})


def classifier(*, backbone: str | None = "vgg16", **changes: Any) -> Classifier:
    """A classifier without hidden layers, with changes by top-level key; `backbone` None is a plain network."""
    top = {"head": head().model_dump()}
    own = {
        "weights": "net",
        "network": {"type": "pretrained", "end_at": None, **top} if backbone else {**CNN["network"], **top},
        "phases": {"only": phase(freeze="all" if backbone else "none").model_dump()},
    }
    weights = {"backbone": backbone, "source": "random" if backbone else "scratch"}
    entry = {**(PRETRAINED if backbone else CNN), **own, **changes}
    whole = {**WHOLE, "weights": {"net": weights}, "classifiers": {"tiny": entry}}
    return config.parse(whole).classifiers["tiny"]


def residual(*, classes: int = 3, seed: int = 5) -> Network:
    """A small network with one residual block and batch normalisation, to be cut anywhere."""
    k = keras(seed=seed)
    pixels = k.Input((HEIGHT, WIDTH, 3), name="pixels")
    stem = transform_layer("symmetric")(pixels)
    stem = k.layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name="stem")(stem)
    x = k.layers.Conv2D(4, 3, padding="same", name="branch_conv1")(stem)
    x = k.layers.BatchNormalization(name="branch_norm", momentum=0.5)(x)
    x = k.layers.Conv2D(4, 3, padding="same", name="branch_conv2")(x)
    x = k.layers.Add(name="add")([stem, x])
    x = k.layers.Conv2D(6, 3, padding="same", activation="relu", name="last_conv")(x)
    x = k.layers.BatchNormalization(name="last_norm", momentum=0.5)(x)
    body = k.Model(pixels, k.layers.GlobalAveragePooling2D(name="pool")(x), name="body")
    features = k.Input((6,), name="features")
    logits = k.layers.Dense(1 if classes == 2 else classes, name="logits")(features)
    return Network(body=body, head=k.Model(features, logits, name="head"))
