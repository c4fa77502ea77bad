"""`frostline net classify`: ImageNet's class names for images, from a pretrained network as it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from frostline import config
from frostline import images as decoder
from frostline.config.backbones import TABLE
from frostline.datasets.source import read_image
from frostline.errors import FrostlineError, InputError
from frostline.files import printable
from frostline.images import ImageError
from frostline.models import backbones, keras_backend
from frostline.progress import announce, say


def run(
    images: Sequence[Path],
    *,
    backbone: str,
    weights: Path | None = None,
    classes: Path | None = None,
    top: int = 5,
) -> None:
    """Say the `top` most probable of 1,000 names for each image.

    InputError for what was given wrongly, before work begins; FrostlineError, at the end, where an
    image could not be read.
    """
    config.require_backbone(backbone)
    announce(f"loading {backbone} in Keras", about=keras_backend.LOADING)
    names = backbones.class_names(classes)
    network = backbones.whole(backbone, weights=weights)
    side, unreadable = TABLE[backbone].side, 0
    for path in images:
        try:
            pixels = decoder.decode(read_image(path), height=side, width=side, resize="crop")
        except (ImageError, InputError, OSError) as error:
            unreadable += 1
            say(f"{printable(path)}: {getattr(error, 'strerror', None) or error}")
            continue
        probs = np.asarray(network(pixels[None], training=False))[0]
        say(f"{printable(path)}\n{_lines(probs, names, top)}")
    if unreadable:
        raise FrostlineError(f"{unreadable} of {len(images)} images could not be read; name image files")


def _lines(probs: np.ndarray, names: Sequence[str], top: int) -> str:
    order = np.argsort(-probs, kind="stable")[:top]
    return "\n".join(f"  {probs[place]:6.1%}  {names[place].replace('_', ' ')}" for place in order)
