"""A backbone's pretrained weights as one file of Keras, wherever they come from."""

import warnings
from pathlib import Path
from typing import Any

from frostline.errors import InputError, first_line
from frostline.models import backbones
from frostline.models.keras_backend import keras

GIVEN = ("imagenet", "random")  # sources that are no files


def save(backbone: str, source: str | Path, *, seed: int, to: Path) -> None:
    """Write the weights of a backbone without its classification layers to `to` (`.weights.h5`).

    `source`: a weights file, `imagenet` (downloaded by Keras) or `random` (drawn with `seed`). The same source
    gives the same bytes. InputError saying what to do where it is missing or does not fit.
    """
    keras(seed=seed)
    if source == "imagenet":
        model = backbones.imagenet(backbone)
    else:
        model = backbones.build(backbone)
        if source != "random":
            _load(model, Path(source), backbone)
    model.save_weights(to)


def _load(model: Any, path: Path, backbone: str) -> None:
    if not path.is_file():
        raise InputError(f"{path} is missing; put or link the weights file there, or name another source")
    try:
        with warnings.catch_warnings():
            # Keras only warns where a part of the file is missing, and leaves those layers as drawn.
            warnings.filterwarnings("error", category=UserWarning)
            model.load_weights(path)
    except Exception as error:  # whatever h5py and Keras find wrong with a file
        raise InputError(
            f"{path} does not hold weights of {backbone} without its classification layers "
            f"({first_line(error)}); name the right backbone or file"
        ) from None
