"""One training for the sake of its figures; nothing but the cache is written."""

import time
from dataclasses import dataclass
from typing import Any

from frostline.training import assemble, phases
from frostline.training.loop import Epoch
from frostline.training.recipe import Recipe


@dataclass(frozen=True)
class Trial:
    """What came of a training: the part that trained, its epochs, validation accuracy (0-1) over so many images.

    The seconds are those of training alone, after all features it reads are cached; live views never are.
    """

    upper: Any
    epochs: tuple[Epoch, ...]
    accuracy: float
    images: int
    seconds: float


def trial(inputs: Recipe) -> Trial:
    """Cache what the training needs, then train to its end."""
    network = inputs.network()
    parts = assemble.cut_phases(network, inputs.entry)
    phases.extract(inputs, network, parts)
    start = time.monotonic()
    epochs = list(phases.train(inputs, network, parts))
    return Trial(
        upper=list(parts.values())[-1].upper,
        epochs=tuple(epoch for _, epoch in epochs),
        accuracy=epochs[-1][1].val_accuracy,
        images=len(inputs.manifest.split("validation").ids),
        seconds=time.monotonic() - start,
    )
