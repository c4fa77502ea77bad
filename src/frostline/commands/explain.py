"""`frostline net explain CLASSIFIER IMAGE`: what a classifier says of an image, and its nearest training images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from frostline.config import ONNX
from frostline.datasets.source import read_image
from frostline.errors import InputError, one_line, weights_note
from frostline.features import trunks
from frostline.files import printable
from frostline.images import ImageError
from frostline.models import keras_backend
from frostline.progress import announce
from frostline.scoring.model import open_model
from frostline.training import recipe
from frostline.training.nearest import NearImage, nearest
from frostline.training.recipe import Recipe

TOP = 3  # classes


def run(name: str, images: Sequence[Path], *, count: int = 5) -> list[str]:
    """Lines for each image: its classes by probability, how unlike the training images it is, and its `count`
    nearest training images by name, by the cached features of the classifier's frozen layers.

    InputError for an image that cannot be read, and for a classifier of which nothing is frozen.
    """
    inputs, contents = recipe.read(name), [_content(image) for image in images]
    with open_model(name, batch_size=1) as model:
        rows = model.predict(contents, top_k=TOP).arrow.to_pylist()
        for image, row in zip(images, rows, strict=True):
            if row["error"]:
                raise InputError(f"{printable(image)}: {row['error']}; name another image")
        features = model.embed(contents)
    near = _nearest(inputs, features, count)
    note = weights_note(inputs.weights["source"])
    texts = [_text(*of) for of in zip(images, rows, near, strict=True)]
    return [*texts, note] if note else texts


def _content(image: Path) -> bytes:
    try:
        return read_image(image)
    except OSError as error:
        raise InputError(
            f"{printable(image)}: cannot be read: {error.strerror}; name an image file"
        ) from None
    except ImageError as error:
        raise InputError(f"{printable(image)}: {error}; name another image") from None


def _nearest(inputs: Recipe, features: npt.NDArray[np.float32], count: int) -> list[list[NearImage]]:
    """Of the training images' rows, which training kept; those that are missing are computed."""
    if inputs.weights["backbone"] != ONNX:
        announce(f"loading {inputs.name} in Keras", about=keras_backend.LOADING)
    _, last = recipe.load_trained(inputs)
    train = inputs.manifest.split("train")
    return nearest(
        features.reshape(len(features), *trunks.shape(last.trunk)),
        inputs.rows(last, "train"),
        paths=train.paths,
        labels=[inputs.manifest.classes[label] for label in train.labels],
        places=count,
    )


def _text(image: Path, row: Mapping[str, Any], near: Sequence[NearImage]) -> str:
    ranks = zip(row["topk_labels"], row["topk_probs"], strict=True)
    answers = ", ".join(f"{one_line(label)} {prob:.1%}" for label, prob in ranks)
    far = row.get("unknown")
    unlike = "" if far is None else f"; further from the training images than {far:.1%} of images like them"
    lines = [f"  {one.similarity:6.3f}  {one_line(one.label)}  {one_line(one.path)}" for one in near]
    return "\n".join([f"{one_line(printable(image))}: {answers}{unlike}", "nearest training images:", *lines])
