"""Stage `weights@NAME`: bring pretrained weights into one file, with where they came from."""

import warnings
from pathlib import Path

from frostline import config, files, paths
from frostline.config import Weights
from frostline.errors import InputError, first_line, weights_note


def run(name: str) -> str:
    """Write `backbone.weights.h5` and `source.json` for one weights entry; scratch has no file."""
    settings = config.load()
    entry = config.entry(settings.weights, name, what="weights")
    folder = paths.weights(name)
    source = {"name": name, "backbone": entry.backbone, "source": entry.source, "sha256": None}
    if entry.backbone is not None:
        with files.writing(folder / paths.BACKBONE) as temporary:
            _save(entry, seed=settings.seed, to=temporary)
        source["sha256"] = files.sha256_file(folder / paths.BACKBONE)
    files.write_json(folder / "source.json", source)
    return f"{name}: {_described(entry)}"


def _described(entry: Weights) -> str:
    if entry.backbone is None:
        return "from scratch, no weights"
    return f"{entry.backbone}, {weights_note(entry.source) or f'weights from {entry.source}'}"


def _save(entry: Weights, *, seed: int, to: Path) -> None:
    from frostline.models import backbones
    from frostline.models.keras_backend import keras

    keras(seed=seed)
    name = str(entry.backbone)
    if entry.source == "imagenet":
        model = backbones.imagenet(name)
    else:
        model = backbones.build(name)
        if entry.source != "random":
            _load(model, entry)
    model.save_weights(to)


def _load(model: object, entry: Weights) -> None:
    path = paths.PRETRAINED / entry.source
    if not path.is_file():
        raise InputError(f"{path} is missing; put or link the weights file there, or name another source")
    try:
        with warnings.catch_warnings():
            # Keras only warns where a part of the file is missing, and leaves those layers as drawn.
            warnings.filterwarnings("error", category=UserWarning)
            model.load_weights(path)  # type: ignore[attr-defined]
    except Exception as error:  # whatever h5py and Keras find wrong with a file
        raise InputError(
            f"{path} does not hold weights of {entry.backbone} without its classification layers "
            f"({first_line(error)}); name the right backbone or file in params.yaml"
        ) from None
